"""The completion marker of a shard: written last, and the only proof that the shard is whole.

It says what the file must look like (size, SHA-256), what it was made from (recipe, treebank checksum)
and what was left out and why.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from .. import atomic
from ..errors import StoreError
from ..reading import read_json_object
from ..types import Split
from .keys import SCHEMA, words_name
from .shards import write_tensors

NAME = re.compile(
    r"(?P<split>train|dev|test)\.(?:(?P<words>words)|layer-(?P<layer>\d+)|statistics\.layer-(?P<of>\d+)\..+)$"
)

Kind = Literal["words", "states", "statistics"]
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
    schema: int = SCHEMA

    def made_like(self, other: "Marker") -> bool:
        """Whether both shards hold the same sentences of the same treebank, made by the same recipe."""
        return all(getattr(self, name) == getattr(other, name) for name in _SHARED)


def marker_path(shard: Path) -> Path:
    return shard.with_suffix(".json")


def write(shard: Path, marker: Marker) -> None:
    atomic.write_json(marker_path(shard), dataclasses.asdict(marker))


def write_shard(
    shard: Path,
    marker: Marker,
    tensors: Mapping[str, torch.Tensor],
    metadata: Mapping[str, str] | None = None,
) -> int:
    """Write a shard of small tensors, then ``marker`` with its size and hash; bytes of the shard.

    What is replaced is not whole from the first moment on, whatever happens.
    """
    marker_path(shard).unlink(missing_ok=True)
    size, digest = write_tensors(shard, tensors, metadata)
    write(shard, dataclasses.replace(marker, size=size, sha256=digest))
    return size


def read(shard: Path) -> Marker | None:
    """The marker of ``shard``, None where it has none; StoreError where the marker itself is unreadable."""
    path = marker_path(shard)
    remedy = "run `concept-align store gc` and then `concept-align extract` again"
    if not path.is_file():
        return None
    try:
        return Marker(**read_json_object(path, remedy=remedy))
    except TypeError as error:
        what = f"not a marker this version can read: {error}"
        raise StoreError(what, where=str(path), remedy=remedy) from error


def shards(folder: Path, treebank: str = "*", stem: str = "*") -> list[Path]:
    """Every shard (of ``treebank``, if given) that has a file or a marker, in the order of their names."""
    found = [*folder.glob(f"{treebank}/{stem}.safetensors"), *folder.glob(f"{treebank}/{stem}.json")]
    return sorted({path.with_suffix(".safetensors") for path in found if NAME.match(path.stem)})


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
    if (found := _incomplete(path, marker)) is not None or marker is None:
        return found
    if marker.recipe != fingerprint:
        return "stale: made by another recipe"
    if marker.kind != "states" or alone:
        return None
    words_path = path.with_name(words_name(marker.split))
    words = marker_or_none(words_path)
    if words is None or _incomplete(words_path, words) is not None:
        return "its annotations are missing or damaged"
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


def sweep(folder: Path, fingerprint: str, *, alone: bool = False) -> list[Path]:
    """Remove from one treebank's folder, which the caller holds for writing, what no read would use.

    ``alone``: states are kept though their annotations are lost, which can be written again.
    """
    useless = list(folder.glob(f".*{atomic.TEMPORARY}"))
    for path in shards(folder.parent, folder.name):
        if fault(path, marker_or_none(path), fingerprint, alone=alone) is not None:
            # The marker goes first: a shard must never look complete while it is being removed.
            useless += [p for p in (marker_path(path), path) if p.exists()]
    for path in useless:
        path.unlink()
    return useless
