"""The CoNLL-U reader: files into columns, whole (:func:`read`) or chunk by chunk (:func:`stream`).

Both go through the same blocks of about a megabyte; nothing is done word by word in Python. What is
wrong with a file is said with file, line and sentence; ``lenient`` leaves broken sentences out instead.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import TreebankError, UsageError, place
from ..progress import Progress, Silent
from ..types import Split
from .blocks import BLOCK_BYTES, BOM, COMPRESSED, Block, blocks, sha256
from .columns import Columns, Ordinals, join, parse
from .corpus import Corpus, Source
from .labels import Codes
from .naming import describe
from .repair import sent_id_at, without
from .scan import BrokenError


def read(
    path: str | Path,
    *,
    language: str | None = None,
    treebank: str | None = None,
    split: Split | None = None,
    lenient: bool = False,
    trees: bool = True,
    progress: Progress | None = None,
) -> Corpus:
    """A whole file (``.conllu``, ``.conllu.gz``, ``.conllu.xz``) as one Corpus.

    ``language``, ``treebank`` and ``split`` default to what the file's name says. ``lenient`` leaves
    broken sentences out and counts them in ``skipped``; ``trees=False`` does not ask the heads to form a
    tree. Raises TreebankError for files that are absent, damaged, empty or broken.
    """
    source = describe(path, language=language, treebank=treebank, split=split)
    reader = _Reader(Path(path), lenient=lenient, trees=trees, progress=progress)
    digest = hashlib.sha256()
    parts = list(reader.parts(digest))
    return _corpus(parts, source, digest.hexdigest(), reader.codes, reader.skipped)


def stream(
    path: str | Path,
    *,
    sentences_per_chunk: int | None = None,
    language: str | None = None,
    treebank: str | None = None,
    split: Split | None = None,
    lenient: bool = False,
    trees: bool = True,
    progress: Progress | None = None,
) -> Iterator[Corpus]:
    """The file as Corpus chunks of ``sentences_per_chunk`` sentences (default: about a megabyte each).

    Memory is bounded by the chunk. Codes and names agree over the chunks of a file: the names of a chunk
    begin with those of the chunks before it. ``skipped`` counts what was left out since the chunk before.
    The content's sha256 is in every chunk, so the file is gone through once more, first.
    """
    if sentences_per_chunk is not None and sentences_per_chunk < 1:
        raise UsageError(
            f"chunks of {sentences_per_chunk} sentences", remedy="ask for at least one sentence a chunk"
        )
    source = describe(path, language=language, treebank=treebank, split=split)
    reader = _Reader(Path(path), lenient=lenient, trees=trees, progress=progress)
    return _chunks(reader, source, sentences_per_chunk)


def _chunks(reader: "_Reader", source: Source, size: int | None) -> Iterator[Corpus]:
    checksum = sha256(reader.path)
    waiting: list[Columns] = []
    told = 0

    def corpus() -> Corpus:
        nonlocal told
        skipped, told = reader.skipped - told, reader.skipped
        return _corpus(waiting, source, checksum, reader.codes, skipped)

    for part in reader.parts():
        if size is None:
            waiting = [part]
            yield corpus()
            waiting = []
            continue
        first, missing = 0, size - sum(piece.sents for piece in waiting)
        while part.sents - first >= missing:
            waiting.append(part.cut(first, first + missing))
            yield corpus()
            waiting, first, missing = [], first + missing, size
        if first < part.sents:
            waiting.append(part.cut(first, part.sents))
    if waiting:
        yield corpus()


class _Reader:
    """One pass over one file: blocks in, columns out, line and sentence numbers kept."""

    def __init__(self, path: Path, *, lenient: bool, trees: bool, progress: Progress | None) -> None:
        self.path, self.lenient, self.trees = path, lenient, trees
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
        plain = self.path.suffix not in COMPRESSED and self.path.is_file()
        total = self.path.stat().st_size if plain else None
        bar = self.progress.bar(self.path.name, total, unit="bytes")
        for block in blocks(self.path, size=BLOCK_BYTES):
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
            raise TreebankError(
                f"no sentence to read{left_out}",
                where=str(self.path),
                remedy="check that the file is CoNLL-U and was fetched whole",
            )

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
                data, gone = without(data, [fault.line for fault in broken.faults])
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
                return without(data, [n for n, line in enumerate(data.split(b"\n")) if not _is_utf8(line)])
            raise self._error(
                data,
                data.count(b"\n", 0, error.start),
                f"byte {block.offset + error.start} of the file is not UTF-8 ({error.reason})",
                "convert the file to UTF-8, or get it again",
            ) from None
        return data, []

    def _error(self, data: bytearray, line: int, message: str, remedy: str) -> TreebankError:
        where = place(self.path, self._line + line, sent_id_at(data, line))
        return TreebankError(message, where=where, remedy=remedy)


def _is_utf8(line: bytearray) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _corpus(parts: list[Columns], source: Source, checksum: str, codes: Codes, skipped: int) -> Corpus:
    """``parts`` end to end."""
    whole = parts[0] if len(parts) == 1 else join(parts)
    return Corpus(
        offsets=whole.offsets,
        upos=whole.upos,
        relations=whole.relations,
        subtypes=whole.subtypes,
        heads=whole.heads,
        feats=whole.feats,
        ranges=whole.ranges,
        subtype_names=tuple(codes.subtype_names),
        feats_names=codes.feats_names,
        source=replace(source, sha256=checksum),
        sent_ids=whole.sent_ids,
        texts=whole.texts,
        lines=whole.lines,
        forms=whole.forms,
        spans=whole.spans,
        empty_nodes=int(whole.empty_nodes.sum()),
        skipped=skipped,
        rebuilt=int(whole.rebuilt.sum()),
    )
