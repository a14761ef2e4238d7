"""The completion marker of a shard: written last, and the only proof that the shard is whole.

It says what the file must look like (size, SHA-256), what it was made from (recipe, treebank checksum)
and what was left out and why.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .. import atomic
from ..errors import StoreError
from ..types import Split
from .keys import SCHEMA

Kind = Literal["words", "states", "statistics"]


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
        same = (
            "recipe",
            "treebank",
            "language",
            "split",
            "source_sha256",
            "kept",
            "words",
            "sents",
            "schema",
        )
        return all(getattr(self, name) == getattr(other, name) for name in same)


def marker_path(shard: Path) -> Path:
    return shard.with_suffix(".json")


def write(shard: Path, marker: Marker) -> None:
    atomic.write_json(marker_path(shard), dataclasses.asdict(marker))


def read(shard: Path) -> Marker | None:
    """The marker of ``shard``, None where it has none; StoreError where the marker itself is unreadable."""
    path = marker_path(shard)
    if not path.is_file():
        return None
    try:
        return Marker(**json.loads(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise StoreError(
            f"not a marker this version can read: {error}",
            where=str(path),
            remedy="run `concept-align store gc` and then `concept-align extract` again",
        ) from error


def fault(shard: Path, marker: Marker | None) -> str | None:
    """Why ``shard`` cannot be used (without reading its data), None where nothing is wrong."""
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
