"""``# sent_id`` and ``# text`` of every sentence of a block, as byte spans.

The usual spelling (``# text = ...``) is found for all comments at once; sentences without it are looked
through for other spellings (``#text=...``).
"""

import re
from dataclasses import dataclass

import numpy as np

from .scan import Lines
from .spans import Ints, Mask, where

_TEXT = np.uint64(int.from_bytes(b"# text =", "little"))
_SENT, _ID = (np.uint64(int.from_bytes(part, "little")) for part in (b"# sent_i", b"nt_id = "))
_OTHER = {key: re.compile(rf"#\s*{key}\s*=(.*)".encode(), re.DOTALL) for key in ("text", "sent_id")}
SPACE = ord(" ")


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
