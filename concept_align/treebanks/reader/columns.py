"""A block of CoNLL-U as columns: everything a Corpus holds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .scan import Lines, Values, read_comments, scan_lines
from .spans import Bytes, Ints, Mask, where
from .surface import Surface, search, spaces_after
from .tokens import Codes, Tokens, read_labels, scan_ids

OF_WORDS = ("upos", "relations", "subtypes", "heads", "feats", "ranges", "spans", "forms")
OF_SENTENCES = ("sent_ids", "texts", "raw", "lines", "empty_nodes", "rebuilt")
Ordinal = Callable[[int, int], int]  # (sentence of the block, its first line there) to sentence of the file
STRINGS = ("sent_ids", "texts", "raw", "forms")


class Strings(Sequence[str]):
    """``len(starts)`` strings, the i-th being ``data[starts[i] : starts[i] + lengths[i]]`` in UTF-8.

    A column of a million words costs twelve bytes a word, not a hundred. A string is decoded when it is asked
    for.
    """

    __slots__ = ("data", "lengths", "starts")

    def __init__(
        self, data: bytes | bytearray, starts: NDArray[np.int64], lengths: NDArray[np.int32]
    ) -> None:
        self.data, self.starts, self.lengths = data, starts, lengths

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Strings": ...
    def __getitem__(self, index: int | slice) -> "str | Strings":
        if isinstance(index, slice):
            return Strings(self.data, self.starts[index], self.lengths[index])
        start = int(self.starts[index])
        return str(self.data[start : start + int(self.lengths[index])], "utf-8")

    def __iter__(self) -> Iterator[str]:
        data = self.data
        for start, end in zip(self.starts.tolist(), (self.starts + self.lengths).tolist(), strict=True):
            yield str(data[start:end], "utf-8")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(text) for text in self[:5])
        return f"<{len(self)} strings: {shown}{', ...' if len(self) > 5 else ''}>"

    def take(self, rows: ArrayLike) -> "Strings":
        """The strings at ``rows``, over bytes of their own: what is left out can be freed."""
        rows = np.asarray(rows)
        lengths = self.lengths[rows]
        encoded = [self.data[start : start + n] for start, n in zip(self.starts[rows], lengths, strict=True)]
        return Strings(b"".join(encoded), np.cumsum(lengths, dtype=np.int64) - lengths, lengths)

    def own(self) -> "Strings":
        """All strings, over bytes of their own: a megabyte's worth at a time."""
        ends = np.cumsum(self.lengths, dtype=np.int64)
        starts = ends - self.lengths
        places = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(self.starts - starts, self.lengths)
        return Strings(np.frombuffer(self.data, np.uint8)[places].tobytes(), starts, self.lengths)


def concatenate(parts: Sequence[Strings]) -> Strings:
    """One column of ``parts`` end to end; bytes that several parts share are kept once."""
    bases: dict[int, int] = {}
    buffers: list[bytes | bytearray] = []
    size = 0
    starts = []
    for part in parts:
        base = bases.get(id(part.data))
        if base is None:
            base = bases[id(part.data)] = size
            buffers.append(part.data)
            size += len(part.data)
        starts.append(part.starts + base)
    data = buffers[0] if len(buffers) == 1 else b"".join(buffers)
    return Strings(data, np.concatenate(starts), np.concatenate([part.lengths for part in parts]))


@dataclass(frozen=True, eq=False)
class Columns:
    """The sentences of one block; fields as in Corpus, ``lines`` from 0 within the block."""

    offsets: Ints
    upos: NDArray[np.int8]
    relations: NDArray[np.int8]
    subtypes: NDArray[np.int16]
    heads: NDArray[np.int32]
    feats: NDArray[np.int32]
    ranges: NDArray[np.int16]
    spans: NDArray[np.int32]
    forms: Strings
    sent_ids: Strings
    texts: Strings
    raw: Strings  # [sents] the sentence's lines as they stand
    lines: Ints
    empty_nodes: NDArray[np.int64]  # [sents]
    rebuilt: NDArray[np.bool_]  # [sents]
    line_count: int

    @property
    def sents(self) -> int:
        return len(self.lines)

    def cut(self, first: int, last: int) -> "Columns":
        """Sentences ``first:last``, over the same bytes."""
        begin, end = int(self.offsets[first]), int(self.offsets[last])
        cut: dict[str, Any] = {name: getattr(self, name)[begin:end] for name in OF_WORDS}
        cut |= {name: getattr(self, name)[first:last] for name in OF_SENTENCES}
        return replace(self, offsets=self.offsets[first : last + 1] - begin, **cut)


