"""What an extraction is asked for, and what of it the store already has."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError, UsageError
from ..layers import name_layers
from ..models.protocol import LanguageModel
from ..spaces.represent import select_items
from ..store import Store
from ..store.keys import SAVE_DTYPES, Recipe, layer_name, statistics_name, words_name
from ..store.manifest import Marker
from ..treebanks import conllu
from ..treebanks.concepts import check_task, labels, parse_task, task_columns
from ..treebanks.corpus import Corpus
from ..treebanks.discover import TreebankFile
from ..treebanks.reader import sha256
from ..types import UNLABELLED, MwtPolicy, Pooling, RootPolicy
from .prepare import BEYOND, BROKEN, Prepared, prepare

# How much larger than a probe sentence's the states of a treebank may be and still fit float16.
FLOAT16_MARGIN = 8


@dataclass(frozen=True)
class Wanted:
    """The options of an extraction that decide what is written."""

    layers: tuple[int, ...]
    sink: str  # "states" | "statistics"
    tasks: tuple[str, ...] = ("upos", "relation")
    root: RootPolicy = "start"
    mwt: MwtPolicy = "share"
    second_moments: bool = False
    lenient: bool = False
    force: bool = False
    limit: int | None = None  # the first so many sentences of a file

    def __post_init__(self) -> None:
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"{self.limit} sentences", option="limit", remedy="give 1 or more")


@dataclass(frozen=True)
class Work:
    """What of one file is still to be done."""

    file: TreebankFile
    source_sha256: str
    layers: tuple[int, ...]  # to be run
    skipped: tuple[int, ...]  # already there
    there: Marker | None = field(default=None, repr=False)  # of the annotations, or of statistics there


def make_recipe(
    model: LanguageModel,
    *,
    pooling: Pooling | None,
    save_dtype: str,
    max_words: int,
    max_words_per_concept: int | None,
    tasks: Sequence[str],
) -> Recipe:
    """The recipe of these options. UsageError for an option that cannot be."""
    dtype = str(model.dtype).removeprefix("torch.")
    if save_dtype == "auto":
        # Some models' sentence-start states pass float16's range (Gemma 3: 9e4); others may come near it.
        narrow = model.largest * FLOAT16_MARGIN <= float(np.finfo(np.float16).max)
        save_dtype = dtype if dtype in ("bfloat16", "float16") else "float16" if narrow else "bfloat16"
    if save_dtype not in SAVE_DTYPES:
        raise UsageError(f"unknown --save-dtype {save_dtype!r}", remedy=f"use auto, {', '.join(SAVE_DTYPES)}")
    if max_words < 1 or (max_words_per_concept is not None and max_words_per_concept < 1):
        raise UsageError("--max-words and --max-words-per-concept must be at least 1")
    capped = max_words_per_concept is not None
    return Recipe(
        model=_name(model.name),
        revision=model.revision,
        architecture=model.architecture,
        kind=model.kind,
        layers=model.layers,
        dim=model.dim,
        dtype=dtype,
        save_dtype=save_dtype,
        pooling=pooling or ("mean" if model.kind == "encoder" else "last"),
        max_words=max_words,
        final_norm=model.final_norm,
        has_start=model.has_start,
        max_words_per_concept=max_words_per_concept,
        cap_tasks=tuple(sorted(set(tasks))) if capped else (),
    )


def _name(name: str) -> str:
    """A hub id, or a local folder's own name: results travel, paths do not."""
    path = Path(name).expanduser()
    return path.resolve().name if path.exists() else name


def check(model: LanguageModel, wanted: Wanted) -> None:
    """UsageError where the model cannot give what is wanted."""
    if wanted.sink not in ("states", "statistics"):
        raise UsageError(f"unknown --sink {wanted.sink!r}", remedy="use states or statistics")
    if odd := [layer for layer in wanted.layers if not 0 <= layer <= model.layers]:
        raise UsageError(
            f"no layer {name_layers(odd)}: {model.name} has layers 0-{model.layers}", where="--layers"
        )
    if not wanted.layers:
        raise UsageError("no layer is asked for", where="--layers")
    if wanted.sink == "statistics" and not wanted.tasks:
        raise UsageError("the statistics sink needs a task", where="--task")
    for task in wanted.tasks:
        check_task(task)
    relational = wanted.sink == "statistics" and "relation" in wanted.tasks
    if relational and wanted.root == "start" and not model.has_start:
        raise UsageError(
            f"{model.name} has no sentence-start piece to stand for the head of roots",
            remedy="use --root exclude",
        )


