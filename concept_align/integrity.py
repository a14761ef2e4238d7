"""Whether files still are what was written."""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import atomic
from .errors import ConceptAlignError, StoreError
from .hashing import sha256_file

SUMS = "SHA256SUMS"  # as sha256sum writes and checks it
_TICK = 10_000_000  # nanoseconds within which a second change may leave a file's times as they are
_SUM = re.compile(r"([0-9a-f]{64}) [ *](?!\.\.?$)([^/\\\0]+)")


def write_sums(folder: str | Path, names: Iterable[str]) -> None:
    """Write ``SHA256SUMS`` of those of ``names`` that are there; ``sha256sum -c`` checks it too."""
    folder = Path(folder)
    there = [name for name in sorted(names) if (folder / name).is_file()]
    lines = [f"{sha256_file(folder / name)}  {name}\n" for name in there]
    atomic.write_text(folder / SUMS, "".join(lines))


def check_sums(
    folder: str | Path, *, error: type[ConceptAlignError] = StoreError, remedy: str
) -> tuple[str, ...] | None:
    """The names that ``SHA256SUMS`` lists, each of which has the bytes that were written.

    None where there is no such file: an earlier release wrote the folder, and nothing is known. Raises
    ``error`` where a file is missing or is not what was written.
    """
    path = Path(folder) / SUMS
    try:
        if not os.path.lexists(path):
            return None
        found = [_SUM.fullmatch(line) for line in path.read_text("utf-8").splitlines()]
        if not found or None in found:
            raise error("not a list of hashes", where=str(path), remedy=remedy)
        sums = {match[2]: match[1] for match in found if match}
        for name, sha256 in sums.items():
            if sha256_file(path.with_name(name)) != sha256:
                raise error(
                    "its content is not what was written", where=str(path.with_name(name)), remedy=remedy
                )
    except OSError as fault:
        where = str(fault.filename or path)
        raise error(f"cannot read: {fault.strerror or fault}", where=where, remedy=remedy) from fault
    except UnicodeDecodeError as fault:
        raise error("not a list of hashes", where=str(path), remedy=remedy) from fault
    return tuple(sums)


def cache_folder() -> Path:
    """Where what can be made again is kept: ``$CONCEPT_ALIGN_CACHE``, else the user's cache folder."""
    if told := os.environ.get("CONCEPT_ALIGN_CACHE"):
        return Path(told)
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")  # noqa: PTH111 - no home is no error
    return Path(home) / "concept-align"


class Verified:
    """Which files of a folder are known to have the bytes that were written.

    A file's hash is computed once and remembered, outside the folder, with the file's size, times and inode:
    whatever writes to the file changes them, and it is read again. What changes bytes without the file system
    (a failing disk) shows only when every byte is read: ``store verify``.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder).absolute()
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:32]
        self._memory = cache_folder() / "verified" / f"{name}.jsonl"
        self._known: dict[str, Any] | None = None

    def holds(
        self, name: str, sha256: str, *, also: Callable[[], object] | None = None, again: bool = False
    ) -> bool:
        """Whether the file called ``name`` hashes to ``sha256``; OSError where it cannot be read.

        ``also`` is what else is looked at where that is not remembered; it raises where it finds anything.
        ``again``: whatever is remembered, every byte is read.
        """
        if not again and self._remembered().get(name) == self._facts(name, sha256):
            return True
        facts = self._settled(name, sha256)
        if sha256_file(self.folder / name) != sha256:
            return False
        if also is not None:
            also()
        self._remember(name, facts)
        return True

    def written(self, name: str, sha256: str) -> None:
        """Remember a file whose hash was computed while it was written."""
        self._remember(name, self._settled(name, sha256))

    def _settled(self, name: str, sha256: str) -> list[Any]:
        """The facts, so long after the last change that another one will show in them."""
        wait = self._facts(name, sha256)[3] + _TICK - time.time_ns()
        if 0 < wait <= _TICK:
            time.sleep(wait / 1e9)
        return self._facts(name, sha256)

    def _facts(self, name: str, sha256: str) -> list[Any]:
        found = (self.folder / name).stat()
        return [sha256, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]

    def _remembered(self) -> dict[str, Any]:
        if self._known is None:
            self._known = {}
            with suppress(OSError, ValueError):
                for line in self._memory.read_bytes().splitlines():
                    with suppress(ValueError, TypeError, RecursionError):
                        name, facts = json.loads(line)
                        self._known[name] = facts
        return self._known

    def _remember(self, name: str, facts: list[Any]) -> None:
        if self._known is not None:
            self._known[name] = facts
        with suppress(OSError):  # without a place to remember in, each process computes it
            self._memory.parent.mkdir(parents=True, exist_ok=True)
            with self._memory.open("ab") as file:
                file.write(json.dumps([name, facts]).encode() + b"\n")
