"""What an extraction is asked for, and what of it the store already has.

An :class:`ExtractionRequest` gives of each file a :class:`FilePlan`, with its sentences; that a
:class:`FileReport`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import StoreError, UsageError
from ..hashing import digest
from ..layers import name_layers
from ..models.protocol import LanguageModel
from ..spaces.represent import select_items
from ..store import Store
from ..store.keys import Recipe, layer_name, statistics_name, words_name
from ..store.manifest import Marker
from ..treebanks import conllu
from ..treebanks.concepts import closed_columns, labels, parse_task, task_columns
from ..treebanks.corpus import Corpus
from ..treebanks.discover import TreebankFile
from ..treebanks.reader import sha256
from ..types import UNLABELLED, Split
from .config import ExtractionSettings
from .prepare import BEYOND, BROKEN, PreparedCorpus, prepare

# How much larger than a probe sentence's the states of a treebank may be and still fit float16.
FLOAT16_MARGIN = 8


@dataclass(frozen=True, kw_only=True)
class ExtractionRequest(ExtractionSettings):
    """What is asked of a loaded model and of treebank files."""

    layers: Sequence[int]
    force: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "layers", tuple(sorted(set(self.layers))))


@dataclass(frozen=True, eq=False)
class CorpusSplit(TreebankFile):
    """A corpus in memory in the place of a treebank's file."""

    corpus: Corpus

    @classmethod
    def of(cls, corpus: Corpus) -> "CorpusSplit":
        source = corpus.source
        return cls(source.treebank, source.language, source.split, Path(source.path), corpus)


@dataclass(frozen=True)
class FileReport:
    """What became of one file, or what would."""

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
    notices: tuple[str, ...] = ()  # what a reader should know of its labels


@dataclass(frozen=True, eq=False)
class FilePlan:
    """What of one file is still to be done."""

    file: TreebankFile
    layers: tuple[int, ...]  # to be run
    skipped: tuple[int, ...]  # already there
    marker: Marker  # what all shards of the file have in common
    prepared: PreparedCorpus | None  # the sentences; None where nothing is to be done

    def report(self, bytes: int = 0, seconds: float = 0.0) -> FileReport:
        """The report of this file, of which so much was written in that time."""
        file, made = self.file, self.marker
        names = (file.treebank, file.language, file.split, self.layers, self.skipped)
        examples = {} if self.prepared is None else self.prepared.examples
        said = () if self.prepared is None else tuple(self.prepared.corpus.strange())
        return FileReport(*names, made.words, made.sents, made.left_out, examples, bytes, seconds, said)


def facts_of(model: LanguageModel) -> dict[str, Any]:
    """What a recipe says of the model."""
    same = ("revision", "architecture", "kind", "layers", "dim", "final_norm", "has_start")
    # A hub id, or a local folder's own name: results travel, paths do not.
    path = Path(model.name).expanduser()
    about = {"model": path.resolve().name if path.exists() else model.name}
    dtype = str(model.dtype).removeprefix("torch.")
    return about | {name: getattr(model, name) for name in same} | {"dtype": dtype}


def make_recipe(model: LanguageModel, request: ExtractionRequest) -> Recipe:
    """The recipe of a store that holds what is asked for."""
    facts, save_dtype = facts_of(model), str(request.save_dtype)
    if save_dtype == "auto":
        # Some models' sentence-start states pass float16's range (Gemma 3: 9e4); others may come near it.
        narrow = model.largest * FLOAT16_MARGIN <= float(np.finfo(np.float16).max)
        save_dtype = "float16" if narrow else "bfloat16"
        save_dtype = facts["dtype"] if facts["dtype"] in ("bfloat16", "float16") else save_dtype
    capped = request.max_words_per_concept is not None
    return Recipe(
        **facts,
        save_dtype=save_dtype,
        pooling=request.pooling or ("mean" if model.kind == "encoder" else "last"),
        max_words=request.max_words,
        max_words_per_concept=request.max_words_per_concept,
        cap_tasks=tuple(sorted(set(request.tasks))) if capped else (),
        read=request.read,
        outliers=request.outliers,
    )


def check(model: LanguageModel, request: ExtractionRequest) -> None:
    """UsageError where the model cannot give what is asked for."""
    if odd := [layer for layer in request.layers if not 0 <= layer <= model.layers]:
        raise UsageError(
            f"no layer {name_layers(odd)}: {model.name} has layers 0-{model.layers}", option="layers"
        )
    if not request.layers:
        raise UsageError("no layer is asked for", option="layers")
    if request.read == "twice" and model.kind == "encoder":
        what = f"{model.name} is an encoder, whose states have seen the whole sentence already"
        raise UsageError(what, option="read", remedy="let read be once")
    if request.sink == "statistics" and not request.tasks:
        raise UsageError("statistics need a task", option="tasks")
    relational = request.sink == "statistics" and "relation" in request.tasks
    if relational and request.root == "start" and not model.has_start:
        what = f"{model.name} has no sentence-start token to stand for the head of roots"
        raise UsageError(what, option="root", remedy="let root be exclude")


