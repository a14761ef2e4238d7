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
from typing import Any, Literal

from ..errors import StoreError
from ..models.protocol import LanguageModel
from ..progress import Progress, Silent
from ..store import Store, manifest
from ..store.keys import Recipe, words_name
from ..store.lock import writing
from ..store.manifest import Marker
from ..store.shards import write_tensors
from ..store.upkeep import sweep
from ..store.words import words_tensors
from ..treebanks.concepts import parse_task
from ..treebanks.corpus import Annotations
from ..treebanks.discover import TreebankFile
from ..types import MwtPolicy, Pooling, RootPolicy, Split
from .plan import (
    Wanted,
    Work,
    check,
    lacking_columns,
    make_marker,
    make_recipe,
    read_and_prepare,
    settle,
    still_to_do,
)
from .prepare import Prepared
from .sinks import Sink, states_bytes, states_sink, statistics_sink
from .states import BATCH_PIECES, run


@dataclass(frozen=True)
class Done:
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
class Report:
    """What an extraction did."""

    store: str
    recipe: Recipe
    done: tuple[Done, ...]
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
    model: LanguageModel,
    files: Sequence[TreebankFile],
    out: str | Path,
    *,
    layers: Sequence[int],
    pooling: Pooling | None = None,
    save_dtype: str = "auto",
    max_words: int = 128,
    batch_pieces: int = BATCH_PIECES,
    sink: Literal["states", "statistics"] = "states",
    tasks: Sequence[str] = ("upos", "relation"),
    root: RootPolicy = "start",
    mwt: MwtPolicy = "share",
    second_moments: bool = False,
    max_words_per_concept: int | None = None,
    lenient: bool = False,
    force: bool = False,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Report:
    """Run ``model`` over ``files`` and keep the states of ``layers`` (or their statistics) in store ``out``.

    ``pooling`` defaults to mean for encoders and last for decoders; ``save_dtype`` "auto" is the compute
    dtype if that has 16 bits, else float16. Under ``max_words_per_concept`` the statistics hold exactly the
    first N represented words of each concept; states hold the sentences that, in the file's order, had a
    word of a concept of ``tasks`` still below N. ``limit`` reads only the first so many sentences of each
    file; what is there of more sentences stays. Results depend on ``batch_pieces`` by rounding alone.

    Raises StoreError (another recipe, another writer, no space, a value too large for the save dtype),
    ModelError and TreebankError. Whatever was finished before is kept.
    """
    names = tuple(dict.fromkeys(tasks))
    wanted = Wanted(
        tuple(sorted(set(layers))),
        sink,
        names,
        root,
        mwt,
        second_moments,
        lenient=lenient,
        force=force,
        limit=limit,
    )
    check(model, wanted)
    recipe = make_recipe(
        model,
        pooling=pooling,
        save_dtype=save_dtype,
        max_words=max_words,
        max_words_per_concept=max_words_per_concept,
        tasks=names,
    )
    begun = time.perf_counter()
    progress = progress or Silent()
    with writing(Path(out)):  # held only while the recipe is settled, so that treebanks can go side by side
        store = Store.create(out, recipe)
    done = []
    for file in files:
        with writing(store.folder / file.treebank):
            sweep(store.folder / file.treebank, store.fingerprint, alone=True)
            done.append(_one(model, store, file, wanted, batch_pieces, progress))
    return Report(str(out), recipe, tuple(done), time.perf_counter() - begun)


def _one(
    model: LanguageModel,
    store: Store,
    file: TreebankFile,
    wanted: Wanted,
    batch_pieces: int,
    progress: Progress,
) -> Done:
    work = still_to_do(store, file, wanted)
    if not work.layers and (there := work.there) is not None:
        progress.say(f"{file.treebank} {file.split}: already there")
        progress.bar(f"{file.treebank} {file.split}", 0, unit="words")  # so that there is one for each file
        counts = (there.words, there.sents, there.left_out)
        return Done(file.treebank, file.language, file.split, (), work.skipped, *counts, {}, 0, 0.0)
    begun = time.perf_counter()
    prepared = read_and_prepare(model, store, work, wanted)
    marker = make_marker(store, work, prepared)
    work = settle(store, work, wanted, marker)
    folder = store.folder / file.treebank
    if wanted.sink == "states":
        _check_space(folder, len(work.layers) * states_bytes(store.recipe, prepared.words, prepared.sents))
    bar = progress.bar(f"{file.treebank} {file.split}", prepared.words, unit="words")
    annotations = prepared.corpus.select(prepared.kept)
    size = 0
    if wanted.sink == "states":
        size = _write_words(store, file, wanted, prepared, annotations, marker)
    if work.layers:
        with _open(store, work, wanted, annotations, marker) as sink:
            for states in run(model, prepared, work.layers, store.recipe.pooling, batch_pieces):
                sink.add(states)
                bar.advance(int(states.offsets[-1]))
    return Done(
        treebank=file.treebank,
        language=file.language,
        split=file.split,
        layers=work.layers,
        skipped=work.skipped,
        words=prepared.words,
        sents=prepared.sents,
        left_out=prepared.left_out,
        examples=prepared.examples,
        bytes=size + _written(store, work, wanted),
        seconds=time.perf_counter() - begun,
    )


def _write_words(
    store: Store,
    file: TreebankFile,
    wanted: Wanted,
    prepared: Prepared,
    annotations: Annotations,
    marker: Marker,
) -> int:
    """Write the annotations unless they are there; the bytes written."""
    there = store.marker(marker.treebank, words_name(marker.split))
    lacking = lacking_columns(store, file, wanted)
    if there is not None and there.made_like(marker) and not wanted.force and not lacking:
        return 0
    path = store.folder / marker.treebank / words_name(marker.split)
    manifest.marker_path(path).unlink(missing_ok=True)
    ids = [prepared.corpus.sent_ids[place] for place in prepared.kept]
    size, digest = write_tensors(path, *words_tensors(annotations, prepared.kept, ids))
    manifest.write(path, dataclasses.replace(marker, kind="words", size=size, sha256=digest))
    return size


def _open(
    store: Store, work: Work, wanted: Wanted, annotations: Annotations, marker: Marker
) -> AbstractContextManager[Sink]:
    """The sink of ``work``."""
    folder = store.folder / marker.treebank
    if wanted.sink == "states":
        return states_sink(folder, store.recipe, work.layers, marker)
    tasks = [parse_task(name, annotations) for name in wanted.tasks]
    return statistics_sink(
        folder,
        [(layer, task) for layer in work.layers for task in tasks],
        marker,
        annotations,
        dim=store.recipe.dim,
        cap=store.recipe.max_words_per_concept,
        second_moments=wanted.second_moments,
        root=wanted.root,
        mwt=wanted.mwt,
    )


def _written(store: Store, work: Work, wanted: Wanted) -> int:
    """Bytes of the shards of ``work``'s layers."""
    return sum(
        shard.bytes
        for shard in store.contents(work.file.treebank)
        if shard.split == work.file.split
        and shard.kind == wanted.sink
        and shard.layer in work.layers
        and (shard.task is None or shard.task in wanted.tasks)
    )


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StoreError(
            f"{needed / 1e9:.2f} GB are needed and {free / 1e9:.2f} GB are free",
            where=str(folder),
            remedy="free space, or choose another --out, fewer layers or --sink statistics",
        )
