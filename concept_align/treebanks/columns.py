"""A block of CoNLL-U as columns: everything :class:`~concept_align.treebanks.corpus.Corpus` holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .comments import Values, read_comments
from .concepts import RELATIONS, UPOS
from .scan import UNDERSCORE, BrokenError, Fault, Lines, Tokens, scan_ids, scan_lines
from .spans import Bytes, Dictionary, Ints, Mask, integers, where
from .strings import Strings, concatenate
from .surface import Surface, search, spaces_after
from .trees import misshapen

_CLOSED = "see universaldependencies.org for the closed set; correct the word or use `_`"
_UNKNOWN = -2
_RELATION = {name: code for code, name in enumerate(RELATIONS)}
Report = Callable[[Ints, int, str, str], None]  # (words, column, message, remedy)


@cache
def _starting_with(names: tuple[str, ...]) -> Dictionary:
    return Dictionary(names)


class Codes:
    """The dictionaries of a file: codes stay the same from block to block."""

    def __init__(self) -> None:
        self.upos = _starting_with((*UPOS, "_")).copy()
        self.relations = _starting_with((*RELATIONS, "_")).copy()
        self.feats = _starting_with(("_",)).copy()
        self.subtype_names = [""]
        # [deprels] index in RELATIONS, and in subtype_names
        self.relation = np.append(np.arange(len(RELATIONS), dtype=np.int8), np.int8(-1))
        self.subtype = np.zeros(len(RELATIONS) + 1, dtype=np.int16)

    def split_relations(self) -> None:
        """Bring the tables up to the deprels seen so far."""
        fresh = self.relations.names[len(self.relation) :]
        if not fresh:
            return
        relation, subtype = [], []
        for name in fresh:
            universal, _, rest = name.partition(":")
            relation.append(_RELATION.get(universal, _UNKNOWN))
            if rest not in self.subtype_names:
                self.subtype_names.append(rest)
            subtype.append(self.subtype_names.index(rest))
        self.relation = np.append(self.relation, np.array(relation, dtype=np.int8))
        self.subtype = np.append(self.subtype, np.array(subtype, dtype=np.int16))

    @property
    def feats_names(self) -> tuple[str, ...]:
        return ("", *self.feats.names[1:])


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
    lines: Ints
    empty_nodes: NDArray[np.int64]  # [sents]
    rebuilt: NDArray[np.bool_]  # [sents]
    line_count: int

    @property
    def sents(self) -> int:
        return len(self.lines)

    def cut(self, first: int, last: int) -> "Columns":
        """Sentences ``first:last``, over the same bytes."""
        sents, begin, end = slice(first, last), int(self.offsets[first]), int(self.offsets[last])
        words = slice(begin, end)
        return Columns(
            offsets=self.offsets[first : last + 1] - begin,
            upos=self.upos[words],
            relations=self.relations[words],
            subtypes=self.subtypes[words],
            heads=self.heads[words],
            feats=self.feats[words],
            ranges=self.ranges[words],
            spans=self.spans[words],
            forms=self.forms[words],
            sent_ids=self.sent_ids[sents],
            texts=self.texts[sents],
            lines=self.lines[sents],
            empty_nodes=self.empty_nodes[sents],
            rebuilt=self.rebuilt[sents],
            line_count=self.line_count,
        )


def join(parts: Sequence[Columns]) -> Columns:
    """``parts`` end to end."""
    sents = sum(part.sents for part in parts)
    strings = concatenate(  # at once, because all of them are spans over the same bytes
        [part.sent_ids for part in parts] + [part.texts for part in parts] + [part.forms for part in parts]
    )
    words = np.cumsum([0, *(int(part.offsets[-1]) for part in parts)])
    offsets = [part.offsets[1:] + base for part, base in zip(parts, words[:-1], strict=True)]
    return Columns(
        offsets=np.concatenate([[0], *offsets]),
        upos=np.concatenate([part.upos for part in parts]),
        relations=np.concatenate([part.relations for part in parts]),
        subtypes=np.concatenate([part.subtypes for part in parts]),
        heads=np.concatenate([part.heads for part in parts]),
        feats=np.concatenate([part.feats for part in parts]),
        ranges=np.concatenate([part.ranges for part in parts]),
        spans=np.concatenate([part.spans for part in parts]),
        forms=strings[2 * sents :],
        sent_ids=strings[:sents],
        texts=strings[sents : 2 * sents],
        lines=np.concatenate([part.lines for part in parts]),
        empty_nodes=np.concatenate([part.empty_nodes for part in parts]),
        rebuilt=np.concatenate([part.rebuilt for part in parts]),
        line_count=sum(part.line_count for part in parts),
    )


def parse(data: bytes, codes: Codes, ordinals: "Ordinals", *, trees: bool) -> Columns:
    """The columns of ``data`` (which ends with a line end, then PAD).

    Raises BrokenError with every fault that one pass over the block can tell.
    """
    bytes_ = Bytes(data)
    lines = scan_lines(bytes_)
    tokens = scan_ids(lines)
    upos, relations, subtypes, heads, feats = _labels(lines, tokens, codes, trees=trees)
    sent_ids, texts = read_comments(lines)
    spans, forms, ids, whole, rebuilt = _text(lines, tokens, sent_ids, texts, ordinals)
    return Columns(
        offsets=tokens.offsets,
        upos=upos,
        relations=relations,
        subtypes=subtypes,
        heads=heads,
        feats=feats,
        ranges=tokens.place,
        spans=spans,
        forms=forms,
        sent_ids=ids,
        texts=whole,
        lines=lines.first_line,
        empty_nodes=tokens.empty_nodes,
        rebuilt=rebuilt,
        line_count=len(lines.starts),
    )


class Ordinals:
    """Which sentence of the file a line of the block belongs to, also where others were left out."""

    def __init__(self, before: int, removed: list[int]) -> None:
        self.before, self.removed = before, np.sort(np.array(removed, dtype=np.int64))

    def of(self, sentence: int, line: int) -> int:
        return self.before + sentence + 1 + int(np.searchsorted(self.removed, line))


def _labels(
    lines: Lines, tokens: Tokens, codes: Codes, *, trees: bool
) -> tuple[NDArray[np.int8], NDArray[np.int8], NDArray[np.int16], NDArray[np.int32], NDArray[np.int32]]:
    bytes_ = lines.bytes
    rows: Ints | slice = tokens.words if len(tokens.words) < len(lines.tokens) else slice(None)
    sentence = lines.sentence[rows]
    faults: list[Fault] = []

    def report(words: Ints, column: int, message: str, remedy: str) -> None:
        for word in words.tolist():
            token = int(tokens.words[word])
            start, end = (int(side[0]) for side in lines.column(column, np.array([token])))
            value = bytes_.text(start, end)
            faults.append(Fault(int(lines.tokens[token]), message.format(value=value), remedy))

    start, end = lines.column(1, rows)
    report(where(start == end), 1, "an empty form", "give the word a form")
    start, end = lines.column(3, rows)
    upos = codes.upos.encode(bytes_, start, end - start)
    report(where(upos > len(UPOS)), 3, "unknown UPOS {value!r}", _CLOSED)
    upos[upos == len(UPOS)] = -1

    start, end = lines.column(7, rows)
    deprel = codes.relations.encode(bytes_, start, end - start)
    codes.split_relations()
    relations = codes.relation[deprel]
    report(where(relations == _UNKNOWN), 7, "unknown universal relation {value!r}", _CLOSED)

    start, end = lines.column(5, rows)
    feats = codes.feats.encode(bytes_, start, end - start)
    heads = _heads(lines, tokens, rows, sentence, report)
    if trees and not faults:
        faults += _tree_faults(lines, tokens, heads, sentence)
    if faults:
        raise BrokenError(faults)
    return upos.astype(np.int8), relations, codes.subtype[deprel], heads, feats


def _heads(
    lines: Lines, tokens: Tokens, rows: Ints | slice, sentence: Ints, report: Report
) -> NDArray[np.int32]:
    start, end = lines.column(6, rows)
    heads, valid = integers(lines.bytes, start, end)
    if not valid.all():
        bare = (end - start == 1) & (lines.bytes.at[start] == UNDERSCORE)
        heads[~valid] = -1
        wrong = where(~valid & ~bare)
        report(wrong, 6, "head {value!r} is no number", "give the id of the head, 0 for the root, or `_`")
    beyond = where(heads > (tokens.offsets[1:] - tokens.offsets[:-1])[sentence])
    report(beyond, 6, "head {value} lies outside of the sentence", "give the id of a word of the sentence")
    return heads.astype(np.int32)


def _tree_faults(lines: Lines, tokens: Tokens, heads: NDArray[np.int32], sentence: Ints) -> list[Fault]:
    cyclic, rootless, roots = misshapen(heads, tokens.offsets, sentence)
    remedy = "correct the heads; `lenient` leaves the sentence out"
    circles = {
        int(sentence[word]): Fault(int(lines.tokens[tokens.words[word]]), "the heads form a cycle", remedy)
        for word in cyclic[::-1].tolist()
    }
    others = [
        Fault(int(lines.first_line[s]), f"{n} roots where a tree has one", remedy)
        for s, n in zip(rootless.tolist(), roots.tolist(), strict=True)
        if s not in circles
    ]
    return [*circles.values(), *others]


def _text(
    lines: Lines, tokens: Tokens, ids: Values, texts: Values, ordinals: Ordinals
) -> tuple[NDArray[np.int32], Strings, Strings, Strings, Mask]:
    """(spans, forms, sent_ids, texts, [sents] the text was rebuilt)."""
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
        append(str(ordinals.of(sentence, int(lines.first_line[sentence]))), ids, sentence)
    if extra:
        data = b"".join([data, *extra])

    spans = np.stack([begin, end], axis=1).astype(np.int32)
    if tokens.words is tokens.surface:
        form_starts, form_lengths = surface.starts, surface.lengths
    else:
        spans = spans[tokens.surface_of_word]
        form_starts, ends = lines.column(1, tokens.words)
        form_lengths = ends - form_starts
    return (
        spans,
        Strings(data, form_starts, form_lengths.astype(np.int32)),
        Strings(data, ids.starts, ids.lengths.astype(np.int32)),
        Strings(data, texts.starts, texts.lengths.astype(np.int32)),
        rebuilt,
    )
