"""Words of running text, for the statistics: runs of letters, numbers, single marks.

Where a script writes no spaces, the pieces of a small unigram model of the language stand for words
(``tokenizer.py`` trains it on the same text); no dictionary is used.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import regex
import sentencepiece

_WORD = regex.compile(r"[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]")
UNSPACED = ("ja", "zh")


def words(line: str, language: str, segmenters: Path) -> Iterator[tuple[int, int, str]]:
    """(start, end, lower-cased form) of each word; numbers are all one form."""
    for match in _WORD.finditer(line):
        start = match.start()
        for part in _parts(match.group(), language, segmenters):
            form = part.lower()
            yield start, start + len(part), "0" if form[0].isnumeric() else form
            start += len(part)


def _parts(run: str, language: str, segmenters: Path) -> list[str]:
    if language not in UNSPACED or len(run) == 1:
        return [run]
    return _segmenter(segmenters / f"{language}.model").encode(run, out_type=str)


@cache
def _segmenter(model: Path) -> sentencepiece.SentencePieceProcessor:
    return sentencepiece.SentencePieceProcessor(model_file=str(model))
