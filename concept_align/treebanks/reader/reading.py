"""One pass over a CoNLL-U file: blocks of whole sentences in, columns out, in bounded memory.

``.conllu``, ``.conllu.gz`` and ``.conllu.xz`` read alike. A block is about a megabyte and ends behind a blank
line; it grows beyond that only when one sentence does. Nothing is done word by word in Python. What is wrong
with a file is said with file, line and sentence; ``lenient`` leaves broken sentences out instead.
"""

import gzip
import hashlib
import io
import lzma
import re
import sys
import zlib
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from ...errors import TreebankError, place
from ...progress import Progress, Silent
from ..concepts import FIELDS
from .columns import Columns, join, parse
from .scan import HASH, BrokenError, Fault
from .spans import PAD
from .tokens import Codes

BLOCK_BYTES = 1 << 20
HASH_BYTES = 1 << 16
NEWLINE = ord("\n")
COMPRESSED = (".gz", ".xz")
ROOM = len(PAD) + 1  # kept free behind what is read, for a line end and PAD
BOM = b"\xef\xbb\xbf"
LABELS = ("UPOS", "DEPREL")  # the columns whose labels are those of Universal Dependencies
Renamed = Mapping[str, Mapping[str, str]]  # by column: a label of another scheme -> UD's
_PACKED = {b"\x1f\x8b": gzip.decompress, b"\xfd7zXZ\x00": lzma.decompress}
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, OSError)
_LONE_RETURN = re.compile(rb"\r(?:\r|#|\d[^\r]*\t)")  # another line behind it
# CoNLL-U Plus: which columns a file has, in a comment before its first sentence.
_GLOBAL = re.compile(rb"(?:#[^\n]*\n)*?#\s*global\.columns\s*=([^\n]*)\n")
_SENT_ID = re.compile(rb"#\s*sent_id\s*=\s*(.*?)\s*$")


# --- the file as blocks ---


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


# --- blocks as columns ---


@dataclass(frozen=True, eq=False)
class Chunk:
    """Sentences of a file that follow each other, and what their codes mean."""

    columns: Columns
    subtype_names: tuple[str, ...]
    feats_names: tuple[str, ...]
    sha256: str  # of the whole file's (decompressed) content
    skipped: int  # sentences left out as broken
    foreign: dict[str, dict[str, int]]  # column -> label that is not of UD, taken for none -> words so far


def read(
    path: Path,
    *,
    lenient: bool,
    trees: bool,
    strict: Collection[str] = LABELS,
    renamed: Renamed | None = None,
    progress: Progress | None = None,
    content: bytes | None = None,
) -> Chunk:
    """The whole file; ``content``, where it is given, is read in its place and ``path`` only names it.

    Raises TreebankError for files that are absent, damaged, empty or broken.
    """
    reader = _Reader(
        path, lenient=lenient, trees=trees, strict=strict, renamed=renamed, progress=progress, content=content
    )
    digest = hashlib.sha256()
    parts = list(reader.parts(digest))
    return reader.chunk(parts, digest.hexdigest(), reader.skipped)


def stream(
    path: Path,
    size: int | None,
    *,
    lenient: bool,
    trees: bool,
    progress: Progress | None,
    strict: Collection[str] = LABELS,
    renamed: Renamed | None = None,
) -> Iterator[Chunk]:
    """The file in chunks of ``size`` sentences (None: a block each), in bounded memory."""
    reader = _Reader(path, lenient=lenient, trees=trees, strict=strict, renamed=renamed, progress=progress)
    checksum = sha256(path)
    waiting: list[Columns] = []
    told = 0

    def chunk() -> Chunk:
        nonlocal told
        skipped, told = reader.skipped - told, reader.skipped
        return reader.chunk(waiting, checksum, skipped)

    for part in reader.parts():
        if size is None:
            if waiting:
                yield chunk()
            waiting = [part]  # until the next one: what is left out at the end of the file belongs to it
            continue
        first, missing = 0, size - sum(piece.sents for piece in waiting)
        while part.sents - first >= missing:
            waiting.append(part.cut(first, first + missing))
            yield chunk()
            waiting, first, missing = [], first + missing, size
        if first < part.sents:
            waiting.append(part.cut(first, part.sents))
    if waiting:
        yield chunk()


