"""Files that are either whole or not there.

A file is written under a temporary name of its own in the same folder, flushed to the disk and renamed; a
reader never sees half of it, two writers never share a temporary file, and a killed writer leaves only one,
which the next writer of the same file removes.
"""

import errno
import json
import os
import re
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import ConceptAlignError, encoded
from .lock import take

TEMPORARY = ".partial"
_POSIX = os.name == "posix"
# .results.csv.0123abcd.partial; without the eight digits, of version 0.2 and before.
_PARTIAL = re.compile(r"\.(?P<name>.+?)(?:\.[0-9a-f]{8})?\.partial", re.DOTALL)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")  # the beginning of what a spreadsheet computes

# Asked before a file takes the place of another one, and before one is removed: see outputs.py.
guards: list[Callable[[Path], None]] = []


def explain(error: OSError, path: str | Path) -> ConceptAlignError:
    """What a failed write means to a user."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConceptAlignError(
            f"no space left while writing ({error.strerror})",
            where=str(path),
            remedy="free space or choose another out folder; what was finished is kept, run again to resume",
        )
    reason = error.strerror or str(error)
    return ConceptAlignError(
        f"cannot write: {reason}", where=str(path), remedy="check the path and its rights"
    )


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of ``path`` when the block ends well.

    On any exception the temporary file is removed and ``path`` stays as it was. What is no file (a terminal,
    a pipe, ``/dev/null``) is written to as it is. Raises ConceptAlignError for a path that cannot be written.
    """
    path = Path(path)
    try:
        kind = path.stat().st_mode if path.exists() else stat.S_IFREG
        if stat.S_ISDIR(kind):
            raise IsADirectoryError(errno.EISDIR, "there is a folder of this name")
        if not stat.S_ISREG(kind):
            with path.open("wb") as stream:
                yield stream
            return
        for guard in guards:
            guard(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_partial(path)
    except OSError as error:
        raise explain(error, path) from error
    temporary: Path | None = None
    try:
        temporary, file = _temporary(path)
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if _POSIX:  # while it is locked: nobody takes it for left over
                temporary.replace(path)
        if not _POSIX:  # an open file cannot be renamed there
            temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with suppress(OSError):
            if temporary is not None:
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise explain(error, path) from error
        raise


def adopt(source: Path, path: Path) -> None:
    """Let the finished file ``source``, of the same file system, take the place of ``path``, whole.

    For what a library writes by itself. Raises ConceptAlignError for a path that cannot be written.
    """
    try:
        for guard in guards:
            guard(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with source.open("rb+") as file:
            os.fsync(file.fileno())
        source.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise explain(error, path) from error


def _temporary(path: Path) -> tuple[Path, IO[bytes]]:
    """A file of its own next to ``path``, locked for as long as it is open: what is not is left over."""
    while True:
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{TEMPORARY}")
        try:
            file = temporary.open("xb")
        except ValueError as error:  # a NUL, or what the file system's encoding does not know
            raise OSError(errno.EINVAL, str(error)) from error
        with suppress(OSError):  # a file system without locks
            take(file)
        if temporary.exists():  # nobody took it for left over before it was locked
            return temporary, file
        file.close()


def remove(path: str | Path) -> None:
    """Remove a file of ours; nothing where there is none."""
    path = Path(path)
    try:
        if path.exists() or path.is_symlink():
            for guard in guards:
                guard(path)
            path.unlink(missing_ok=True)
    except OSError as error:
        raise explain(error, path) from error


def remove_partial(path: Path) -> list[Path]:
    """Remove what killed writers of ``path`` left of it; a file that is being written stays."""
    return sweep(path.parent, {path.name})


def left_over(folder: Path, names: "set[str] | None" = None) -> list[Path]:
    """The temporary files in ``folder`` (of files called one of ``names``), some being written perhaps."""
    return [
        Path(entry.path)
        for entry in list(os.scandir(folder))
        if (found := _PARTIAL.fullmatch(entry.name))
        and entry.is_file(follow_symlinks=False)
        and (not names or found["name"] in names)
    ]


def sweep(folder: Path, names: "set[str] | None" = None) -> list[Path]:
    """Remove what killed writers left in ``folder`` (of files called one of ``names``); what was removed."""
    removed = []
    for path in left_over(folder, names):
        with suppress(OSError), path.open("ab") as file:
            if take(file, wait=False):
                path.unlink(missing_ok=True)
                removed.append(path)
    return removed


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the platform lets a folder be opened."""
    if not _POSIX:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_bytes(path: str | Path, data: bytes) -> None:
    with replacing(path) as file:
        file.write(data)


def write_text(path: str | Path, text: str) -> None:
    write_bytes(path, encoded(text, str(path)))


def save_csv(frame: Any, path: str | Path) -> None:
    """Write a data frame whole or not at all; equal tables give equal bytes.

    A text that a spreadsheet would take for a formula gets a ``'`` before it: see :func:`guarded`.
    """
    texts = [name for name in frame.columns if frame[name].dtype.kind == "O"]
    frame = frame.assign(**{name: frame[name].astype(object).map(guarded) for name in texts})
    with replacing(path) as file:
        frame.rename(columns=guarded).to_csv(file, index=False, lineterminator="\n")


def guarded(cell: Any) -> Any:
    """A name or label for a CSV file, never a formula; :func:`unguarded` gives it back."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell


def unguarded(cell: Any) -> Any:
    """What was given to :func:`guarded`."""
    return cell[1:] if isinstance(cell, str) and cell[:1] == "'" and _FORMULA.match(cell) else cell


def save_table(frame: Any, folder: str | Path, name: str) -> None:
    """A data frame as ``NAME.csv`` and ``NAME.parquet`` in ``folder``."""
    save_csv(frame, Path(folder) / f"{name}.csv")
    with replacing(Path(folder) / f"{name}.parquet") as file:
        frame.to_parquet(file, index=False)


def write_json(path: str | Path, value: Any, *, default: Callable[[Any], Any] | None = None) -> None:
    """JSON with sorted keys, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=default) + "\n")
