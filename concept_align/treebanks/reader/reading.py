"""One pass over a CoNLL-U file: blocks of about a megabyte in, columns out.

Nothing is done word by word in Python. What is wrong with a file is said with file, line and sentence;
``lenient`` leaves broken sentences out instead.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ...errors import TreebankError, place
from ...progress import Progress, Silent
from .blocks import BLOCK_BYTES, BOM, Block, blocks, sha256, size_of
from .columns import Columns, Ordinals, join, parse
from .labels import Codes
from .scan import BrokenError

_SENT_ID = re.compile(rb"#\s*sent_id\s*=\s*(.*?)\s*$")


@dataclass(frozen=True, eq=False)
class Chunk:
    """Sentences of a file that follow each other, and what their codes mean."""

    columns: Columns
    subtype_names: tuple[str, ...]
    feats_names: tuple[str, ...]
    sha256: str  # of the whole file's (decompressed) content
    skipped: int  # sentences left out as broken


def read(
    path: Path,
    *,
    lenient: bool = False,
    trees: bool = True,
    progress: Progress | None = None,
    content: bytes | None = None,
) -> Chunk:
    """The whole file; ``content``, where it is given, is read in its place and ``path`` only names it.

    Raises TreebankError for files that are absent, damaged, empty or broken.
    """
    reader = _Reader(path, lenient=lenient, trees=trees, progress=progress, content=content)
    digest = hashlib.sha256()
    parts = list(reader.parts(digest))
    return reader.chunk(parts, digest.hexdigest(), reader.skipped)


def stream(
    path: Path,
    *,
    sentences_per_chunk: int | None = None,
    lenient: bool = False,
    trees: bool = True,
    progress: Progress | None = None,
) -> Iterator[Chunk]:
    """The file in chunks of ``sentences_per_chunk`` sentences (None: a block each), in bounded memory."""
    reader = _Reader(path, lenient=lenient, trees=trees, progress=progress)
    checksum, size = sha256(path), sentences_per_chunk
    waiting: list[Columns] = []
    told = 0

    def chunk() -> Chunk:
        nonlocal told
        skipped, told = reader.skipped - told, reader.skipped
        return reader.chunk(waiting, checksum, skipped)

    for part in reader.parts():
        if size is None:
            waiting = [part]
            yield chunk()
            waiting = []
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
        content: bytes | None = None,
    ) -> None:
        self.path, self.lenient, self.trees, self.content = path, lenient, trees, content
        self.progress = progress or Silent()
        self.codes = Codes()
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
        return Chunk(whole, tuple(self.codes.subtype_names), self.codes.feats_names, checksum, skipped)

    def _part(self, block: Block) -> Columns:
        data, removed = self._decodable(block)
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n")
        while True:
            try:
                part = parse(data, self.codes, Ordinals(self._sentences, removed), trees=self.trees)
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

    def _error(self, data: bytearray, line: int, message: str, remedy: str) -> TreebankError:
        where = place(self.path, self._line + line, _sent_id_at(data, line))
        return TreebankError(message, where=where, remedy=remedy)


def _is_utf8(line: bytearray) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


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