class _Reader:
    """One pass over one file: blocks in, columns out, line and sentence numbers kept."""

    def __init__(
        self,
        path: Path,
        *,
        lenient: bool,
        trees: bool,
        progress: Progress | None,
        strict: Collection[str] = LABELS,
        renamed: Renamed | None = None,
        content: bytes | None = None,
    ) -> None:
        self.path, self.lenient, self.trees, self.content = path, lenient, trees, content
        self.progress = progress or Silent()
        self.codes = Codes(strict, renamed)
        self._plus: tuple[int | None, ...] | None = None  # of CoNLL-U Plus: where the ten columns stand
        self.skipped = 0
        self._line = 1  # of the block to come
        self._sentences = 0  # of the file so far, those left out included

    def parts(self, digest: "hashlib._Hash | None" = None) -> Iterator[Columns]:
        """The columns of each block that has sentences, with lines counted from 1 in the file.

        Raises TreebankError where the whole file has none.
        """
        found = False
        bar = self.progress.bar(self.path.name, size_of(self.path), unit="bytes")
        for block in blocks(self.path, size=BLOCK_BYTES, content=self.content):
            if digest is not None:
                if self._line == 1 and block.offset:
                    digest.update(BOM)
                digest.update(block.raw)
            part = self._part(block)
            bar.advance(block.size)
            if part.sents:
                found = True
                yield part
        if not found:
            left_out = f": all {self.skipped} are broken" if self.skipped else ""
            remedy = "check that the file is CoNLL-U and was fetched whole"
            raise TreebankError(f"no sentence to read{left_out}", where=str(self.path), remedy=remedy)

    def chunk(self, parts: list[Columns], checksum: str, skipped: int) -> Chunk:
        """``parts`` end to end, with the names that are known by now."""
        whole = parts[0] if len(parts) == 1 else join(parts)
        codes = self.codes
        return Chunk(
            whole, tuple(codes.subtype_names), codes.feats_names, checksum, skipped, codes.foreign_labels()
        )

    def _part(self, block: Block) -> Columns:
        data, removed = self._decodable(block)

        def ordinal(sentence: int, line: int) -> int:
            """The sentence's place in the file, also where others before it were left out."""
            return self._sentences + sentence + 1 + bisect_left(sorted(removed), line)

        if b"\r" in data:
            self._refuse_lone_returns(block)
            data = data.replace(b"\r\n", b"\n")
        if self._line == 1 and data[0] == HASH and b"global.columns" in data:
            self._plus = self._columns_of(data)
        while True:
            try:
                ten = data if self._plus is None else _ten_columns(data, self._plus)
                part = parse(ten, self.codes, ordinal, trees=self.trees)
                break
            except BrokenError as broken:
                if not self.lenient:
                    fault, more = broken.faults[0], len(broken.faults) - 1
                    message = fault.message + (f" ({more} more like it)" if more else "")
                    raise self._error(data, fault.line, message, fault.remedy) from None
                data, gone = _without(data, [fault.line for fault in broken.faults])
                removed += gone
        self.skipped += len(removed)
        self._sentences += part.sents + len(removed)
        first, self._line = self._line, self._line + part.line_count
        return replace(part, lines=part.lines + first)

    def _decodable(self, block: Block) -> tuple[bytearray, list[int]]:
        """(the block in valid UTF-8, first lines of the sentences left out for it)."""
        data = block.data
        try:
            data.isascii() or data.decode()
        except UnicodeDecodeError as error:
            if self.lenient:
                return _without(data, [n for n, line in enumerate(data.split(b"\n")) if not _is_utf8(line)])
            raise self._error(
                data,
                data.count(b"\n", 0, error.start),
                f"byte {block.offset + error.start} of the file is not UTF-8 ({error.reason})",
                "convert the file to UTF-8, or get it again",
            ) from None
        return data, []

    def _refuse_lone_returns(self, block: Block) -> None:
        """TreebankError where the file's lines end in a carriage return alone, so that it is one line."""
        content = bytes(block.raw).strip() if self._line == 1 else b"\n"
        if b"\n" not in content and _LONE_RETURN.search(content):
            raise TreebankError(
                "its lines end in a carriage return alone (CR), as old Macs wrote them",
                where=str(self.path),
                remedy="end them in a line feed: tr '\\r' '\\n' < FILE > NEW",
            )

    def _columns_of(self, data: bytearray) -> tuple[int | None, ...] | None:
        """Of CoNLL-U Plus, where each of the ten columns stands; None where they stand as in CoNLL-U."""
        places = plus_columns(bytes(data))
        if places is not None and None in places[:2]:
            raise TreebankError(
                "CoNLL-U Plus without the columns ID and FORM",
                where=place(self.path, self._line),
                remedy="name them in `# global.columns = ID FORM ...`, as they stand in the lines",
            )
        return places

    def _error(self, data: bytearray, line: int, message: str, remedy: str) -> TreebankError:
        where = place(self.path, self._line + line, _sent_id_at(data, line))
        return TreebankError(message, where=where, remedy=remedy)


