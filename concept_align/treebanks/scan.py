"""The structure of a block of CoNLL-U: lines, columns, sentences, words, ranges and empty nodes.

Tabs and line ends are found in one pass; everything after it works on arrays of positions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .spans import Bytes, Ints, Mask, integers, where

COLUMNS = 10
TAB, NEWLINE, HASH, DASH, DOT, UNDERSCORE = (ord(sign) for sign in "\t\n#-._")
_BEHIND = np.arange(COLUMNS - 1, -1, -1)[:, np.newaxis]


@dataclass(frozen=True)
class Fault:
    """What is wrong with a sentence, at a line of its block (from 0)."""

    line: int
    message: str
    remedy: str


class BrokenError(Exception):
    """Sentences that cannot be read; the reader turns it into an error or leaves them out."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(f"{len(faults)} faults")
        self.faults = sorted(faults, key=lambda fault: fault.line)


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of a block. A token line is a word, a range (``1-2``) or an empty node (``8.1``)."""

    bytes: Bytes
    starts: Ints  # [lines]
    ends: Ints  # [lines] position of the line end
    table: Ints  # [10, tokens] position of the tab or line end behind each column
    tokens: Ints  # [tokens] the token's line
    comments: Ints  # [comments] the comment's line
    comment_sentence: Ints  # [comments] its sentence, or `sents` where its block of lines has no token
    sentence: Ints  # [tokens] sentence of the token
    first_token: Ints  # [sents]
    first_line: Ints  # [sents]

    @property
    def sents(self) -> int:
        return len(self.first_token)

    def column(self, index: int, tokens: Ints | slice = slice(None)) -> tuple[Ints, Ints]:
        """(starts, ends) of column ``index`` of ``tokens``."""
        end = self.table[index, tokens]
        if index == 0:
            return self.starts[self.tokens[tokens]], end
        return self.table[index - 1, tokens] + 1, end


def scan_lines(bytes_: Bytes) -> Lines:
    """Find lines, columns and sentences. Raises BrokenError for lines that do not have ten columns."""
    at = bytes_.at[: bytes_.size]
    separators = where(at <= NEWLINE)
    kinds = at[separators]
    if (kinds < TAB).any():  # control characters, which are text
        separators = separators[kinds >= TAB]
        kinds = at[separators]
    line_ends = where(kinds == NEWLINE)
    ends = separators[line_ends]
    starts = np.empty_like(ends)
    starts[:1], starts[1:] = 0, ends[:-1] + 1
    tabs = line_ends.copy()
    tabs[1:] -= line_ends[:-1] + 1
    is_blank = ends == starts
    is_comment = at[starts] == HASH
    is_token = ~(is_blank | is_comment)
    wrong = where(is_token & (tabs != COLUMNS - 1))
    faults = []
    for line in wrong.tolist():
        if bytes_.data[starts[line] : ends[line]].decode().isspace():
            is_blank[line], is_token[line] = True, False
        else:
            faults.append(_columns(line, int(tabs[line]) + 1))
    if faults:
        raise BrokenError(faults)

    tokens = where(is_token)
    blanks = where(is_blank)
    fresh = _sentence_starts(tokens, blanks)
    groups = np.searchsorted(blanks, tokens[fresh])  # [sents] blank lines before the sentence
    sentence_of_group = np.full(len(blanks) + 1, len(fresh))
    sentence_of_group[groups] = np.arange(len(fresh))
    comments = where(is_comment)
    before = np.concatenate([[-1], blanks])
    return Lines(
        bytes=bytes_,
        starts=starts,
        ends=ends,
        table=separators[line_ends[tokens] - _BEHIND],
        tokens=tokens,
        comments=comments,
        comment_sentence=sentence_of_group[np.searchsorted(blanks, comments)],
        sentence=np.repeat(np.arange(len(fresh)), np.append(fresh[1:], len(tokens)) - fresh),
        first_token=fresh,
        first_line=before[groups] + 1,
    )


def _sentence_starts(tokens: Ints, blanks: Ints) -> Ints:
    """The tokens that a blank line stands before; token lines that follow each other share a sentence."""
    apart = where(tokens[1:] - tokens[:-1] != 1)
    divided = np.searchsorted(blanks, tokens[apart]) != np.searchsorted(blanks, tokens[apart + 1])
    starts = apart[divided] + 1
    return np.concatenate([[0], starts]) if len(tokens) else starts


def _columns(line: int, columns: int) -> Fault:
    return Fault(
        line,
        f"{columns} column{'s' if columns > 1 else ''} where CoNLL-U has {COLUMNS}",
        "separate the columns by single tabs, and sentences by a blank line",
    )


@dataclass(frozen=True, eq=False)
class Tokens:
    """Which token lines are words, ranges and empty nodes."""

    words: Ints  # [words] token of the word
    offsets: Ints  # [sents + 1] first word of the sentence
    place: NDArray[np.int16]  # [words] place in the multiword token, 0 in none
    surface: Ints  # [surface] tokens that stand in the text: ranges, and words outside of them
    surface_of_word: Ints  # [words]
    empty_nodes: Ints  # [sents]


def scan_ids(lines: Lines) -> Tokens:
    """Read the ID column. Raises BrokenError for ids out of sequence and ranges that do not fit."""
    starts, ends = lines.column(0)
    ids, plain = integers(lines.bytes, starts, ends)
    count = len(ids)
    if plain.all():
        words = np.arange(count)
        offsets = np.append(lines.first_token, count)
        _check_sequence(lines, words, ids, offsets)
        return Tokens(
            words,
            offsets,
            np.zeros(count, dtype=np.int16),
            words,
            words,
            np.zeros(lines.sents, dtype=np.int64),
        )

    words = where(plain)
    words_before: Ints = plain.cumsum() - plain  # [tokens] words of the block before the token
    offsets = np.append(words_before[lines.first_token], len(words))
    special = where(~plain)
    dash, dot = _split_ids(lines, special, starts[special], ends[special])
    rank = words_before - offsets[lines.sentence]  # [tokens] words of the sentence before the token
    faults = _wrong_empty(lines, special[dot.mask], dot, rank)
    wordless = where(np.diff(offsets) == 0)
    faults += [
        Fault(int(lines.first_line[s]), "a sentence without words", "give it words or remove it")
        for s in wordless.tolist()
    ]
    if faults:
        raise BrokenError(faults)
    _check_sequence(lines, words, ids[words], offsets)
    ranges = special[dash.mask]
    low: Ints = words_before[ranges]
    high: Ints = offsets[lines.sentence[ranges]] + dash.right[dash.mask]
    _check_ranges(lines, ranges, dash, rank, offsets)
    place, covered = _places(low, high, len(words))
    is_surface = np.zeros(count, dtype=np.bool_)
    is_surface[words[~covered]] = True
    is_surface[ranges] = True
    return Tokens(
        words,
        offsets,
        place,
        where(is_surface),
        (np.cumsum(is_surface) - 1)[words],
        np.bincount(lines.sentence[special[dot.mask]], minlength=lines.sents),
    )


def _check_sequence(lines: Lines, words: Ints, ids: Ints, offsets: Ints) -> None:
    expected = np.arange(1, len(words) + 1) - offsets[lines.sentence[words]]
    wrong = where(ids != expected)
    if wrong.size:
        raise BrokenError(
            [
                Fault(
                    int(lines.tokens[words[w]]),
                    f"word id {ids[w]} where {expected[w]} is due",
                    "number the words of a sentence 1, 2, 3, ...; a blank line ends a sentence",
                )
                for w in wrong.tolist()
            ]
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
    good = (split > 0) & left_valid & right_valid
    if not good.all():
        raise BrokenError(
            [
                Fault(
                    int(lines.tokens[special[row]]),
                    f"{lines.bytes.text(int(starts[row]), int(ends[row]))!r} is no id",
                    "use 1, 2, 3, ... for words, 1-2 for multiword tokens, 1.1 for empty nodes",
                )
                for row in where(~good).tolist()
            ]
        )
    is_range = at[middle] == DASH
    return _Pairs(is_range, left, right), _Pairs(~is_range, left, right)


def _wrong_empty(lines: Lines, empty: Ints, pairs: _Pairs, rank: Ints) -> list[Fault]:
    left, right = pairs.left[pairs.mask], pairs.right[pairs.mask]
    return [
        Fault(
            int(lines.tokens[empty[row]]),
            f"empty node {left[row]}.{right[row]} stands behind word {rank[empty[row]]}",
            "put an empty node behind the word it is numbered after",
        )
        for row in where(left != rank[empty]).tolist()
    ]


def _check_ranges(lines: Lines, ranges: Ints, pairs: _Pairs, rank: Ints, offsets: Ints) -> None:
    """A range stands before its first word, holds words of its sentence, and overlaps no other."""
    left, right = pairs.left[pairs.mask], pairs.right[pairs.mask]
    sentence = lines.sentence[ranges]
    wrong = (left != rank[ranges] + 1) | (right < left) | (right > np.diff(offsets)[sentence])
    wrong[1:] |= (sentence[1:] == sentence[:-1]) & (left[1:] <= right[:-1])
    if wrong.any():
        raise BrokenError(
            [
                Fault(
                    int(lines.tokens[ranges[row]]),
                    f"multiword token {left[row]}-{right[row]} does not fit the words around it",
                    "put a range before its first word; it must end within the sentence and overlap no other",
                )
                for row in where(wrong).tolist()
            ]
        )


def _places(low: Ints, high: Ints, words: int) -> tuple[NDArray[np.int16], Mask]:
    """(place in the multiword token from 1, is in one) of each word."""
    place = np.zeros(words, dtype=np.int16)
    lengths = high - low
    ends = np.cumsum(lengths)
    within = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    place[np.repeat(low, lengths) + within] = within + 1
    return place, place > 0
