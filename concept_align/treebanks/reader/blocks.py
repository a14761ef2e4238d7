"""A CoNLL-U file as blocks of whole sentences, packed or plain, in bounded memory.

A block is about a megabyte and ends behind a blank line; it grows beyond that only when one sentence does.
"""

import gzip
import hashlib
import io
import lzma
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ...errors import TreebankError
from .spans import PAD

BLOCK_BYTES = 1 << 20
HASH_BYTES = 1 << 16
NEWLINE = ord("\n")
COMPRESSED = (".gz", ".xz")
ROOM = len(PAD) + 1  # kept free behind what is read, for a line end and PAD
BOM = b"\xef\xbb\xbf"
_PACKED = {b"\x1f\x8b": gzip.decompress, b"\xfd7zXZ\x00": lzma.decompress}
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, OSError)


@dataclass(frozen=True, eq=False)
class Block:
    """Whole sentences: ``size`` bytes as they stand in the (decompressed) file from ``offset`` on.

    Behind them ``data`` has a line end, where the file ends without one, and PAD.
    """

    data: bytearray
    size: int
    offset: int

    @property
    def raw(self) -> memoryview:
        return memoryview(self.data)[: self.size]


def open_bytes(path: Path) -> IO[bytes]:
    """The decompressed bytes of ``path``. Raises TreebankError where it cannot be opened."""
    try:
        if path.suffix.lower() == ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        if path.suffix.lower() == ".xz":
            return lzma.open(path, "rb")
        return path.open("rb", buffering=0)
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        what = f"cannot be opened: {getattr(error, 'strerror', None) or error}"
        remedy = "check the path and its rights; `concept-align treebanks fetch` gets treebanks"
        raise TreebankError(what, where=str(path), remedy=remedy) from error


def size_of(path: Path) -> int | None:
    """The bytes to come, None where they are packed or there is no file."""
    return path.stat().st_size if path.suffix.lower() not in COMPRESSED and path.is_file() else None


def unpacked(data: bytes, name: str) -> bytes:
    """``data``, decompressed where its first bytes are those of gzip or xz. Raises TreebankError."""
    for opening, decompress in _PACKED.items():
        if data.startswith(opening):
            try:
                return decompress(data)
            except _DAMAGED as error:
                raise _cut_short(error, name) from error
    return data


def _cut_short(error: Exception, name: str) -> TreebankError:
    remedy = "the file is truncated or damaged: get it again"
    return TreebankError(f"cannot be read to its end: {error}", where=name, remedy=remedy)


def _fill(file: IO[bytes], room: memoryview, path: Path) -> int:
    """Bytes read into ``room``, 0 at the end of the file."""
    try:
        return file.readinto(room)  # type: ignore[attr-defined]
    except _DAMAGED as error:
        raise _cut_short(error, str(path)) from error


def blocks(path: Path, *, size: int = BLOCK_BYTES, content: bytes | None = None) -> Iterator[Block]:
    """The blocks of ``path`` in order, without its byte order mark; nothing for an empty file.

    ``content`` is read in place of the file, where it is given. Raises TreebankError where the file cannot
    be opened or its compression is broken.
    """
    with open_bytes(path) if content is None else io.BytesIO(content) as file:
        # What is read goes straight to where the block keeps it, and no more room is made than needed:
        # touching fresh memory costs as much as parsing it.
        whole = size_of(path) if content is None else len(content)
        total = sys.maxsize if whole is None else whole + 1
        left, offset = b"", 0
        while True:
            expected = max(total - offset - len(left), 1)
            data = bytearray(len(left) + min(size, expected) + ROOM)
            data[: len(left)] = left
            filled, cut, ended = _sentences(file, data, len(left), path)
            if offset == 0 and data.startswith(BOM):
                del data[: len(BOM)]
                offset, filled, cut = len(BOM), filled - len(BOM), max(cut - len(BOM), 0)
            left = bytes(memoryview(data)[cut:filled])
            if cut:
                tail = PAD if data[cut - 1] == NEWLINE else b"\n" + PAD
                data[cut:] = tail
                yield Block(data, cut, offset)
            offset += cut
            if ended:
                return


def _sentences(file: IO[bytes], data: bytearray, filled: int, path: Path) -> tuple[int, int, bool]:
    """Read on behind ``filled``: (bytes now in ``data``, end of its last whole sentence, file ended)."""
    searched = max(0, filled - 2)
    while True:
        with memoryview(data) as view, view[filled : len(data) - ROOM] as room:
            fresh = _fill(file, room, path)
        filled += fresh
        if not fresh:
            return filled, filled, True
        if filled < len(data) - ROOM:
            continue
        if cut := _last_end(data, searched, filled):
            return filled, cut, False
        searched = filled - 2
        data.extend(bytes(len(data)))


def _last_end(data: bytearray, start: int, end: int) -> int:
    """The byte behind the last blank line within ``start:end``, 0 where there is none."""
    plain = data.rfind(b"\n\n", start, end)
    windows = data.rfind(b"\n\r\n", start, end) if data.find(b"\r", start, end) >= 0 else -1
    return max(plain + 2 if plain >= 0 else 0, windows + 3 if windows >= 0 else 0)


def sha256(path: Path) -> str:
    """The sha256 of the decompressed content of ``path``."""
    digest = hashlib.sha256()
    with open_bytes(path) as file, memoryview(bytearray(HASH_BYTES)) as room:
        while size := _fill(file, room, path):
            digest.update(room[:size])
    return digest.hexdigest()
