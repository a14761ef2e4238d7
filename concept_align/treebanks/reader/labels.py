"""The labels of a block's words as codes: UPOS, FEATS, HEAD, DEPREL."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..concepts import RELATIONS, UPOS
from .ids import Tokens
from .scan import UNDERSCORE, BrokenError, Fault, Lines
from .spans import Dictionary, Ints, integers, where

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
    upos = codes.upos.encode(bytes_, start, end - start)
    report(where(upos > len(UPOS)), 3, "unknown UPOS {value!r}", _CLOSED)
    upos[upos == len(UPOS)] = -1

    start, end = tokens.column(7)
    deprel = codes.relations.encode(bytes_, start, end - start)
    codes.split_relations()
    relations = codes.relation[deprel]
    report(where(relations == _UNKNOWN), 7, "unknown universal relation {value!r}", _CLOSED)

    start, end = tokens.column(5)
    feats = codes.feats.encode(bytes_, start, end - start)
    heads = _heads(lines, tokens, report)
    if trees and not faults:
        faults += _tree_faults(lines, tokens, heads)
    if faults:
        raise BrokenError(faults)
    return Labels(upos.astype(np.int8), relations, codes.subtype[deprel], heads, feats)


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
