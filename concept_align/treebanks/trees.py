"""Do the heads of a sentence form one tree? Asked of all sentences of a block at once.

Every word jumps to its head's head, and so on with doubled steps; whoever has not reached the root after
log2(longest sentence) doublings walks in a circle.
"""

import numpy as np
from numpy.typing import NDArray

from .spans import Ints, where


def misshapen(heads: NDArray[np.int32], offsets: Ints, sentence: Ints) -> tuple[Ints, Ints, Ints]:
    """(words on or below a cycle, sentences whose number of roots is not one, roots of those).

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
