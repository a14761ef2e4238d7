"""The completion marker of a shard: written last, and the only proof that the shard is whole.

It says what the file must look like (size, SHA-256), what it was made from (recipe, treebank checksum)
and what was left out and why.
"""

import dataclasses
import os
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Literal, get_args

import torch

from .. import atomic
from ..errors import StoreError
from ..reading import read_json_object
from ..types import MwtPolicy, RootPolicy, Split
from .keys import SCHEMA, layer_name, misfits, statistics_name, words_name
from .shards import write_tensors

NAME = re.compile(
    r"(?P<split>train|dev|test)\.(?:(?P<words>words)|layer-(?P<layer>\d+)|statistics\.layer-(?P<of>\d+)\..+)$"
)

Kind = Literal["words", "states", "statistics"]
_TICK = 10_000_000  # nanoseconds
UNCOUNTED = ("massive", None)
LOST = "its annotations are missing or damaged"
# What shards of the same sentences have in common.
_SHARED = (
    "recipe", "treebank", "language", "split", "source_sha256", "kept", "words", "sents", "schema",
)  # fmt: skip


@dataclass(frozen=True)
class Marker:
    """What is known of one complete shard."""

    size: int  # bytes
    sha256: str
    kind: Kind
    recipe: str  # fingerprint of the store's recipe
    treebank: str
    language: str
    split: Split
    source_sha256: str  # of the treebank's file
    kept: str  # hash of the places of the kept sentences, so that shards of different runs agree
    words: int
    sents: int
    layer: int | None = None
    task: str | None = None
    second_moments: bool = False  # of statistics
    left_out: dict[str, int] = field(default_factory=dict)  # reason -> sentences
    massive: int | None = None  # words of states whose norm is massive; None: not counted, or no states
    schema: int = SCHEMA

    def made_like(self, other: "Marker") -> bool:
        """Whether both shards hold the same sentences of the same treebank, made by the same recipe."""
        return all(getattr(self, name) == getattr(other, name) for name in _SHARED)


def marker_path(shard: Path) -> Path:
    return shard.with_suffix(".json")


def write(shard: Path, marker: Marker) -> None:
    facts = dataclasses.asdict(marker)
    atomic.write_json(marker_path(shard), {key: one for key, one in facts.items() if (key, one) != UNCOUNTED})


