"""One writer at a time: for a folder, and for a file.

The lock is the operating system's (``flock``): a writer that dies leaves none behind. Where there is no
``flock`` (Windows, some file systems of clusters) nobody is kept out: there a lock is courtesy, and what
keeps files whole is that each is written under a name of its own (``atomic.py``).
"""

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .errors import ConceptAlignError, StoreError

LOCK = ".lock"
WAIT = 10.0  # seconds that a writer waits for another one: longer than a file takes, shorter than a run
_PAUSE = 0.02  # seconds between two attempts


def take(file: IO[bytes], *, wait: bool = True) -> bool:
    """Lock an open file; False where another process holds it (and we do not ``wait``).

    OSError where the file system has no locks.
    """
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def writing(
    folder: Path, *, error: type[ConceptAlignError] = StoreError, wait: float | None = None
) -> Iterator[None]:
    """Hold ``folder`` for writing; ``error``, naming the process, where one holds it for ``wait`` seconds.

    Those are :data:`WAIT` unless told otherwise.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _acquire(path, error, time.monotonic() + (WAIT if wait is None else wait))
    except OSError as fault:
        reason = fault.strerror or str(fault)
        raise error(
            f"cannot write: {reason}", where=str(folder), remedy="check the path and its rights"
        ) from fault
    try:
        file.seek(0)
        file.truncate()
        file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        file.flush()
        yield
    finally:
        # Removed while still held, so that nobody can take a lock on a file that is about to go.
        with suppress(OSError):
            path.unlink(missing_ok=True)
        file.close()


def _acquire(path: Path, error: type[ConceptAlignError], until: float) -> IO[bytes]:
    while True:
        file = path.open("a+b")
        try:
            taken = take(file, wait=False)
        except OSError:  # no locks here
            return file
        # The file may have been removed by its last holder between our open and our lock.
        if taken and path.exists() and os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            return file
        file.seek(0)
        holder = _holder(file.read())
        file.close()
        if not taken and time.monotonic() >= until:
            raise error(
                f"another process is writing here ({holder})",
                where=str(path.parent),
                remedy="wait until it is done, or stop it; then run the command again",
            )
        time.sleep(_PAUSE)


def _holder(text: bytes) -> str:
    try:
        named = json.loads(text)
        return f"process {named['pid']} on {named['host']}"
    except (ValueError, KeyError, TypeError):
        return "it has just begun"
