"""Words, multiword tokens and empty nodes of a block (the ID column), and the labels of words as codes.

Words count 1, 2, 3, ...; a range ``1-2`` stands before the words it holds, an empty node ``8.1`` behind the
word it is numbered after.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ... import ragged
from ..concepts import RELATIONS, UPOS
from .scan import DASH, DOT, UNDERSCORE, BrokenError, Fault, Lines, refuse
from .spans import Dictionary, Ints, Mask, integers, where

_CLOSED = "see universaldependencies.org for the closed set; correct the word or use `_`"
_UNKNOWN = -2
_RELATION = {name: code for code, name in enumerate(RELATIONS)}
Report = Callable[[Ints, int, str, str], None]  # (words, column, message, remedy)


@dataclass(frozen=True, eq=False)
class Tokens:
    """Which token lines are words, ranges and empty nodes."""

    words: Ints  # [words] token of the word
    offsets: Ints  # [sents + 1] first word of the sentence
    place: NDArray[np.int16]  # [words] place in the multiword token, 0 in none
    surface: Ints  # [surface] tokens that stand in the text: ranges, and words outside of them
    surface_of_word: Ints  # [words]
    sentence: Ints  # [words]
    table: Ints  # [10, words] as in Lines
    empty_nodes: Ints  # [sents]

    def column(self, index: int) -> tuple[Ints, Ints]:
        """(starts, ends) of column ``index`` (from 1, FORM) of the words."""
        return self.table[index - 1] + 1, self.table[index]


def scan_ids(lines: Lines) -> Tokens:
    """Read the ID column. Raises BrokenError for ids out of sequence and ranges that do not fit."""
    starts, ends = lines.starts[lines.tokens], lines.table[0]
    ids, plain = integers(lines.bytes, starts, ends)
    if plain.all():
        return _words_only(lines, ids)

    words, special = where(plain), where(~plain)
    before = plain.cumsum()  # [tokens] words of the block up to the token
    offsets = np.append(before[lines.first_token] - plain[lines.first_token], len(words))
    is_range, left, right = _split_ids(lines, special, starts[special], ends[special])
    rank = before[special] - offsets[lines.sentence[special]]  # words of the sentence before the token
    faults = [
        Fault(
            int(lines.tokens[special[row]]),
            f"empty node {left[row]}.{right[row]} stands behind word {rank[row]}",
            "put an empty node behind the word it is numbered after",
        )
        for row in where(~is_range & (left != rank)).tolist()
    ]
    faults += [
        Fault(int(lines.first_line[s]), "a sentence without words", "give it words or remove it")
        for s in where(offsets[1:] == offsets[:-1]).tolist()
    ]
    if faults:
        raise BrokenError(faults)
    sentence = lines.sentence[words]
    _check_sequence(lines, words, ids[words], offsets[sentence])
    ranges, first, last = special[is_range], left[is_range], right[is_range]
    _check_ranges(lines, ranges, first, last, rank[is_range], offsets)
    low: Ints = before[ranges]
    rows, _ = ragged.runs(low, last - first + 1)
    place = np.zeros(len(words), dtype=np.int16)
    place[rows] = rows - np.repeat(low, last - first + 1) + 1
    is_surface = plain.copy()
    is_surface[words[place > 0]] = False
    is_surface[ranges] = True
    return Tokens(
        words=words,
        offsets=offsets,
        place=place,
        surface=where(is_surface),
        surface_of_word=(is_surface.cumsum() - 1)[words],
        sentence=sentence,
        table=lines.table.take(words, axis=1),
        empty_nodes=np.bincount(lines.sentence[special[~is_range]], minlength=lines.sents),
    )


def _words_only(lines: Lines, ids: Ints) -> Tokens:
    words = np.arange(len(ids))
    offsets = np.append(lines.first_token, len(ids))
    _check_sequence(lines, words, ids, offsets[lines.sentence])
    place = np.zeros(len(ids), dtype=np.int16)
    none = np.zeros(lines.sents, dtype=np.int64)
    return Tokens(words, offsets, place, words, words, lines.sentence, lines.table, none)


def _check_sequence(lines: Lines, words: Ints, ids: Ints, first: Ints) -> None:
    """``first`` [words] is the first word of the word's sentence."""
    expected = np.arange(1, len(words) + 1) - first
    wrong = where(ids != expected)
    refuse(
        lines.tokens[words[wrong]],
        (f"word id {ids[w]} where {expected[w]} is due" for w in wrong),
        "number the words of a sentence 1, 2, 3, ...; a blank line ends a sentence",
    )


