"""Words of running text, for the statistics: runs of letters, numbers, single marks.

Where a script writes no spaces, single Han characters and runs of kana stand for words; no dictionary is
used.
"""

from collections.abc import Iterator

import regex

_SPACED = regex.compile(r"[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]")
_UNSPACED = regex.compile(
    r"\p{Han}|\p{Hiragana}+|[\p{Katakana}ー]+|[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]"
)
UNSPACED = frozenset({"ja", "zh"})


def words(line: str, language: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, lower-cased form) of each word; numbers are all one form."""
    pattern = _UNSPACED if language in UNSPACED else _SPACED
    for match in pattern.finditer(line):
        form = match.group().lower()
        yield match.start(), match.end(), "0" if form[0].isnumeric() else form
