"""Words, multiword tokens and empty nodes: the ID column of a block.

Words count 1, 2, 3, ...; a range ``1-2`` stands before the words it holds, an empty node ``8.1`` behind the
word it is numbered after.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ... import ragged
from .scan import DASH, DOT, BrokenError, Fault, Lines, refuse
from .spans import Ints, Mask, integers, where


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
    dash, dot = _split_ids(lines, special, starts[special], ends[special])
    rank = before[special] - offsets[lines.sentence[special]]  # words of the sentence before the token
    faults = _wrong_empty(lines, special[dot.mask], dot, rank[dot.mask])
    faults += [
        Fault(int(lines.first_line[s]), "a sentence without words", "give it words or remove it")
        for s in where(offsets[1:] == offsets[:-1]).tolist()
    ]
    if faults:
        raise BrokenError(faults)
    sentence = lines.sentence[words]
    _check_sequence(lines, words, ids[words], offsets[sentence])
    ranges = special[dash.mask]
    _check_ranges(lines, ranges, dash, rank[dash.mask], offsets)
    low: Ints = before[ranges]
    place, covered = _places(low, low + dash.right[dash.mask] - dash.left[dash.mask] + 1, len(words))
    is_surface = plain.copy()
    is_surface[words[covered]] = False
    is_surface[ranges] = True
    return Tokens(
        words=words,
        offsets=offsets,
        place=place,
        surface=where(is_surface),
        surface_of_word=(is_surface.cumsum() - 1)[words],
        sentence=sentence,
        table=lines.table.take(words, axis=1),
        empty_nodes=np.bincount(lines.sentence[special[dot.mask]], minlength=lines.sents),
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


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Ids of two numbers, ``left-right`` or ``left.right``; rows are the special tokens."""

    mask: Mask
    left: Ints
    right: Ints


def _split_ids(lines: Lines, special: Ints, starts: Ints, ends: Ints) -> tuple[_Pairs, _Pairs]:
    """(ranges, empty nodes). Raises BrokenError for an id that is neither, nor a number."""
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
    is_range = at[middle] == DASH
    return _Pairs(is_range, left, right), _Pairs(~is_range, left, right)


def _wrong_empty(lines: Lines, empty: Ints, pairs: _Pairs, rank: Ints) -> list[Fault]:
    left, right = pairs.left[pairs.mask], pairs.right[pairs.mask]
    return [
        Fault(
            int(lines.tokens[empty[row]]),
            f"empty node {left[row]}.{right[row]} stands behind word {rank[row]}",
            "put an empty node behind the word it is numbered after",
        )
        for row in where(left != rank).tolist()
    ]


def _check_ranges(lines: Lines, ranges: Ints, pairs: _Pairs, rank: Ints, offsets: Ints) -> None:
    """A range stands before its first word, holds words of its sentence, and overlaps no other."""
    left, right = pairs.left[pairs.mask], pairs.right[pairs.mask]
    sentence = lines.sentence[ranges]
    wrong = (left != rank + 1) | (right < left) | (right > offsets[sentence + 1] - offsets[sentence])
    wrong[1:] |= (sentence[1:] == sentence[:-1]) & (left[1:] <= right[:-1])
    rows = where(wrong)
    refuse(
        lines.tokens[ranges[rows]],
        (f"multiword token {left[r]}-{right[r]} does not fit the words around it" for r in rows),
        "put a range before its first word; it must end within the sentence and overlap no other",
    )


def _places(low: Ints, high: Ints, words: int) -> tuple[NDArray[np.int16], Mask]:
    """(place in the multiword token from 1, is in one) of each word."""
    place = np.zeros(words, dtype=np.int16)
    rows, _ = ragged.runs(low, high - low)
    place[rows] = rows - np.repeat(low, high - low) + 1
    return place, place > 0
