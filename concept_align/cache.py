"""Computations that are kept on disk with what they were made from, so that a stopped run resumes.

A kept value is only ever a saved computation: what is absent, damaged or made from something else is made
again. What it was made from is any JSON value; equal descriptions must give equal results.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from . import atomic
from .errors import ConceptAlignError
from .hashing import as_json, canonical, digest, sha256_file
from .reading import read_json

T = TypeVar("T")

MADE_FROM = "made_from.json"
CHECK = "check"  # of a kept line: the hash of all else in it


@dataclass(frozen=True)
class Kept(Generic[T]):
    """Values in ``folder``, each in a folder of its own name beside ``made_from.json``, which is written
    last.

    ``save(place, value)`` writes a value into the folder ``place``, ``load(place)`` reads it and raises
    one of our errors where it cannot. Without a folder nothing is kept.

    >>> squares = Kept.json(None)
    >>> squares.get("four", {"number": 2}, lambda: 2 * 2)
    4
    """

    folder: Path | None
    save: Callable[[Path, T], Any]
    load: Callable[[Path], T]

    @classmethod
    def json(cls, folder: str | Path | None) -> "Kept[Any]":
        """Values that JSON holds, in ``value.json``."""
        return Kept(
            None if folder is None else Path(folder),
            lambda place, value: atomic.write_json(place / "value.json", value),
            lambda place: read_json(place / "value.json"),
        )

    def get(self, name: str, made_from: Any, make: Callable[[], T]) -> T:
        """The value called ``name`` made from exactly this; otherwise a new one, which is kept."""
        if (known := self.find(name, made_from)) is not None:
            return known
        value = make()
        self.put(name, made_from, value)
        return value

    def find(self, name: str, made_from: Any) -> T | None:
        """The value called ``name`` made from exactly this; None where there is none that can be read."""
        if self.folder is None:
            return None
        place = self.folder / name
        try:
            return self.load(place) if _whole(place, read_json(place / MADE_FROM), made_from) else None
        except ConceptAlignError:
            return None

    def put(self, name: str, made_from: Any, value: T) -> None:
        """Keep ``value``; until it is whole the name holds nothing."""
        if self.folder is None:
            return
        place = self.folder / name
        atomic.remove(place / MADE_FROM)
        self.save(place, value)
        there = sorted(place.iterdir()) if place.is_dir() else []
        files = {path.name: sha256_file(path) for path in there if path.is_file()}
        atomic.write_json(place / MADE_FROM, {"made_from": as_json(made_from), "sha256": files})


def _whole(place: Path, told: Any, made_from: Any) -> bool:
    """Whether what is in ``place`` was made from this, and still is what was written."""
    wanted = as_json(made_from)
    if told == wanted:  # kept by an earlier release, without hashes
        return True
    sums = told.get("sha256") if isinstance(told, dict) and told.get("made_from") == wanted else None
    if not isinstance(sums, dict):
        return False
    try:
        return all(sha256_file(place / name) == sha256 for name, sha256 in sums.items())
    except (OSError, ValueError):
        return False


class KeptLines:
    """Finished units of a long run, appended to one file as JSON lines; in memory alone without a path.

    The first line says what the units were made from; units made from anything else are dropped. A line
    that a killed writer left torn ends what is known, as one does that is not what was written: each has a
    check of its own, but in files of earlier releases. ``read(line)`` gives key and value of a unit, or None
    for a line that is damaged.
    """

    def __init__(
        self,
        path: str | Path | None,
        made_from: Mapping[str, Any],
        read: Callable[[Mapping[str, Any]], tuple[Any, Any] | None],
    ) -> None:
        self.path = None if path is None else Path(path)
        self.done: dict[Any, Any] = {}
        if self.path is None:
            return
        header = _line(made_from)
        lines = self.path.read_bytes().splitlines(keepends=True) if self.path.is_file() else []
        kept = [header]
        checks = False  # earlier releases wrote none
        for line in lines[1:] if lines and lines[0] == header else []:
            try:
                value = json.loads(line) if line.endswith(b"\n") else {}
                checks |= CHECK in value
                check = value.pop(CHECK, None)
                unit = read(value) if not checks or check == _check(value) else None
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                unit = None
            if unit is None:
                break
            self.done[unit[0]] = unit[1]
            kept.append(line)
        if kept != lines:
            atomic.write_bytes(self.path, b"".join(kept))

    def add(self, key: Any, value: Any, line: Mapping[str, Any]) -> None:
        """Keep a finished unit, which ``line`` describes."""
        self.done[key] = value
        if self.path is None:
            return
        try:
            with self.path.open("ab") as file:
                # Not synced to the disk: that may take longer than a unit; what a power cut tears is dropped.
                file.write(_checked(line))
        except OSError as error:
            raise atomic.explain(error, self.path) from error


def _check(value: Mapping[str, Any]) -> str:
    return digest(value)[:16]


def _checked(value: Mapping[str, Any]) -> bytes:
    return _line({**value, CHECK: _check(value)})


def _line(value: Mapping[str, Any]) -> bytes:
    return canonical(value).encode() + b"\n"
