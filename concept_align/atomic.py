"""Files that are either whole or not there.

A file is written under a temporary name in its own folder, flushed to the disk and renamed; a reader
never sees half of it, and a killed writer leaves only a temporary file, which the next writer removes.
"""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import ConceptAlignError

TEMPORARY = ".partial"


def _explain(error: OSError, path: Path) -> ConceptAlignError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConceptAlignError(
            f"no space left while writing ({error.strerror})",
            where=str(path),
            remedy="free space or choose another out folder; what was finished is kept, run again to resume",
        )
    return ConceptAlignError(
        f"cannot write: {error.strerror}", where=str(path), remedy="check the path and its rights"
    )


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file that takes the place of ``path`` when the block ends well.

    On any exception the temporary file is removed and ``path`` stays as it was.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}{TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _explain(error, path) from error
        raise


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the platform lets a folder be opened."""
    if os.name != "posix":
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
    write_bytes(path, text.encode())


def save_csv(frame: Any, path: str | Path) -> None:
    """Write a data frame whole or not at all; equal tables give equal bytes."""
    with replacing(path) as file:
        frame.to_csv(file, index=False, lineterminator="\n")


def save_table(frame: Any, folder: str | Path, name: str) -> None:
    """A data frame as ``NAME.csv`` and ``NAME.parquet`` in ``folder``."""
    save_csv(frame, Path(folder) / f"{name}.csv")
    with replacing(Path(folder) / f"{name}.parquet") as file:
        frame.to_parquet(file, index=False)


def write_json(path: str | Path, value: Any, *, default: Callable[[Any], Any] | None = None) -> None:
    """JSON with sorted keys, so that equal values give equal bytes."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=default) + "\n")
