"""Sentences of unequal length, end to end: item i of sentence s lies at ``offsets[s] + i``."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Offsets = NDArray[np.int64]  # [sents + 1], from 0


def lengths(offsets: Offsets) -> NDArray[np.int64]:
    """[sents] items of each sentence."""
    return np.diff(offsets)


def offsets_of(lengths: ArrayLike) -> Offsets:
    """[sents + 1] where each sentence of these lengths begins, and the end."""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=np.int64))]).astype(np.int64)


def sentence_of(offsets: Offsets) -> NDArray[np.int64]:
    """[items] the sentence of each item."""
    return np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))


def take(offsets: Offsets, sentences: ArrayLike) -> tuple[NDArray[np.int64], Offsets]:
    """Rows of the items of ``sentences``, in the order given, and the offsets of what is taken.

    >>> take(np.array([0, 2, 2, 5]), [2, 0])
    (array([2, 3, 4, 0, 1]), array([0, 3, 5]))
    """
    chosen = np.asarray(sentences, dtype=np.int64)
    return runs(offsets[chosen], offsets[chosen + 1] - offsets[chosen])


def runs(begin: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[NDArray[np.int64], Offsets]:
    """``begin[i], begin[i] + 1, ...``, ``count[i]`` of them, one run after the other, and their offsets."""
    own = offsets_of(count)
    return np.arange(own[-1], dtype=np.int64) + np.repeat(begin - own[:-1], count), own