def plan_file(model: LanguageModel, store: Store, file: TreebankFile, request: ExtractionRequest) -> FilePlan:
    """What of ``file`` is to be done: its checksum and the markers are compared with what is asked for.

    The file is read, and cut into the model's tokens, only where something is to be done. Raises what reading
    raises, and StoreError where states that are there would not agree with those asked for.
    """
    sha = file.corpus.source.sha256 if isinstance(file, CorpusSplit) else sha256(Path(file.path))
    if request.labels is not None:  # the same file with other labels is another one
        sha = digest([sha, conllu.label_names(request.labels)])
    statistics = request.sink == "statistics"
    # Annotations that are lost are written again; states that do not fit them are not believed.
    lost = store.whole(file.treebank, words_name(file.split)) is None

    def have(name: str) -> Marker | None:
        marker = store.whole(file.treebank, name, alone=lost)
        whole = marker is not None and marker.source_sha256 == sha and reaches(marker, request.limit)
        return marker if whole else None

    def names(layer: int) -> list[str]:
        return shard_names(file.split, layer, request)

    def held(layer: int) -> bool:
        moments = statistics and request.second_moments
        found = [have(name) for name in names(layer)]
        return all(marker is not None and marker.second_moments >= moments for marker in found)

    there = tuple(layer for layer in request.layers if not request.force and held(layer))
    first = names(there[0])[0] if statistics and there else words_name(file.split)
    marker = have(first) if statistics or not lacking_columns(store, file, request) else None
    if marker is not None and len(there) == len(request.layers):
        return FilePlan(file, (), there, marker, None)
    prepared = _read_and_prepare(model, store, file, sha, request)
    marker = Marker(
        size=0,
        sha256="",
        kind="words",
        recipe=store.fingerprint,
        treebank=file.treebank,
        language=file.language,
        split=file.split,
        source_sha256=sha,
        kept=prepared.digest,
        words=prepared.words,
        sents=prepared.sents,
        left_out=prepared.left_out,
    )
    if not statistics and not request.force:  # states of other sentences are made again
        markers = {n: store.whole(file.treebank, names(n)[0], alone=True) for n in request.layers}
        there = tuple(layer for layer, own in markers.items() if own is not None and own.made_like(marker))
    missing = tuple(layer for layer in request.layers if layer not in there)
    return FilePlan(file, missing, there, marker, prepared)


def shard_names(split: Split, layer: int, request: ExtractionRequest) -> list[str]:
    """The shards of a layer that are asked for."""
    if request.sink == "states":
        return [layer_name(split, layer)]
    return [statistics_name(split, layer, task, request.root, request.mwt) for task in request.tasks]


def lacking_columns(store: Store, file: TreebankFile, request: ExtractionRequest) -> bool:
    """Whether a task asks for a column that the annotations in the store were written without."""
    return not {*task_columns(request.tasks)} <= {*store.columns(file.treebank, file.split)}


def words_to_write(store: Store, work: FilePlan, request: ExtractionRequest) -> bool:
    """Whether the annotations have to be written: they are not there, are others, or lack a column."""
    there = store.whole(work.file.treebank, words_name(work.file.split))
    same = there is not None and there.made_like(work.marker)
    return not same or request.force or lacking_columns(store, work.file, request)


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


def sentences_to_read(store: Store, file: TreebankFile, sha: str, request: ExtractionRequest) -> int | None:
    """How many sentences of the file to read: as many as asked for, or as the states there were made from.

    StoreError where states of layers that are not asked for were made from fewer: they would not agree.
    """
    limit, there = request.limit, store.marker(file.treebank, words_name(file.split))
    if request.sink == "statistics" or there is None or there.source_sha256 != sha:
        return limit
    if reaches(there, limit):
        return sentences_read(there)
    shards = [shard for shard in store.contents(file.treebank) if shard.complete and shard.kind == "states"]
    layers = [shard.layer for shard in shards if shard.split == file.split and shard.layer is not None]
    if others := [layer for layer in layers if layer not in request.layers]:
        raise StoreError(
            f"of {file.treebank} {file.split}, the first {sentences_read(there)} sentences are there in "
            f"other layers ({name_layers(others)})",
            where=str(store.folder),
            remedy="name these layers too, keep to that limit, or choose another out folder",
        )
    return limit


def _read_and_prepare(
    model: LanguageModel, store: Store, file: TreebankFile, sha: str, request: ExtractionRequest
) -> PreparedCorpus:
    """Read the treebank's file, with the columns that tasks need, and decide which sentences are kept."""
    recipe, limit = store.recipe, sentences_to_read(store, file, sha, request)
    columns = sorted({*store.columns(file.treebank, file.split), *task_columns(request.tasks)})
    if isinstance(file, CorpusSplit):
        corpus = file.corpus.with_columns(columns)
    else:
        about: dict[str, Any] = {"language": file.language, "treebank": file.treebank, "split": file.split}
        # Of states nobody knows yet what will be asked: what is labelled otherwise is told, and kept.
        asked = request.sink == "statistics" or recipe.max_words_per_concept is not None
        strict = closed_columns(request.tasks if asked else ())
        about["renamed"] = None if request.labels is None else conllu.label_names(request.labels)
        corpus = conllu.read_compact(file.path, columns, lenient=request.lenient, strict=strict, **about)
    cap, concepts = recipe.max_words_per_concept, list[NDArray[np.int64]]()
    if cap is not None:
        concepts = [_concepts(corpus, task, request) for task in recipe.cap_tasks]
    how: dict[str, Any] = {"max_words": recipe.max_words, "read": recipe.read, "limit": limit}
    return prepare(model, corpus, cap=cap, concepts=concepts, **how)


def _concepts(corpus: Corpus, name: str, request: ExtractionRequest) -> NDArray[np.int64]:
    """[words] the concept of each word that would enter the sink, else -1."""
    task = parse_task(name, corpus)
    if request.sink == "states":
        return labels(corpus, task).astype(np.int64)
    items = select_items(corpus, task, root=request.root, mwt=request.mwt)
    codes = np.full(corpus.words, UNLABELLED, np.int64)
    codes[items.rows] = items.y
    return codes
