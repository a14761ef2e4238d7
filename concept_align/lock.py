"""One writer at a time for a folder.

The lock is the operating system's (``flock``) on a small file that names its holder: a writer that dies
leaves no lock behind, only the file, which the next writer takes over and removes.
"""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .errors import ConceptAlignError, StoreError

LOCK = ".lock"


@contextmanager
def writing(folder: Path, *, error: type[ConceptAlignError] = StoreError) -> Iterator[None]:
    """Hold ``folder`` for writing; ``error``, naming the process, where one holds it already."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl  # noqa: F401
    except ImportError:  # not on Windows, where nobody is kept out
        yield
        return
    path = folder / LOCK
    file = _acquire(path, error)
    try:
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        file.flush()
        yield
    finally:
        # Removed while still held, so that nobody can take a lock on a file that is about to go.
        path.unlink(missing_ok=True)
        file.close()


def _acquire(path: Path, error: type[ConceptAlignError]) -> IO[bytes]:
    import fcntl

    while True:
        file = path.open("a+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = _holder(file.read())
            file.close()
            raise error(
                f"another process is writing here ({holder})",
                where=str(path.parent),
                remedy="wait until it is done, or stop it; then run the command again",
            ) from None
        except OSError:
            file.close()
            raise
        # The file may have been removed by its last holder between our open and our lock.
        if path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            file.truncate(0)
            return file
        file.close()


def _holder(text: bytes) -> str:
    try:
        named = json.loads(text)
        return f"process {named['pid']} on {named['host']}"
    except (ValueError, KeyError, TypeError):
        return "it has just begun"