def _split_ids(lines: Lines, special: Ints, starts: Ints, ends: Ints) -> tuple[Mask, Ints, Ints]:
    """(is a range, left, right) of ids ``left-right`` (ranges) and ``left.right`` (empty nodes).

    Raises BrokenError for an id that is neither.
    """
    at = lines.bytes.at
    split = np.zeros(len(special), dtype=np.int64)
    longest = int((ends - starts).max(initial=0))
    for k in range(1, min(longest, 11)):
        sign = at[starts + k]
        here = (split == 0) & ((sign == DASH) | (sign == DOT)) & (starts + k < ends)
        split[here] = k
    middle = starts + split
    left, left_valid = integers(lines.bytes, starts, middle)
    right, right_valid = integers(lines.bytes, middle + 1, ends)
    wrong = where(~((split > 0) & left_valid & right_valid))
    refuse(
        lines.tokens[special[wrong]],
        (f"{lines.bytes.text(int(starts[row]), int(ends[row]))!r} is no id" for row in wrong),
        "use 1, 2, 3, ... for words, 1-2 for multiword tokens, 1.1 for empty nodes",
    )
    return at[middle] == DASH, left, right


def _check_ranges(lines: Lines, ranges: Ints, left: Ints, right: Ints, rank: Ints, offsets: Ints) -> None:
    """A range stands before its first word, holds words of its sentence, and overlaps no other."""
    sentence = lines.sentence[ranges]
    wrong = (left != rank + 1) | (right < left) | (right > offsets[sentence + 1] - offsets[sentence])
    wrong[1:] |= (sentence[1:] == sentence[:-1]) & (left[1:] <= right[:-1])
    rows = where(wrong)
    refuse(
        lines.tokens[ranges[rows]],
        (f"multiword token {left[r]}-{right[r]} does not fit the words around it" for r in rows),
        "put a range before its first word; it must end within the sentence and overlap no other",
    )


# --- labels: UPOS, FEATS, HEAD, DEPREL ---


@cache
def _starting_with(names: tuple[str, ...]) -> Dictionary:
    return Dictionary(names)