def join(parts: Sequence[Columns]) -> Columns:
    """``parts`` end to end."""
    words = np.cumsum([0, *(int(part.offsets[-1]) for part in parts)])
    offsets = [part.offsets[1:] + base for part, base in zip(parts, words[:-1], strict=True)]
    columns = {name: [getattr(part, name) for part in parts] for name in OF_WORDS + OF_SENTENCES}
    joined: dict[str, Any] = {n: np.concatenate(c) for n, c in columns.items() if n not in STRINGS}
    # Strings at once, because all of them are spans over the same bytes.
    strings, place = concatenate([part for name in STRINGS for part in columns[name]]), 0
    for name in STRINGS:
        size = sum(map(len, columns[name]))
        joined[name] = strings[place : place + size]
        place += size
    lines = sum(part.line_count for part in parts)
    return Columns(offsets=np.concatenate([[0], *offsets]), line_count=lines, **joined)


def parse(data: bytearray, codes: Codes, ordinal: Ordinal, *, trees: bool) -> Columns:
    """The columns of ``data`` (which ends with a line end, then PAD).

    ``ordinal`` counts sentences from 1 in the file. Raises BrokenError with every fault that one pass over
    the block can tell.
    """
    bytes_ = Bytes(data)
    lines = scan_lines(bytes_)
    tokens = scan_ids(lines)
    labels = read_labels(lines, tokens, codes, trees=trees)
    sent_ids, texts = read_comments(lines)
    spans, (forms, ids, whole, raw), rebuilt = _text(lines, tokens, sent_ids, texts, ordinal)
    return Columns(
        offsets=tokens.offsets,
        **vars(labels),
        ranges=tokens.place,
        spans=spans,
        forms=forms,
        sent_ids=ids,
        texts=whole,
        raw=raw,
        lines=lines.first_line,
        empty_nodes=tokens.empty_nodes,
        rebuilt=rebuilt,
        line_count=len(lines.starts),
    )


def _text(
    lines: Lines, tokens: Tokens, ids: Values, texts: Values, ordinal: Ordinal
) -> tuple[NDArray[np.int32], tuple[Strings, Strings, Strings, Strings], Mask]:
    """(spans, (forms, sent_ids, texts, raw), [sents] the text was rebuilt)."""
    data = lines.bytes.data
    surface = Surface(lines, tokens, spaces_after(lines, tokens.surface))
    same, begin, end = surface.compare(texts.starts, texts.lengths)
    extra: list[bytes] = []
    extra_size = len(data)
    rebuilt = np.zeros(lines.sents, dtype=np.bool_)

    def append(text: str, values: Values, sentence: int) -> None:
        nonlocal extra_size
        encoded = text.encode()
        extra.append(encoded)
        values.starts[sentence], values.lengths[sentence] = extra_size, len(encoded)
        extra_size += len(encoded)

    for sentence in where(~same).tolist():
        start, length = int(texts.starts[sentence]), int(texts.lengths[sentence])
        found = search(lines.bytes.text(start, start + length), surface.forms(sentence)) if length else None
        if found is None:
            append(surface.rebuilt(sentence), texts, sentence)
            rebuilt[sentence] = True
        else:
            first, last = surface.offsets[sentence : sentence + 2]
            begin[first:last], end[first:last] = np.array(found).T
    for sentence in where(ids.lengths == 0).tolist():
        append(str(ordinal(sentence, int(lines.first_line[sentence]))), ids, sentence)
    if extra:
        data = data + b"".join(extra)

    spans = np.empty((len(tokens.words), 2), dtype=np.int32)
    if tokens.words is tokens.surface:
        spans[:, 0], spans[:, 1] = begin, end
    else:
        spans[:, 0], spans[:, 1] = begin[tokens.surface_of_word], end[tokens.surface_of_word]
    form_starts, form_ends = tokens.column(1)
    raw_starts, raw_ends = lines.starts[lines.first_line], lines.ends[lines.last_line]
    strings = (
        Strings(data, form_starts, (form_ends - form_starts).astype(np.int32)),
        Strings(data, ids.starts, ids.lengths.astype(np.int32)),
        Strings(data, texts.starts, texts.lengths.astype(np.int32)),
        Strings(data, raw_starts, (raw_ends - raw_starts).astype(np.int32)),
    )
    return spans, strings, rebuilt
