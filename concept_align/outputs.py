"""The folder that a command writes into.

One command at a time, and one process, writes into it; what it wrote is listed in ``.concept-align`` there.
Nothing else in the folder is ever replaced or removed: a folder that holds something and was not written by
this command is refused, a file in it that is not listed is refused by name, and ``force`` removes what is
listed and nothing else.

A file is listed before it is written (``atomic.py`` asks first), so a killed run leaves no file that is not
ours to replace. The list is sorted when the command ends: equal runs leave equal lists.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from . import atomic
from .errors import ConceptAlignError, UsageError
from .lock import writing

MARKER = ".concept-align"
SCHEMA = 1
_HEAD = 1 << 16  # bytes of a file that are looked at
PAGE_FILES = ("index.html", "summary.md", "figures")  # of a report
REMEDY = "choose another out folder, or move what is there away"


@dataclass(frozen=True)
class OutputLayout:
    """What a command writes into its folder, for folders that an earlier release left without a list.

    ``parts`` are names at the top of the folder (patterns of ``fnmatch``). A folder without a list is taken
    for one of ours if a file that the pattern of one of ``proofs`` finds holds, near its beginning, the words
    of that proof.
    """

    command: str
    parts: tuple[str, ...]
    proofs: tuple[tuple[str, str], ...]

    def earlier(self, folder: Path) -> list[str] | None:
        """The files of an earlier release in ``folder``; None where it is not one of ours."""
        if not any(_begins(path, words) for proof, words in self.proofs for path in folder.glob(proof)):
            return None
        tops = [path for path in folder.iterdir() if any(fnmatch(path.name, part) for part in self.parts)]
        files = [file for top in tops for file in ([top] if top.is_file() else top.rglob("*"))]
        return sorted(file.relative_to(folder).as_posix() for file in files if file.is_file())


def _begins(path: Path, words: str) -> bool:
    try:
        with path.open("rb") as file:
            return words.encode() in file.read(_HEAD)
    except OSError:
        return False


@dataclass(eq=False)
class OutputFolder:
    """A folder that this process holds for ``command``. Made by :func:`output_folder`."""

    path: Path
    command: str
    listed: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)  # since it is held, by this process

    @property
    def marker(self) -> Path:
        return self.path / MARKER

    def allow(self, path: Path) -> None:
        """List ``path``, which is about to be written or removed; UsageError where it is not ours."""
        name = path.relative_to(self.path).as_posix()
        if (link := _link(self.path, name)) is not None:
            raise UsageError("it is a link out of the folder", where=str(link), remedy=REMEDY)
        self.written.add(name)
        if name in self.listed or name == MARKER:
            return
        if os.path.lexists(path):
            self.listed |= _read(self.marker, self.command)[1]  # another process of ours may have written it
            if name not in self.listed:
                what = f"there is a file that `concept-align {self.command}` did not write"
                raise UsageError(what, where=str(path), remedy=REMEDY)
            return
        self.listed.add(name)
        with self.marker.open("ab") as file:
            file.write(json.dumps(name).encode() + b"\n")

    def remove(self, *names: str) -> None:
        """Remove the listed files called one of ``names`` or below it, and the folders that this empties."""
        self._drop(name for name in self.listed if _below(name, names))

    def drop_unwritten(self, *kept: str) -> None:
        """Remove what an earlier run left: what is not written since the folder is held, nor is ``kept``."""
        self._drop(name for name in self.listed - self.written if not _below(name, kept))

    def clear(self) -> None:
        """Remove every listed file, and the folders that this empties."""
        self._drop(self.listed)

    def disown(self, *names: str) -> None:
        """Take names off the list: somebody has made these files their own."""
        self.listed -= set(names)
        self._write()

    def _drop(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            self.listed.discard(name)
            _unlink(self.path, name)

    def close(self) -> None:
        """Sort the list, without what is gone."""
        self.listed |= _read(self.marker, self.command)[1]
        self.listed = {name for name in self.listed if os.path.lexists(self.path / name)}
        if self.listed:
            self._write()
        else:
            self.marker.unlink(missing_ok=True)

    def _write(self) -> None:
        lines = [{"command": self.command, "schema": SCHEMA}, *sorted(self.listed)]
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        with suppress(OSError):
            if self.marker.read_bytes() == data:  # a run that changes nothing writes nothing
                return
        atomic.write_bytes(self.marker, data)


_held: dict[Path, OutputFolder] = {}


def _guard(path: Path) -> None:
    """Have the folder that ``path`` is in, if we hold one, allow it."""
    place = _absolute(path)
    owner = next((_held[folder] for folder in place.parents if folder in _held), None)
    if owner is not None:
        owner.allow(place)


atomic.guards.append(_guard)


def _absolute(path: str | Path) -> Path:
    """Links are not followed: one in a folder of ours leads out of it."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