class Codes:
    """The dictionaries of a file: codes stay the same from block to block.

    ``strict`` names the columns (UPOS, DEPREL) in which a label that is not of UD is a fault; in the others
    it is counted, and its word is taken as not labelled. ``renamed`` says, by column, what labels of another
    scheme are called in UD.
    """

    def __init__(
        self,
        strict: Collection[str] = ("UPOS", "DEPREL"),
        renamed: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.strict = strict
        self._renamed: dict[str, Mapping[str, str]] = {"UPOS": {}, "DEPREL": {}, **(renamed or {})}
        self._foreign: dict[str, Counter[int]] = {"UPOS": Counter(), "DEPREL": Counter()}
        self.upos = _starting_with((*UPOS, "_")).copy()
        self.relations = _starting_with((*RELATIONS, "_")).copy()
        self.feats = _starting_with(("_",)).copy()
        self.subtype_names = [""]
        # [deprels] index in RELATIONS, and in subtype_names
        self.relation, self.subtype = np.zeros(0, np.int8), np.zeros(0, np.int16)
        self.split_relations()

    def split_relations(self) -> None:
        """Bring the tables up to the deprels seen so far."""
        fresh = self.relations.names[len(self.relation) :]
        if not fresh:
            return
        relation, subtype, renamed = [], [], self._renamed["DEPREL"]
        for name in fresh:
            universal, colon, rest = name.partition(":")
            called = renamed.get(name, renamed.get(universal, universal) + colon + rest)
            universal, _, rest = called.partition(":")
            relation.append(-1 if name == "_" else _RELATION.get(universal, _UNKNOWN))
            if rest not in self.subtype_names:
                self.subtype_names.append(rest)
            subtype.append(self.subtype_names.index(rest))
        self.relation = np.append(self.relation, np.array(relation, dtype=np.int8))
        self.subtype = np.append(self.subtype, np.array(subtype, dtype=np.int16))

    def rename_upos(self, codes: NDArray[np.int32]) -> NDArray[np.int32]:
        """The codes of what the labels are called in UD."""
        renamed = self._renamed["UPOS"]
        if not renamed:
            return codes
        called = [
            UPOS.index(renamed[name]) if name in renamed else n for n, name in enumerate(self.upos.names)
        ]
        return np.array(called, dtype=np.int32)[codes]

    def is_fault(self, column: str, unknown: Mask, codes: NDArray[np.int32]) -> Mask:
        """Which of the words with an ``unknown`` label are at fault: all, or those with an empty one."""
        if column in self.strict or not unknown.any():
            return unknown
        names = self.upos.names if column == "UPOS" else self.relations.names
        empty = [code for code in np.unique(codes[unknown]).tolist() if not names[code].strip()]
        return unknown & np.isin(codes, empty)

    def count_foreign(self, column: str, codes: NDArray[np.int32]) -> None:
        """Take note of the labels ``codes`` of words, which are none of UD."""
        self._foreign[column].update(codes.tolist())

    def foreign_labels(self) -> dict[str, dict[str, int]]:
        """Labels that are none of UD, by column, with the number of their words; the most frequent first."""
        names = {"UPOS": self.upos.names, "DEPREL": self.relations.names}
        counts = {column: found.most_common() for column, found in self._foreign.items() if found}
        return {column: {names[column][code]: n for code, n in found} for column, found in counts.items()}

    @property
    def feats_names(self) -> tuple[str, ...]:
        return ("", *self.feats.names[1:])


@dataclass(frozen=True, eq=False)
class Labels:
    """What the columns UPOS, FEATS, HEAD and DEPREL say, all [words], coded as in Annotations."""

    upos: NDArray[np.int8]
    relations: NDArray[np.int8]
    subtypes: NDArray[np.int16]
    heads: NDArray[np.int32]
    feats: NDArray[np.int32]


def read_labels(lines: Lines, tokens: Tokens, codes: Codes, *, trees: bool) -> Labels:
    """Code the labels; with ``trees``, check that the heads form trees. Raises BrokenError."""
    bytes_ = lines.bytes
    faults: list[Fault] = []

    def report(words: Ints, column: int, message: str, remedy: str) -> None:
        for word in words.tolist():
            token = int(tokens.words[word])
            start, end = tokens.column(column)
            value = bytes_.text(int(start[word]), int(end[word]))
            faults.append(Fault(int(lines.tokens[token]), message.format(value=value), remedy))

    start, end = tokens.column(1)
    report(where(start == end), 1, "an empty form", "give the word a form")
    start, end = tokens.column(3)
    upos = codes.rename_upos(codes.upos.encode(bytes_, start, end - start))
    strange = upos > len(UPOS)
    report(where(codes.is_fault("UPOS", strange, upos)), 3, "unknown UPOS {value!r}", _CLOSED)

    start, end = tokens.column(7)
    deprel = codes.relations.encode(bytes_, start, end - start)
    codes.split_relations()
    relations = codes.relation[deprel]
    foreign = relations == _UNKNOWN
    report(
        where(codes.is_fault("DEPREL", foreign, deprel)), 7, "unknown universal relation {value!r}", _CLOSED
    )

    start, end = tokens.column(5)
    feats = codes.feats.encode(bytes_, start, end - start)
    heads = _heads(lines, tokens, report)
    if trees and not faults:
        faults += _tree_faults(lines, tokens, heads)
    if faults:
        raise BrokenError(faults)
    subtypes = codes.subtype[deprel]
    if strange.any():
        codes.count_foreign("UPOS", upos[strange])
    if foreign.any():
        codes.count_foreign("DEPREL", deprel[foreign])
        relations[foreign], subtypes[foreign] = -1, 0
    upos[upos >= len(UPOS)] = -1
    return Labels(upos.astype(np.int8), relations, subtypes, heads, feats)


def _heads(lines: Lines, tokens: Tokens, report: Report) -> NDArray[np.int32]:
    start, end = tokens.column(6)
    heads, valid = integers(lines.bytes, start, end)
    if not valid.all():
        bare = (end - start == 1) & (lines.bytes.at[start] == UNDERSCORE)
        heads[~valid] = -1
        wrong = where(~valid & ~bare)
        report(wrong, 6, "head {value!r} is no number", "give the id of the head, 0 for the root, or `_`")
    beyond = where(heads > (tokens.offsets[1:] - tokens.offsets[:-1])[tokens.sentence])
    report(beyond, 6, "head {value} lies outside of the sentence", "give the id of a word of the sentence")
    return heads.astype(np.int32)


def _tree_faults(lines: Lines, tokens: Tokens, heads: NDArray[np.int32]) -> list[Fault]:
    cyclic, rootless, roots = misshapen(heads, tokens.offsets, tokens.sentence)
    remedy = "correct the heads; `lenient` leaves the sentence out"
    circles = {}
    for word in cyclic[::-1].tolist():
        line = int(lines.tokens[tokens.words[word]])
        circles[int(tokens.sentence[word])] = Fault(line, "the heads form a cycle", remedy)
    others = [
        Fault(int(lines.first_line[s]), f"{n} roots where a tree has one", remedy)
        for s, n in zip(rootless.tolist(), roots.tolist(), strict=True)
        if s not in circles
    ]
    return [*circles.values(), *others]


def misshapen(heads: NDArray[np.int32], offsets: Ints, sentence: Ints) -> tuple[Ints, Ints, Ints]:
    """Do the heads of a sentence form one tree? Asked of all sentences of a block at once.

    Every word jumps to its head's head, and so on with doubled steps; whoever has not reached the root
    after log2(longest sentence) doublings walks in a circle. Returns (words on or below a
    cycle, sentences whose number of roots is not one, roots of those).

    ``heads`` counts from 1 within the sentence, 0 is the root, -1 not annotated; sentences with a head
    that is not annotated are not asked for their root. Heads must lie within their sentences.
    """
    words, sents = len(heads), len(offsets) - 1
    jump = np.empty(words + 1, dtype=np.int64)
    jump[:-1] = np.where(heads > 0, offsets[sentence] + heads - 1, words)
    jump[-1] = words
    longest = int((offsets[1:] - offsets[:-1]).max(initial=1))
    for _ in range(longest.bit_length()):
        jump = jump[jump]
        if (jump == words).all():
            break
    cyclic = where(jump[:-1] != words)
    roots = np.bincount(sentence[heads == 0], minlength=sents)
    wrong = where(roots != 1)
    if wrong.size:
        unsure = np.bincount(sentence[heads < 0], minlength=sents) > 0
        wrong = wrong[~unsure[wrong]]
    return cyclic, wrong, roots[wrong]
