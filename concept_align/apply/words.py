"""Words of plain text, for input without a treebank's own.

The rule: a word is the longest run of letters, marks and digits, in which an apostrophe, hyphen, point, comma
or colon may stand between two of them (``don't``, ``3.14``); every other sign that is not white space is a
word by itself, with the marks, joiners and selectors that make one sign of several (emoji, flags: a grapheme
cluster); equal signs in a row are one (``...``). Treebanks of some languages divide otherwise
(``do n't``), and scripts without spaces cannot be divided so: give such text in words (``--pretokenised``).
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

Spans = list[tuple[int, int]]

_INNER = frozenset("'’‘ʼ-‐‑.,:·״׳’")
_JOINERS = frozenset("\u200c\u200d\u00ad\u2060")  # invisible, inside of words
_CLOSES = frozenset(".,;:!?%…、。，；：！？।॥؟،؛۔։")
# Scripts that put no space between words.
_UNSPACED = ("CJK ", "HIRAGANA", "KATAKANA", "THAI", "LAO ", "KHMER", "MYANMAR", "TIBETAN")
_WORD = re.compile("w(?:(?:ie*)?w)*|[io]e*")  # of kinds of signs
_ZWJ = "\u200d"
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]")  # two regional indicators are one
_EXTENDS = re.compile("[\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f\u200c\u200d]")  # as marks do


@lru_cache(maxsize=1 << 16)
def _kind(sign: str) -> str:
    """``w`` in a word, ``i`` if between two of a word, `` `` between words, ``o`` a word by itself."""
    if sign in _INNER:
        return "i"
    category = unicodedata.category(sign)
    if category[0] in "LMN" or sign in _JOINERS:
        return "w"
    return " " if sign.isspace() or category[0] in "ZC" else "o"


@lru_cache(maxsize=1 << 16)
def unspaced(sign: str) -> bool:
    """Whether ``sign`` is of a script that puts no space between words."""
    return unicodedata.name(sign, "").startswith(_UNSPACED)


def split(text: str) -> Spans:
    """The words of ``text`` as characters ``begin:end``, by the rule above."""
    found: Spans = []
    before = ""  # the sign that the last word ends with, where it is of signs
    for match in _WORD.finditer(_kinds(text)):
        begin, end = match.span()
        sign = "" if match[0][0] == "w" else text[begin:end]
        if sign and sign == before and found[-1][1] == begin:
            begin = found.pop()[0]
        found.append((begin, end))
        before = sign
    return found


def _kinds(text: str) -> str:
    """The kind of each sign; ``e`` where it goes with the sign before it, which is no part of a word."""
    kinds = list(map(_kind, text))
    if "o" not in kinds and "i" not in kinds:
        return "".join(kinds)
    flag = False  # whether the sign before is a flag's first half
    for place in range(1, len(text)):
        if kinds[place - 1] not in "oie":
            flag = False
            continue
        sign, last = text[place], text[place - 1]
        half = _FLAG.match(sign) is not None
        flag = half and not flag and _FLAG.match(last) is not None
        joined = last == _ZWJ and kinds[place] in "oi"
        if flag or joined or unicodedata.category(sign)[0] == "M" or _EXTENDS.match(sign):
            kinds[place] = "e"
    return "".join(kinds)


def join(words: Sequence[str]) -> tuple[str, Spans]:
    """A text of ``words``, and where in it they stand.

    Between words comes a space, but not before closing marks, after opening brackets, or between two words
    of a script without spaces.
    """
    parts, spans, length = [], [], 0
    for before, word in pairwise(["", *words]):
        if before and not _touch(before, word):
            parts.append(" ")
            length += 1
        parts.append(word)
        spans.append((length, length + len(word)))
        length += len(word)
    return "".join(parts), spans


def _touch(before: str, word: str) -> bool:
    closes = all(sign in _CLOSES or unicodedata.category(sign) in ("Pe", "Pf") for sign in word)
    opens = all(unicodedata.category(sign) in ("Ps", "Pi") for sign in before)
    return closes or opens or (unspaced(before[-1]) and unspaced(word[0]))
