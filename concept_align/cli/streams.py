"""Standard input and output of the command line: UTF-8 whatever the locale; one line where they fail.

Everything here is about the process's own streams: those that a caller has put in their place (a notebook, a
test) are left alone.
"""

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import ConceptAlignError, UsageError

_READ_ONLY, _WRITABLE = os.O_RDONLY, os.O_WRONLY


def in_utf8() -> None:
    """Begin anew in Python's UTF-8 mode where the locale has names of files in another encoding.

    Names in a configuration, a treebank or a store are UTF-8, and could not be opened in a C locale.
    """
    own = Path(sys.argv[0]).name in ("concept-align", "__main__.py")
    if own and not sys.flags.utf8_mode and sys.getfilesystemencoding().lower() not in ("utf-8", "utf8"):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])


class OutputError(ConceptAlignError):
    """What reads our output has gone, or its disk is full."""


@contextmanager
def standard() -> Iterator[None]:
    """Within the block, stdout and stderr take any text, and an error of stdout is an OutputError.

    At its end what is still to be written has been written. Where the reader of a pipe has gone, the process
    ends as others do: without a word, with exit code 141.
    """
    if sys.stdout is not sys.__stdout__ or sys.stderr is not sys.__stderr__:
        yield
        return
    _open_closed()
    sys.stderr = _text(_Deaf(2, "w", closefd=False), write_through=True)
    sys.stdout = _text(_Told(1, "w", closefd=False), write_through=False)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as gone:
        if isinstance(gone.__cause__, BrokenPipeError):
            sys.exit(141)
        raise
    finally:
        # Nothing is left to be said: neither another Ctrl-C nor what could not be written gets a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        with suppress(OSError):
            os.dup2(os.open(os.devnull, _WRITABLE), 1)


class _Told(io.FileIO):
    """A file whose failed writes are errors of ours."""

    def write(self, data: "bytes | memoryview", /) -> int:  # type: ignore[override]
        try:
            return super().write(data) or 0
        except OSError as error:
            what = error.strerror or str(error)
            remedy = (
                "free space"
                if error.errno == errno.ENOSPC
                else "give it a file or a pipe that can be written"
            )
            raise OutputError(f"cannot write to stdout: {what}", remedy=remedy) from error


class _Deaf(io.FileIO):
    """A file whose failed writes are passed over: there is nobody left to tell."""

    def write(self, data: "bytes | memoryview", /) -> int:  # type: ignore[override]
        try:
            return super().write(data) or 0
        except OSError:
            return len(data)


def _text(raw: io.FileIO, *, write_through: bool) -> io.TextIOWrapper:
    # What UTF-8 has no bytes for (half of a pair of surrogates, in a name of a file) is written as its code.
    lines = raw.isatty() or write_through
    return io.TextIOWrapper(
        io.BufferedWriter(raw), "utf-8", "backslashreplace", line_buffering=lines, write_through=write_through
    )


def _open_closed() -> None:
    """Fill the places of closed streams, so that no file of ours is opened there and written to by print."""
    for number, mode in ((0, _READ_ONLY), (1, _READ_ONLY), (2, _WRITABLE)):  # writing to a closed 1 must fail
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)


def read_stdin() -> bytes:
    """All of standard input; UsageError where it is closed."""
    if sys.stdin is None:
        raise UsageError("stdin is closed", remedy="give text to it, or name a file")
    return sys.stdin.buffer.read()