@contextmanager
def output_folder(
    folder: str | Path, layout: OutputLayout, *, force: bool = False, wait: float | None = None
) -> Iterator[OutputFolder]:
    """Hold ``folder`` for the command of ``layout``, made where there is none; ``force`` begins anew.

    Within the block, no file in it that the command did not write is replaced or removed. A process that
    holds the folder already gets it again.

    Raises UsageError for a folder that holds what the command did not write, ConceptAlignError where another
    process writes in it for longer than ``wait`` seconds.
    """
    place = _absolute(folder)
    if place in _held and _held[place].command == layout.command:
        yield _held[place]
        return
    inspect(place, layout)
    with writing(place, error=ConceptAlignError, wait=wait):
        found = OutputFolder(place, layout.command, set(inspect(place, layout)))
        found._write()
        _held[place] = found
        try:
            for name in found.listed:
                with suppress(OSError):
                    atomic.remove_partial(place / name)
            if force:
                found.clear()
            yield found
        finally:
            try:
                found.close()
            finally:
                del _held[place]


@contextmanager
def part_of(folder: str | Path, command: str) -> Iterator[OutputFolder]:
    """The same in a process that one which holds ``folder`` has started, and waits for."""
    place = _absolute(folder)
    if place in _held:
        yield _held[place]
        return
    held = _held[place] = OutputFolder(place, command, _read(place / MARKER, command)[1])
    try:
        yield held
    finally:
        del _held[place]


def inspect(folder: Path, layout: OutputLayout) -> list[str]:
    """The files there that the command may replace; UsageError where it may not write at all."""
    if not os.path.lexists(folder):
        return []
    if not folder.is_dir():
        raise UsageError("there is a file of this name", where=str(folder), remedy="name a folder")
    if (folder / MARKER).is_file():
        return sorted(_read(folder / MARKER, layout.command)[1])
    there = [path for path in folder.iterdir() if not path.name.startswith(".")]
    foreign = sorted(path.name for path in there if not path.is_dir() or any(path.iterdir()))
    if not foreign:
        return []
    if (earlier := layout.earlier(folder)) is not None:
        return earlier
    others = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
    raise UsageError(
        f"`concept-align {layout.command}` did not write this folder (it holds {foreign[0]}{others})",
        where=str(folder),
        remedy=REMEDY,
    )


def _read(marker: Path, command: str | None = None) -> tuple[str, set[str]]:
    """The command, and the names that are listed; UsageError where ``command`` is another one."""
    unknown = UsageError("not a list of what was written here", where=str(marker), remedy=REMEDY)
    try:
        lines = marker.read_bytes().splitlines(keepends=True)
    except OSError as error:
        what = f"cannot read: {error.strerror or error}"
        raise ConceptAlignError(what, where=str(marker), remedy=REMEDY) from error
    # A killed writer may have torn the last line: its file was not written.
    whole = [line for line in lines if line.endswith(b"\n")]
    try:
        header, *names = [json.loads(line) for line in whole] or [None]
    except (ValueError, RecursionError):
        raise unknown from None
    if not isinstance(header, dict) or header.get("schema") != SCHEMA:
        raise unknown
    if not all(isinstance(name, str) and _inside(name) for name in names):
        raise unknown
    found = str(header.get("command"))
    if command not in (None, found):
        what = f"holds what `concept-align {found}` wrote"
        raise UsageError(what, where=str(marker.parent), remedy=REMEDY)
    return found, set(names)


def _inside(name: str) -> bool:
    """Whether a listed name stays in its folder: a list may be damaged, or made by somebody else."""
    path = Path(name)
    return not path.is_absolute() and ".." not in path.parts and name not in ("", ".")


def _link(folder: Path, name: str) -> Path | None:
    """A link among the folders that lead to a file in ``folder``: what is behind it is not ours."""
    between = [folder / parent for parent in Path(name).parents if parent.parts]
    return next((path for path in between if path.is_symlink()), None)


def _below(name: str, tops: Iterable[str]) -> bool:
    return any(name == top or name.startswith(f"{top}/") for top in tops)


def _unlink(folder: Path, name: str) -> None:
    """Remove a listed file, and the folders that this empties.

    Where it is the list of a folder within this one, what that lists goes with it.
    """
    path = folder / name
    if _link(folder, name) is not None:
        return
    try:
        if path.name == MARKER and path.is_file():
            for one in _read(path)[1]:
                _unlink(path.parent, one)
        path.unlink(missing_ok=True)
    except OSError as error:
        raise atomic.explain(error, path) from error
    for parent in path.parents:
        if parent == folder:
            break
        try:
            parent.rmdir()
        except OSError:  # not empty, or not there
            break
