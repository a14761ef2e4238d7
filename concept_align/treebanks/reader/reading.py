"""One pass over a CoNLL-U file: blocks of whole sentences in, columns out, in bounded memory.

``.conllu``, ``.conllu.gz`` and ``.conllu.xz`` read alike. Nothing is done word by word in Python. What is
wrong with a file is said with file, line and sentence; ``lenient`` leaves broken sentences out instead.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import TreebankError, place
from ...progress import Progress, Silent
from ..concepts import FIELDS
from .blocks import BLOCK_BYTES, BOM, Block, blocks, sha256, size_of
from .columns import Columns, join, parse
from .scan import HASH, BrokenError, Fault
from .spans import PAD
from .tokens import Codes

LABELS = ("UPOS", "DEPREL")  # the columns whose labels are those of Universal Dependencies
Renamed = Mapping[str, Mapping[str, str]]  # by column: a label of another scheme -> UD's
_LONE_RETURN = re.compile(rb"\r(?:\r|#|\d[^\r]*\t)")  # another line behind it
# CoNLL-U Plus: which columns a file has, in a comment before its first sentence.
_GLOBAL = re.compile(rb"(?:#[^\n]*\n)*?#\s*global\.columns\s*=([^\n]*)\n")
_SENT_ID = re.compile(rb"#\s*sent_id\s*=\s*(.*?)\s*$")


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