def write_shard(
    shard: Path,
    marker: Marker,
    tensors: Mapping[str, torch.Tensor],
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write a shard of small tensors, then ``marker`` with its size and hash; bytes of the shard.

    What is replaced is not whole from the first moment on, whatever happens.
    """
    atomic.remove(marker_path(shard))
    size, digest = write_tensors(shard, tensors, metadata)
    write(shard, dataclasses.replace(marker, size=size, sha256=digest))
    return size


def read(shard: Path) -> Marker | None:
    """The marker of ``shard``, None where it has none; StoreError where the marker itself is unreadable."""
    path = marker_path(shard)
    try:
        seen = path.stat()
    except OSError:
        return _parsed(path) if os.path.lexists(path) else None
    facts = (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
    # What has just changed might change again within the clock's tick, and look the same.
    settled = time.time_ns() - seen.st_ctime_ns > _TICK
    return _unchanged(path, facts) if settled else _parsed(path)


@lru_cache(maxsize=1 << 14)
def _unchanged(path: Path, seen: tuple[int, ...]) -> Marker:
    """The marker, parsed once for as long as its file stays as it was ``seen``: every reading asks for it."""
    return _parsed(path)


def _parsed(path: Path) -> Marker:
    remedy = "extract again what it stands for, with force"
    found = read_json_object(path, remedy=remedy)
    try:
        marker = Marker(**found)
    except TypeError as error:
        what = f"not a marker this version can read: {error}"
        raise StoreError(what, where=str(path), remedy=remedy) from error
    if odd := ", ".join(misfits(Marker, found)):
        what = f"not a marker this version can read: {odd} cannot be that"
        raise StoreError(what, where=str(path), remedy=remedy)
    return marker


def folders(store: Path) -> list[Path]:
    """The folders of treebanks in a store, sorted."""
    with told(store):
        return sorted(Path(entry.path) for entry in os.scandir(store) if entry.is_dir())


@contextmanager
def told(path: Path) -> Iterator[None]:
    """An OSError of reading becomes a StoreError that names the file."""
    try:
        yield
    except OSError as error:
        where, reason = str(error.filename or path), error.strerror or str(error)
        remedy = "check its rights, or restore it"
        raise StoreError(f"cannot read: {reason}", where=where, remedy=remedy) from error


def shards(folder: Path, treebank: str = "*", stem: str = "*") -> list[Path]:
    """Every shard (of ``treebank``, if given) that has a file or a marker, in the order of their names.

    StoreError for a folder that cannot be read.
    """
    of = folders(folder) if treebank == "*" else [folder / treebank]
    return [path for one in of if one.is_dir() for path in sorted(_named(one)) if fnmatch(path.stem, stem)]


def _named(folder: Path) -> set[Path]:
    with told(folder):
        paths = list(folder.iterdir())
    ours = (path for path in paths if path.suffix in (".safetensors", ".json") and NAME.match(path.stem))
    return {path.with_suffix(".safetensors") for path in ours}


def marked(folder: Path) -> Iterator[Path]:
    """The shards in a treebank's ``folder`` that have a marker, in any order and one by one."""
    for path in folder.glob("*.json"):
        if NAME.match(path.stem):
            yield path.with_suffix(".safetensors")


def layers_with_file(folder: Path, treebank: str, split: str) -> list[int]:
    """Layers that have a file of states, whole or not."""
    paths = folder.glob(f"{treebank}/{split}.layer-*.safetensors")
    return sorted(int(match["layer"]) for path in paths if (match := NAME.match(path.stem)))


def marker_or_none(path: Path) -> Marker | None:
    """The marker, None where there is none or it cannot be read: then the shard counts as incomplete."""
    try:
        return read(path)
    except StoreError:
        return None


def fault(path: Path, marker: Marker | None, fingerprint: str, *, alone: bool = False) -> str | None:
    """Why a shard of the store with ``fingerprint`` cannot be used, None where nothing is wrong.

    Its data are not read. States need annotations of the same sentences beside them, unless they are looked
    at ``alone``.
    """
    return foreign(path, marker, fingerprint) or _unusable(path, marker, fingerprint, alone=alone)


def foreign(path: Path, marker: Marker | None, fingerprint: str) -> str | None:
    """Why a shard is not one that was written under this name for this store: nobody but its owner knows
    what it is good for, so it is never removed."""
    if (found := _not_ours(path, marker, fingerprint)) is not None or marker is None:
        return found
    # States must be like their annotations, in this too.
    beside = None if marker.kind == "states" else _beside(path)
    if beside is not None and beside.language != marker.language:
        return f"of language {marker.language!r}, where the folder holds {beside.language!r}"
    return None


def _not_ours(path: Path, marker: Marker | None, fingerprint: str) -> str | None:
    for one in (path, marker_path(path)):
        if os.path.lexists(one) and not one.is_file():
            return f"there is something else than a file in the place of {one.name}"
    if marker is None:
        return "its marker cannot be read" if marker_path(path).is_file() else None
    if marker.recipe != fingerprint:
        return "stale: made by another recipe"
    if marker.treebank != path.parent.name or path.name not in _names(marker):
        of = f"{marker.kind} of {marker.treebank} {marker.split}"
        layer = "" if marker.layer is None else f", layer {marker.layer}"
        return f"moved here: its marker is that of {of}{layer}"
    return None


def _names(marker: Marker) -> list[str]:
    """What a shard's file may be called."""
    if marker.kind == "words":
        return [words_name(marker.split)]
    if marker.layer is None:
        return []
    if marker.kind == "states":
        return [layer_name(marker.split, marker.layer)]
    about = marker.split, marker.layer, marker.task or ""
    return [statistics_name(*about, *how) for how in product(get_args(RootPolicy), get_args(MwtPolicy))]


def _beside(path: Path) -> Marker | None:
    """The marker of another shard of the treebank."""
    others = (marker_or_none(other) for other in marked(path.parent) if other != path)
    return next((one for one in others if one is not None and one.treebank == path.parent.name), None)


def language_of(path: Path, marker: Marker | None, *, believed: bool) -> str:
    """The language of a shard; where its own marker is not ``believed``, what another one beside it names."""
    if not believed:
        marker = _beside(path) or marker
    return "?" if marker is None else marker.language


def _unusable(path: Path, marker: Marker | None, fingerprint: str, *, alone: bool) -> str | None:
    if (found := _incomplete(path, marker)) is not None or marker is None:
        return found
    if marker.kind != "states" or alone:
        return None
    words_path = path.with_name(words_name(marker.split))
    words = marker_or_none(words_path)
    if _incomplete(words_path, words) or _not_ours(words_path, words, fingerprint) or words is None:
        return LOST
    if not marker.made_like(words):
        return "stale: made from another state of the treebank"
    return None


def _incomplete(shard: Path, marker: Marker | None) -> str | None:
    if not shard.is_file():
        return "missing"
    if marker is None:
        return "incomplete: its marker was never written"
    if marker.schema != SCHEMA:
        return f"written with schema {marker.schema}, this version reads {SCHEMA}"
    size = shard.stat().st_size
    if size != marker.size:
        return f"has {size} bytes where {marker.size} were written"
    return None


def useless(folder: Path, fingerprint: str, *, alone: bool = False) -> dict[Path, str]:
    """The files in a treebank's folder that no read would use, and why.

    What is :func:`foreign` is none of them, nor are states whose annotations are lost, which can be written
    again; with ``alone``, no states are that do not fit their annotations.
    """
    with told(folder):
        found = {path: "left by a writer that was stopped" for path in atomic.left_over(folder)}
    for path in shards(folder.parent, folder.name):
        marker = marker_or_none(path)
        if foreign(path, marker, fingerprint) is not None:
            continue
        if (why := _unusable(path, marker, fingerprint, alone=alone)) not in (None, LOST):
            # The marker goes first: a shard must never look complete while it is being removed.
            found |= {one: str(why) for one in (marker_path(path), path) if one.exists()}
    return found


def sweep(folder: Path, fingerprint: str, *, alone: bool = False) -> list[Path]:
    """Remove what is :func:`useless` from one treebank's folder, which the caller holds for writing."""
    removed = atomic.sweep(folder)
    shards = [path for path in useless(folder, fingerprint, alone=alone) if path.suffix != atomic.TEMPORARY]
    for path in shards:
        atomic.remove(path)
    return removed + shards
