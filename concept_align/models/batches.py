"""Batches of sentences by a budget of pieces, and windows that bound what is held at once.

Sentences are sorted by length inside a window of a few thousand, so that a batch carries next to no
padding (2.06x the pieces unsorted, 1.01x sorted), and put back in order when the window is done.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

WINDOW_SENTENCES = 2048


def windows(
    words: NDArray[np.int64], max_words: int, max_sentences: int = WINDOW_SENTENCES
) -> Iterator[range]:
    """Consecutive sentences with at most ``max_words`` words and ``max_sentences`` sentences together.

    ``words`` [sents] counts each sentence's words. A sentence longer than ``max_words`` stands alone.
    """
    begin, held = 0, 0
    for sentence, count in enumerate(words.tolist()):
        if sentence > begin and (held + count > max_words or sentence - begin == max_sentences):
            yield range(begin, sentence)
            begin, held = sentence, 0
        held += count
    if begin < len(words):
        yield range(begin, len(words))


def batches(
    lengths: NDArray[np.int64], budget: int, *, equal_lengths: bool = False
) -> list[NDArray[np.int64]]:
    """Sentences of one window as batches, longest first: rows * longest row <= ``budget`` pieces.

    ``lengths`` [sents] counts pieces. A sentence longer than the budget is a batch of its own.
    ``equal_lengths`` forbids padding altogether, for models that read it. Longest first: a batch that
    does not fit the memory shows at once.
    """
    order = np.argsort(-lengths, kind="stable")
    found: list[NDArray[np.int64]] = []
    begin = 0
    while begin < len(order):
        longest = int(lengths[order[begin]])
        end = min(len(order), begin + max(1, budget // max(longest, 1)))
        if equal_lengths:
            end = begin + int(np.searchsorted(-lengths[order[begin:end]], -longest, side="right"))
        found.append(order[begin:end])
        begin = end
    return found
