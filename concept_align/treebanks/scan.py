"""The structure of a block of CoNLL-U: lines, columns and sentences.

Tabs and line ends are found in one pass; everything after it works on arrays of positions.
"""

from dataclasses import dataclass

import numpy as np

from .spans import Bytes, Ints, where

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
        """(starts, ends) of column ``index`` (from 1, FORM) of ``tokens``."""
        return self.table[index - 1, tokens] + 1, self.table[index, tokens]


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
