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
from ..store.keys import Recipe
from ..store.shards import file_size, shapes_of
from ..store.statistics import statistics_tensors
from ..store.words import words_tensors
from ..treebanks.concepts import parse_task
from ..treebanks.discover import TreebankFile
from ..types import Split
from .plan import (
    ExtractionRequest,
    FilePlan,
    check,
    make_marker,
    make_recipe,
    read_and_prepare,
    settle,
    still_to_do,
)
from .prepare import PreparedCorpus
from .sinks import states_bytes

PROBED_SENTENCES = 192
PROBED_SECONDS = 5.0


@dataclass(frozen=True)
class FileEstimate:
    """What one file would take."""

    treebank: str
    language: str
    split: Split
    layers: tuple[int, ...]
    skipped: tuple[int, ...]
    words: int
    sents: int
    left_out: dict[str, int]
    bytes: int


@dataclass(frozen=True)
class ExtractionEstimate:
    store: str
    recipe: Recipe
    planned: tuple[FileEstimate, ...]
    bytes: int
    free_bytes: int
    words_per_second: float  # of the probe; 0 where nothing is to be done
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {
            **{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
            "recipe": self.recipe.to_json(),
            "planned": [dataclasses.asdict(planned) for planned in self.planned],
        }


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
    planned, speed, needed = [], 0.0, 0
    for file in files:
        work = still_to_do(store, file, request)
        if work.layers or work.there is None:
            prepared = read_and_prepare(model, store, work, request)
            work = settle(store, work, request, make_marker(store, work, prepared))
            speed = speed or _words_per_second(model, recipe, work, prepared, request.batch_tokens)
            size = _bytes(recipe, work, request, prepared)
            counts = (prepared.words, prepared.sents, prepared.left_out)
        else:
            size, counts = 0, (work.there.words, work.there.sents, work.there.left_out)
        names = (file.treebank, file.language, file.split)
        planned.append(FileEstimate(*names, work.layers, work.skipped, *counts, size))
        needed += size
        bar.advance()
    words = sum(item.words for item in planned if item.layers)
    existing = next(
        folder for folder in [Path(out).absolute(), *Path(out).absolute().parents] if folder.exists()
    )
    return ExtractionEstimate(
        store=str(out),
        recipe=recipe,
        planned=tuple(planned),
        bytes=needed,
        free_bytes=shutil.disk_usage(existing).free,
        words_per_second=speed,
        seconds=words / speed if speed else 0.0,
    )


def _bytes(recipe: Recipe, work: FilePlan, request: ExtractionRequest, prepared: PreparedCorpus) -> int:
    """Of the shards that would be written, exactly (their markers aside)."""
    annotations = prepared.corpus.select(prepared.kept)
    if request.sink == "states":
        ids = [prepared.corpus.sent_ids[place] for place in prepared.kept]
        tensors, names = words_tensors(annotations, prepared.kept, ids)
        own = 0 if work.there is not None else file_size(shapes_of(tensors), names)
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
    if not work.layers:
        return 0.0
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