def still_to_do(store: Store, file: TreebankFile, wanted: Wanted) -> Work:
    """Compare the file's checksum and the markers with what is wanted; no model is needed."""
    sha = sha256(Path(file.path))

    def have(name: str) -> Marker | None:
        marker = store.marker(file.treebank, name, alone=True)
        whole = marker is not None and marker.source_sha256 == sha and reaches(marker, wanted.limit)
        return marker if whole else None

    def whole(layer: int) -> bool:
        if wanted.sink == "states":
            return have(layer_name(file.split, layer)) is not None
        return all(
            (marker := have(statistics_name(file.split, layer, task, wanted.root, wanted.mwt))) is not None
            and marker.second_moments >= wanted.second_moments
            for task in wanted.tasks
        )

    there = () if wanted.force else tuple(layer for layer in wanted.layers if whole(layer))
    missing = tuple(layer for layer in wanted.layers if layer not in there)
    first = words_name(file.split)
    if wanted.sink == "statistics" and there:
        first = statistics_name(file.split, there[0], wanted.tasks[0], wanted.root, wanted.mwt)
    whole_words = wanted.sink == "statistics" or not lacking_columns(store, file, wanted)
    return Work(file, sha, missing, there, have(first) if whole_words else None)


def lacking_columns(store: Store, file: TreebankFile, wanted: Wanted) -> bool:
    """Whether a task asks for a column that the annotations in the store were written without."""
    return not {*task_columns(wanted.tasks)} <= {*store.columns(file.treebank, file.split)}


def sentences_read(marker: Marker) -> int | None:
    """How many sentences of the file a shard was made from; None: all."""
    if BEYOND not in marker.left_out:
        return None
    others = sum(number for reason, number in marker.left_out.items() if reason not in (BEYOND, BROKEN))
    return marker.sents + others


def reaches(marker: Marker, limit: int | None) -> bool:
    """Whether a shard was made from the first ``limit`` sentences at least; None: from all of them."""
    read = sentences_read(marker)
    return read is None or (limit is not None and read >= limit)


def sentences_to_read(store: Store, work: Work, wanted: Wanted) -> int | None:
    """How many sentences of the file to read: as many as asked for, or as the states there were made from.

    StoreError where states of layers that are not asked for were made from fewer: they would not agree.
    """
    file, limit = work.file, wanted.limit
    there = store.marker(file.treebank, words_name(file.split))
    if wanted.sink == "statistics" or there is None or there.source_sha256 != work.source_sha256:
        return limit
    if reaches(there, limit):
        return sentences_read(there)
    others = [
        shard.layer
        for shard in store.contents(file.treebank)
        if shard.complete
        and shard.kind == "states"
        and shard.split == file.split
        and shard.layer is not None
        and shard.layer not in wanted.layers
    ]
    if others:
        raise StoreError(
            f"of {file.treebank} {file.split}, the first {sentences_read(there)} sentences are there in "
            f"other layers ({name_layers(others)})",
            where=str(store.folder),
            remedy="name these layers too, keep to that limit, or choose another out folder",
        )
    return limit


def settle(store: Store, work: Work, wanted: Wanted, marker: Marker) -> Work:
    """``work`` when the kept sentences are known: states of other sentences are made again."""
    if wanted.sink == "statistics" or wanted.force:
        return work

    def whole(layer: int) -> bool:
        own = store.marker(work.file.treebank, layer_name(work.file.split, layer), alone=True)
        return own is not None and own.made_like(marker)

    there = tuple(layer for layer in wanted.layers if whole(layer))
    missing = tuple(layer for layer in wanted.layers if layer not in there)
    return replace(work, layers=missing, skipped=there)


def make_marker(store: Store, work: Work, prepared: Prepared) -> Marker:
    """What all shards of this file have in common."""
    return Marker(
        size=0,
        sha256="",
        kind="words",
        recipe=store.fingerprint,
        treebank=work.file.treebank,
        language=work.file.language,
        split=work.file.split,
        source_sha256=work.source_sha256,
        kept=prepared.digest,
        words=prepared.words,
        sents=prepared.sents,
        left_out=prepared.left_out,
    )


def read_and_prepare(model: LanguageModel, store: Store, work: Work, wanted: Wanted) -> Prepared:
    """Read the treebank's file, with the columns that tasks need, and decide which sentences are kept."""
    file, recipe = work.file, store.recipe
    limit = sentences_to_read(store, work, wanted)
    corpus = conllu.read(
        file.path,
        language=file.language,
        treebank=file.treebank,
        split=file.split,
        lenient=wanted.lenient,
    )
    columns = {*store.columns(file.treebank, file.split), *task_columns(wanted.tasks)}
    corpus = corpus.with_columns(sorted(columns))
    concepts = []
    if recipe.max_words_per_concept is not None:
        concepts = [_concepts(corpus, task, wanted) for task in recipe.cap_tasks]
    return prepare(
        model,
        corpus,
        max_words=recipe.max_words,
        cap=recipe.max_words_per_concept,
        concepts=concepts,
        limit=limit,
    )


def _concepts(corpus: Corpus, name: str, wanted: Wanted) -> NDArray[np.int64]:
    """[words] the concept of each word that would enter the sink, else -1."""
    task = parse_task(name, corpus)
    if wanted.sink == "states":
        return labels(corpus, task).astype(np.int64)
    items = select_items(corpus, task, root=wanted.root, mwt=wanted.mwt)
    codes = np.full(corpus.words, UNLABELLED, np.int64)
    codes[items.rows] = items.y
    return codes