def _is_utf8(line: bytearray) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def plus_columns(data: bytes) -> tuple[int | None, ...] | None:
    """Where the ten columns stand in a CoNLL-U Plus file, by its ``# global.columns``; None in CoNLL-U.

    A column that the file does not have stands nowhere (None). ``data`` is the beginning of the file.
    """
    match = _GLOBAL.match(data)
    names = match[1].decode(errors="replace").upper().split() if match else [*FIELDS]
    if names == [*FIELDS]:
        return None
    return (*(names.index(field) if field in names else None for field in FIELDS), len(names))


def _ten_columns(data: bytearray, plus: tuple[int | None, ...]) -> bytearray:
    """The lines of a block of CoNLL-U Plus with the ten columns of CoNLL-U. Raises BrokenError."""
    *places, width = plus
    lines, faults = bytes(data[: -len(PAD)]).split(b"\n"), []
    for number, line in enumerate(lines):
        if b"global.columns" in line and line.startswith(b"#"):
            lines[number] = b"# global.columns = " + " ".join(FIELDS).encode()
        if line.startswith(b"#") or not line.decode().strip():
            continue
        cells = line.split(b"\t")
        if len(cells) != width:
            what = f"{len(cells)} columns where `# global.columns` names {width}"
            faults.append(Fault(number, what, "separate the columns by single tabs"))
        else:
            lines[number] = b"\t".join(b"_" if at is None else cells[at] for at in places)
    if faults:
        raise BrokenError(faults)
    return bytearray(b"\n".join(lines) + PAD)


# The slow path for broken sentences: name them, or take them out of their block.


def _around(lines: list[bytearray], line: int) -> tuple[int, int]:
    """First line and the line behind the last of the sentence that ``line`` belongs to."""
    first = last = line
    while first > 0 and lines[first - 1].strip():
        first -= 1
    while last < len(lines) and lines[last].strip():
        last += 1
    return first, last


def _sent_id_at(data: bytearray, line: int) -> str | None:
    """The sent_id of the sentence around ``line`` (from 0), where it has one."""
    lines = data.split(b"\n")
    first, last = _around(lines, line)
    for text in lines[first:last]:
        if match := _SENT_ID.match(text):
            return match[1].decode(errors="replace")
    return None


def _without(data: bytearray, broken: Iterable[int]) -> tuple[bytearray, list[int]]:
    """(``data`` with the sentences around the lines ``broken`` blanked, the first line of each).

    Blank lines take their place, so that all other lines keep their numbers.
    """
    lines = data.split(b"\n")
    firsts: list[int] = []
    for line in sorted(set(broken)):
        if not lines[line].strip():
            continue  # its sentence went with an earlier line
        first, last = _around(lines, line)
        lines[first:last] = [bytearray()] * (last - first)
        firsts.append(first)
    return bytearray(b"\n").join(lines), firsts
