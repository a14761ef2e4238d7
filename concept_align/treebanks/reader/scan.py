"""The structure of a block of CoNLL-U: lines, columns, sentences, and what their comments say.

Tabs and line ends are found in one pass; everything after it works on arrays of positions. The usual
spelling of a comment (``# text = ...``) is found for all comments at once; sentences without it are looked
through for other spellings (``#text=...``).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .spans import Bytes, Ints, Mask, where

COLUMNS = 10
TAB, NEWLINE, HASH, DASH, DOT, UNDERSCORE = (ord(sign) for sign in "\t\n#-._")
SPACE = ord(" ")
_TEXT = np.uint64(int.from_bytes(b"# text =", "little"))
_SENT, _ID = (np.uint64(int.from_bytes(part, "little")) for part in (b"# sent_i", b"nt_id = "))
_OTHER = {key: re.compile(rf"#\s*{key}\s*=(.*)".encode(), re.DOTALL) for key in ("text", "sent_id")}
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


def refuse(lines: Ints, messages: Iterable[str], remedy: str) -> None:
    """BrokenError where there are ``lines``, each with its message."""
    if faults := [Fault(line, what, remedy) for line, what in zip(lines.tolist(), messages, strict=True)]:
        raise BrokenError(faults)


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

    @property
    def last_line(self) -> Ints:
        """[sents] line of the sentence's last token."""
        ends = np.append(self.first_token, len(self.tokens))[1:]
        return self.tokens[ends - 1]

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


@dataclass(frozen=True, eq=False)
class Values:
    """One value a sentence, without white space around it; length 0 where there is none."""

    starts: Ints  # [sents]
    lengths: Ints  # [sents]


def read_comments(lines: Lines) -> tuple[Values, Values]:
    """(sent_id, text) of each sentence."""
    of_sentence = lines.comment_sentence < lines.sents
    sentence = lines.comment_sentence[of_sentence]
    starts = lines.starts[lines.comments[of_sentence]]
    ends = lines.ends[lines.comments[of_sentence]]
    word, at = lines.bytes.word, lines.bytes.at
    opening = word[starts]
    is_text = (opening == _TEXT) & (at[starts + 8] == SPACE)
    is_id = (opening == _SENT) & (word[starts + 4] == _ID)
    return (
        _values(lines, "sent_id", (sentence, starts, ends), is_id, 12),
        _values(lines, "text", (sentence, starts, ends), is_text, 9),
    )


def _values(lines: Lines, key: str, comments: tuple[Ints, Ints, Ints], usual: Mask, prefix: int) -> Values:
    sentence, starts, ends = comments
    begin = np.zeros(lines.sents, dtype=np.int64)
    end = np.zeros(lines.sents, dtype=np.int64)
    rows = sentence[usual]
    begin[rows], end[rows] = starts[usual] + prefix, ends[usual]
    missing = end == 0
    if missing.any():
        for row in where(missing[sentence]).tolist():
            comment = lines.bytes.data[starts[row] : ends[row]]
            if match := _OTHER[key].match(comment):
                begin[sentence[row]], end[sentence[row]] = starts[row] + match.start(1), ends[row]
    for row in where(_may_have_space(lines, begin, end)).tolist():
        value = lines.bytes.text(int(begin[row]), int(end[row]))
        begin[row] += len(value.encode()) - len(value.lstrip().encode())
        end[row] = begin[row] + len(value.strip().encode())
    return Values(begin, end - begin)


def _may_have_space(lines: Lines, begin: Ints, end: Ints) -> Mask:
    """[sents] could the span begin or end with white space? All of Unicode's begins with these bytes."""
    at = lines.bytes.at
    first, last = at[begin], at[end - 1]
    maybe = (first <= SPACE) | (last <= SPACE) | (first == 0xC2) | (first == 0xE1) | (at[end - 2] == 0xC2)
    maybe |= ((first == 0xE2) | (first == 0xE3)) & ((at[begin + 1] & 0xFE) == 0x80)
    lead = at[end - 3]
    maybe |= ((lead == 0xE1) | (lead == 0xE2) | (lead == 0xE3)) & ((at[end - 2] & 0xFE) == 0x80)
    return maybe & (end > begin)
