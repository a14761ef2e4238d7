"""Treebank × model → store: states of words, or their class statistics; and what that would take.

A run that was stopped resumes: a shard whose marker is whole and whose treebank is unchanged
is not made again, and what is made again has the same bytes.
"""

import dataclasses
import shutil
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ..class_sums import Statistics
from ..errors import StoreError, UsageError
from ..layers import resolve_layers
from ..lock import writing
from ..models.load import load_model
from ..models.protocol import LanguageModel
from ..progress import Progress, Silent, size
from ..registration import suggest
from ..store import Store, manifest
from ..store.keys import Recipe, words_name
from ..store.shards import file_size, shapes_of, statistics_tensors, words_tensors
from ..treebanks.concepts import parse_task
from ..treebanks.corpus import Corpus
from ..treebanks.discover import TreebankFile, find_treebanks
from ..types import SPLITS, Split
from .plan import (
    CorpusSplit,
    ExtractionRequest,
    FilePlan,
    FileReport,
    check,
    make_recipe,
    plan_file,
    shard_names,
    words_to_write,
)
from .prepare import PreparedCorpus
from .sinks import states_bytes, states_sink, statistics_sink
from .states import run

PROBED_SENTENCES = 192  # for the time that an extraction would take
PROBED_SECONDS = 5.0
LOADING = ("revision", "dtype", "device", "device_map", "offline")  # settings of the model


@dataclass(frozen=True)
class ExtractionReport:
    """What an extraction did."""

    store: str
    recipe: Recipe
    done: tuple[FileReport, ...]
    seconds: float

    @property
    def words_per_second(self) -> float:
        """Words of the files that were run now, over the time they took."""
        ran = [done for done in self.done if done.layers]
        spent = sum(done.seconds for done in ran)
        return sum(done.words for done in ran) / spent if spent else 0.0

    def to_json(self) -> dict[str, Any]:
        facts = dataclasses.asdict(self) | {"recipe": self.recipe.to_json()}
        return facts | {"words_per_second": self.words_per_second}


def extract(
    model: "str | Path | LanguageModel | tuple[Any, Any]",
    treebanks: str | Path | Corpus | Sequence[Corpus | TreebankFile],
    out: str | Path,
    *,
    layers: int | Sequence[int] | str = "all",
    langs: str | Sequence[str] = "all",
    splits: Sequence[Split] = SPLITS,
    progress: Progress | None = None,
    **settings: Any,
) -> Store:
    """Run a frozen model over treebanks and keep the states of their words; a stopped run resumes.

    Args:
        model: ``"mini-encoder"``, ``"mini-decoder"`` (shipped), a Hugging Face model id, a folder, or a
            loaded ``(model, tokenizer)`` pair.
        treebanks: a UD release, one treebank's folder, a CoNLL-U file; or corpora in memory.
        out: the store's folder.
        layers: 7, [6, 10], -1 (the last) or ``"all"``; 0 is the embeddings.
        langs: codes, or the name of a set (``"all"``, ``"targets"``, ``"family:germanic"``).
        splits: of train, dev and test.
        settings: further fields of :class:`~concept_align.extraction.config.ExtractConfig`, such as
            ``sink="statistics"``, ``tasks=["upos", "column:XPOS"]``, ``max_words=64``, ``limit=100``,
            ``device="cuda"``.

    Returns:
        The store, opened.

    Raises StoreError (another recipe, another writer, no space, a value too large for the save dtype),
    ModelError and TreebankError. Whatever was finished before is kept.

    Example:
        >>> import concept_align as ca
        >>> store = ca.extract("mini-encoder", ca.mini_treebanks(), tmp / "store", langs=["en"], layers=[3])
        >>> store.languages("train")
        ('en',)
    """
    loading = {name: settings.pop(name) for name in LOADING if name in settings}
    if odd := sorted(set(settings) - {field.name for field in dataclasses.fields(ExtractionRequest)}):
        known = [field.name for field in dataclasses.fields(ExtractionRequest)]
        raise UsageError("is no setting of an extraction", option=odd[0], remedy=suggest(odd[0], known))
    ExtractionRequest(layers=(), **settings)  # what is wrong shows before the model is loaded
    files = files_of(treebanks, langs, splits)
    loaded = load_model(model, **loading)
    chosen = resolve_layers(layers, loaded.layers)
    report = extract_files(loaded, files, out, layers=chosen, progress=progress, **settings)
    for notice in (f"{one.treebank} {one.split}: {text}" for one in report.done for text in one.notices):
        warnings.warn(notice, UserWarning, stacklevel=2)
    return Store.open(out)


