"""The files of a store: their names, and whether each can be used."""

import re
from collections.abc import Iterator
from pathlib import Path

from ..errors import StoreError
from . import manifest
from .keys import words_name
from .manifest import Marker

NAME = re.compile(
    r"(?P<split>train|dev|test)\.(?:(?P<words>words)|layer-(?P<layer>\d+)|statistics\.layer-(?P<of>\d+)\..+)$"
)


def shards(folder: Path, treebank: str = "*", stem: str = "*") -> Iterator[Path]:
    """Every shard (of ``treebank``, if given) that has a file or a marker, in the order of their names."""
    names = {path for path in folder.glob(f"{treebank}/{stem}.safetensors") if NAME.match(path.stem)}
    for path in folder.glob(f"{treebank}/{stem}.json"):
        if NAME.match(path.stem):
            names.add(path.with_suffix(".safetensors"))
    yield from sorted(names)


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
        return manifest.read(path)
    except StoreError:
        return None


def fault(path: Path, marker: Marker | None, fingerprint: str, *, alone: bool = False) -> str | None:
    """Why a shard of the store with ``fingerprint`` cannot be used, None where nothing is wrong.

    States need annotations of the same sentences beside them, unless they are looked at ``alone``.
    """
    found = manifest.fault(path, marker)
    if found is not None or marker is None:
        return found
    if marker.recipe != fingerprint:
        return "stale: made by another recipe"
    if marker.kind != "states" or alone:
        return None
    words_path = path.with_name(words_name(marker.split))
    words = marker_or_none(words_path)
    if words is None or manifest.fault(words_path, words) is not None:
        return "its annotations are missing or damaged"
    if not marker.made_like(words):
        return "stale: made from another state of the treebank"
    return None
