"""A CoNLL-U file as blocks of whole sentences, in bounded memory.

``.conllu``, ``.conllu.gz`` and ``.conllu.xz`` read alike. A block ends behind a blank line, so that no
sentence is cut; it grows beyond ``size`` only when one sentence does.
"""

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ..errors import TreebankError

BLOCK_BYTES = 1 << 20
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Block:
    """Whole sentences: the bytes as they stand in the (decompressed) file, from ``offset`` on."""

    raw: bytes
    offset: int


def open_bytes(path: Path) -> IO[bytes]:
    """The decompressed bytes of ``path``. Raises TreebankError where it cannot be opened."""
    try:
        if path.suffix == ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        if path.suffix == ".xz":
            return lzma.open(path, "rb")
        return path.open("rb", buffering=0)
    except OSError as error:
        raise TreebankError(
            f"cannot be opened: {error.strerror or error}",
            where=str(path),
            remedy="check the path and its rights; `concept-align treebanks fetch` gets treebanks",
        ) from error


def _read(file: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise TreebankError(
            f"cannot be read to its end: {error}",
            where=str(path),
            remedy="the file is truncated or damaged: get it again",
        ) from error


def blocks(path: Path, *, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """The blocks of ``path`` in order; nothing for an empty file.

    Raises TreebankError where the file cannot be opened or its compression is broken.
    """
    with open_bytes(path) as file:
        pending, offset = b"", 0
        searched = 0  # bytes of `pending` known to hold no end of a sentence
        while True:
            fresh = _read(file, size, path)
            if not fresh:
                break
            pending = pending + fresh if pending else fresh
            if offset == 0 and pending.startswith(BOM):
                pending, offset = pending[len(BOM) :], len(BOM)
            cut = _last_end(pending, max(0, searched - 2))
            if not cut:
                searched = len(pending)
                continue
            yield Block(pending[:cut], offset)
            pending, offset, searched = pending[cut:], offset + cut, 0
        if pending:
            yield Block(pending, offset)


def _last_end(data: bytes, start: int) -> int:
    """The byte behind the last blank line from ``start`` on, 0 where there is none."""
    plain, windows = data.rfind(b"\n\n", start), data.rfind(b"\n\r\n", start) if b"\r" in data else -1
    return max(plain + 2 if plain >= 0 else 0, windows + 3 if windows >= 0 else 0)


def sha256(path: Path) -> str:
    """The sha256 of the decompressed content of ``path``."""
    digest = hashlib.sha256()
    with open_bytes(path) as file:
        while data := _read(file, BLOCK_BYTES, path):
            digest.update(data)
    return digest.hexdigest()