def files_of(
    treebanks: str | Path | Corpus | Sequence[Corpus | TreebankFile],
    langs: str | Sequence[str] = "all",
    splits: Sequence[Split] = SPLITS,
) -> list[TreebankFile]:
    """What :func:`extract` reads of ``treebanks``."""
    if isinstance(treebanks, str | Path):
        return find_treebanks(treebanks, None if langs == "all" else langs, splits)
    given = [treebanks] if isinstance(treebanks, Corpus) else list(treebanks)
    return [CorpusSplit.of(one) if isinstance(one, Corpus) else one for one in given]


def extract_files(
    model: LanguageModel,
    files: Sequence[TreebankFile],
    out: str | Path,
    *,
    progress: Progress | None = None,
    **settings: Any,
) -> ExtractionReport:
    """Run a loaded model over ``files``; ``settings`` are the fields of :class:`ExtractionRequest`.

    Raises what :func:`extract` raises.
    """
    request = ExtractionRequest(**settings)
    check(model, request)
    recipe = make_recipe(model, request)
    begun = time.perf_counter()
    progress = progress or Silent()
    with writing(Path(out)):  # held only while the recipe is settled, so that treebanks can go side by side
        store = Store.create(out, recipe)
    done = []
    for file in files:
        with writing(store.folder / file.treebank):
            manifest.sweep(store.folder / file.treebank, store.fingerprint, alone=True)
            done.append(_one(model, store, file, request, progress))
    return ExtractionReport(str(out), recipe, tuple(done), time.perf_counter() - begun)


def _one(
    model: LanguageModel, store: Store, file: TreebankFile, request: ExtractionRequest, progress: Progress
) -> FileReport:
    begun, name = time.perf_counter(), f"{file.treebank} {file.split}"
    work = plan_file(model, store, file, request)
    prepared, marker = work.prepared, work.marker
    if prepared is None:
        progress.say(f"{name}: already there")
        progress.bar(name, 0, unit="words")  # so that there is one for each file
        return work.report()
    states = request.sink == "states"
    folder, free = store.folder / file.treebank, shutil.disk_usage(store.folder).free
    needed = len(work.layers) * states_bytes(store.recipe, prepared.words, prepared.sents) if states else 0
    if needed > free:
        what = f"{size(needed)} are needed and {size(free)} are free"
        remedy = "free space, or choose another out folder, fewer layers, or statistics alone"
        raise StoreError(what, where=str(folder), remedy=remedy)
    bar = progress.bar(name, prepared.words, unit="words")
    annotations, written = prepared.corpus.select(prepared.kept), 0
    if states and words_to_write(store, work, request):
        tensors, names = words_tensors(annotations, prepared.kept, prepared.sent_ids)
        written = manifest.write_shard(folder / words_name(marker.split), marker, tensors, names)
    if work.layers:
        where = folder, store.recipe, work.layers, marker
        with states_sink(*where) if states else statistics_sink(*where, annotations, request) as sink:
            for part in run(model, prepared, work.layers, store.recipe.pooling, request.batch_tokens):
                sink(part)
                bar.advance(int(part.offsets[-1]))
    made = [shard for layer in work.layers for shard in shard_names(marker.split, layer, request)]
    store.remember(file.treebank, [*([words_name(marker.split)] if written else []), *made])
    written += sum((folder / shard).stat().st_size for shard in made)
    return work.report(written, time.perf_counter() - begun)


# --- what an extraction would take ---


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
