"""Treebank × model → store: states of words, or their class statistics.

A run that was stopped goes on where it was: a shard whose marker is whole and whose treebank is unchanged
is not made again, and what is made again has the same bytes.
"""

import dataclasses
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import StoreError, UsageError
from ..layers import resolve_layers
from ..models.load import load_model
from ..models.protocol import LanguageModel
from ..progress import Progress, Silent, size
from ..registration import suggest
from ..store import Store, manifest
from ..store.keys import Recipe, words_name
from ..store.lock import writing
from ..store.manifest import Marker
from ..store.shards import write_tensors
from ..store.upkeep import sweep
from ..store.words import words_tensors
from ..treebanks.concepts import check_task, parse_task
from ..treebanks.corpus import Annotations, Corpus
from ..treebanks.discover import TreebankFile, find_treebanks
from ..types import SPLITS, Split
from .plan import (
    CorpusSplit,
    ExtractionRequest,
    FilePlan,
    check,
    lacking_columns,
    make_marker,
    make_recipe,
    read_and_prepare,
    settle,
    still_to_do,
)
from .prepare import PreparedCorpus
from .sinks import Sink, states_bytes, states_sink, statistics_sink
from .states import run

LOADING = ("revision", "dtype", "device", "device_map", "offline")  # settings of the model


@dataclass(frozen=True)
class FileReport:
    """What became of one file."""

    treebank: str
    language: str
    split: Split
    layers: tuple[int, ...]  # run now
    skipped: tuple[int, ...]  # were there already
    words: int
    sents: int
    left_out: dict[str, int]  # reason -> sentences
    examples: dict[str, str]  # reason -> id of the first such sentence
    bytes: int  # written now
    seconds: float


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
        return {
            "store": self.store,
            "recipe": self.recipe.to_json(),
            "done": [dataclasses.asdict(done) for done in self.done],
            "seconds": self.seconds,
            "words_per_second": self.words_per_second,
        }


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
    for task in settings.get("tasks", ()):
        check_task(task)
    files = _files(treebanks, langs, splits)
    loaded = load_model(model, **loading)
    chosen = resolve_layers(layers, loaded.layers)
    extract_files(loaded, files, out, layers=chosen, progress=progress, **settings)
    return Store.open(out)


def _files(
    treebanks: str | Path | Corpus | Sequence[Corpus | TreebankFile],
    langs: str | Sequence[str],
    splits: Sequence[Split],
) -> list[TreebankFile]:
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
            sweep(store.folder / file.treebank, store.fingerprint, alone=True)
            done.append(_one(model, store, file, request, progress))
    return ExtractionReport(str(out), recipe, tuple(done), time.perf_counter() - begun)


def _one(
    model: LanguageModel,
    store: Store,
    file: TreebankFile,
    request: ExtractionRequest,
    progress: Progress,
) -> FileReport:
    work = still_to_do(store, file, request)
    if not work.layers and (there := work.there) is not None:
        progress.say(f"{file.treebank} {file.split}: already there")
        progress.bar(f"{file.treebank} {file.split}", 0, unit="words")  # so that there is one for each file
        counts = (there.words, there.sents, there.left_out)
        return FileReport(file.treebank, file.language, file.split, (), work.skipped, *counts, {}, 0, 0.0)
    begun = time.perf_counter()
    prepared = read_and_prepare(model, store, work, request)
    marker = make_marker(store, work, prepared)
    work = settle(store, work, request, marker)
    folder = store.folder / file.treebank
    if request.sink == "states":
        _check_space(folder, len(work.layers) * states_bytes(store.recipe, prepared.words, prepared.sents))
    bar = progress.bar(f"{file.treebank} {file.split}", prepared.words, unit="words")
    annotations = prepared.corpus.select(prepared.kept)
    written = 0
    if request.sink == "states":
        written = _write_words(store, file, request, prepared, annotations, marker)
    if work.layers:
        with _open(store, work, request, annotations, marker) as sink:
            for states in run(model, prepared, work.layers, store.recipe.pooling, request.batch_tokens):
                sink.add(states)
                bar.advance(int(states.offsets[-1]))
    return FileReport(
        treebank=file.treebank,
        language=file.language,
        split=file.split,
        layers=work.layers,
        skipped=work.skipped,
        words=prepared.words,
        sents=prepared.sents,
        left_out=prepared.left_out,
        examples=prepared.examples,
        bytes=written + _written(store, work, request),
        seconds=time.perf_counter() - begun,
    )


def _write_words(
    store: Store,
    file: TreebankFile,
    request: ExtractionRequest,
    prepared: PreparedCorpus,
    annotations: Annotations,
    marker: Marker,
) -> int:
    """Write the annotations unless they are there; the bytes written."""
    there = store.marker(marker.treebank, words_name(marker.split))
    lacking = lacking_columns(store, file, request)
    if there is not None and there.made_like(marker) and not request.force and not lacking:
        return 0
    path = store.folder / marker.treebank / words_name(marker.split)
    manifest.marker_path(path).unlink(missing_ok=True)
    ids = [prepared.corpus.sent_ids[place] for place in prepared.kept]
    size, digest = write_tensors(path, *words_tensors(annotations, prepared.kept, ids))
    manifest.write(path, dataclasses.replace(marker, kind="words", size=size, sha256=digest))
    return size


def _open(
    store: Store, work: FilePlan, request: ExtractionRequest, annotations: Annotations, marker: Marker
) -> AbstractContextManager[Sink]:
    """The sink of ``work``."""
    folder = store.folder / marker.treebank
    if request.sink == "states":
        return states_sink(folder, store.recipe, work.layers, marker)
    tasks = [parse_task(name, annotations) for name in request.tasks]
    return statistics_sink(
        folder,
        [(layer, task) for layer in work.layers for task in tasks],
        marker,
        annotations,
        dim=store.recipe.dim,
        cap=store.recipe.max_words_per_concept,
        second_moments=request.second_moments,
        root=request.root,
        mwt=request.mwt,
    )


def _written(store: Store, work: FilePlan, request: ExtractionRequest) -> int:
    """Bytes of the shards of ``work``'s layers."""
    return sum(
        shard.bytes
        for shard in store.contents(work.file.treebank)
        if shard.split == work.file.split
        and shard.kind == request.sink
        and shard.layer in work.layers
        and (shard.task is None or shard.task in request.tasks)
    )


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(
            f"{size(needed)} are needed and {size(free)} are free",
            where=str(folder),
            remedy="free space, or choose another out folder, fewer layers, or statistics alone",
        )
