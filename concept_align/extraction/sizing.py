"""What an extraction would take: exact bytes, and time from a short timed probe of the model."""

import dataclasses
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..class_sums import Statistics
from ..models.protocol import LanguageModel
from ..progress import Progress, Silent
from ..store import Store
from ..store.contents import statistics_tensors, words_tensors
from ..store.keys import Recipe
from ..store.shards import file_size, shapes_of
from ..treebanks.concepts import parse_task
from ..treebanks.discover import TreebankFile
from .plan import (
    ExtractionRequest,
    FilePlan,
    FileReport,
    check,
    make_recipe,
    plan_file,
    words_to_write,
)
from .prepare import PreparedCorpus
from .sinks import states_bytes

PROBED_SENTENCES = 192
PROBED_SECONDS = 5.0


@dataclass(frozen=True)
class ExtractionEstimate:
    store: str
    recipe: Recipe
    planned: tuple[FileReport, ...]
    bytes: int
    free_bytes: int
    words_per_second: float  # of the probe; 0 where nothing is to be done
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"recipe": self.recipe.to_json()}


def estimate(
    model: LanguageModel,
    files: Sequence[TreebankFile],
    out: str | Path,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> ExtractionEstimate:
    """What :func:`.extract_files` would do with the same arguments; nothing is written."""
    request = ExtractionRequest(**settings)
    check(model, request)
    recipe = make_recipe(model, request)
    store = Store.create(out, recipe, write=False)
    bar = (progress or Silent()).bar("reading", len(files), unit="files")
    planned, speed = [], 0.0
    for file in files:
        work = plan_file(model, store, file, request)
        if work.prepared is not None and work.layers:
            speed = speed or _words_per_second(model, recipe, work, work.prepared, request.batch_tokens)
        seconds = work.marker.words / speed if speed and work.layers else 0.0
        planned.append(work.report(_bytes(store, work, request), seconds))
        bar.advance()
    place = Path(out).absolute()
    existing = next(folder for folder in (place, *place.parents) if folder.exists())
    return ExtractionEstimate(
        store=str(out),
        recipe=recipe,
        planned=tuple(planned),
        bytes=sum(file.bytes for file in planned),
        free_bytes=shutil.disk_usage(existing).free,
        words_per_second=speed,
        seconds=sum(file.seconds for file in planned),
    )


def _bytes(store: Store, work: FilePlan, request: ExtractionRequest) -> int:
    """Of the shards that would be written, exactly (their markers aside)."""
    prepared, recipe = work.prepared, store.recipe
    if prepared is None:
        return 0
    annotations = prepared.corpus.select(prepared.kept)
    if request.sink == "states":
        own = 0
        if words_to_write(store, work, request):
            tensors, names = words_tensors(annotations, prepared.kept, prepared.sent_ids)
            own = file_size(shapes_of(tensors), names)
        return own + len(work.layers) * states_bytes(recipe, prepared.words, prepared.sents)
    total = 0
    for name in request.tasks:
        concepts = parse_task(name, annotations).concepts
        sums = torch.empty(len(concepts), recipe.dim, dtype=torch.float64, device="meta")
        second = sums.new_empty(recipe.dim, recipe.dim) if request.second_moments else None
        counts = sums.new_empty(len(concepts), dtype=torch.int64)
        tensors, names = statistics_tensors(Statistics(concepts, counts, sums, second))
        total += len(work.layers) * file_size(shapes_of(tensors), names)
    return total


def _words_per_second(
    model: LanguageModel, recipe: Recipe, work: FilePlan, prepared: PreparedCorpus, batch_tokens: int
) -> float:
    _, pieces = next(prepared.blocks(model))
    step = max(1, len(pieces) // PROBED_SENTENCES)
    sample = pieces[::step][:PROBED_SENTENCES]
    words, begun = 0, time.perf_counter()
    # The first few sentences pay for what is set up once, and are not counted.
    for begin in range(0, len(sample), 32):
        chosen = sample[begin : begin + 32]
        parts = model.word_states(chosen, work.layers, pooling=recipe.pooling, batch_pieces=batch_tokens)
        for part in parts:
            words += int(part.offsets[-1])
        if begin == 0 and len(sample) > 32:
            words, begun = 0, time.perf_counter()
        elif time.perf_counter() - begun > PROBED_SECONDS:
            break
    return words / max(time.perf_counter() - begun, 1e-9)
