"""Arrays as :class:`Features`: words, labels, and which sentence each word is of."""

import difflib
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..spaces.features import Features

# Without sentences, words are taken as sentences of so many: about the mean of treebanks.
TYPICAL_SENTENCE = 15


def features_of(
    x: ArrayLike, y: ArrayLike | None, sentences: ArrayLike | None, concepts: Sequence[Any], language: str
) -> Features:
    """``x`` [words, dim], ``y`` [words] labels of ``concepts``, ``sentences`` [words] names of sentences.

    Words of a sentence are brought together, sentences are in the order of their first words.
    """
    states, codes = words_of(x), np.zeros(len(np.asarray(x)), np.int64)
    if y is not None:
        codes = codes_of(y, concepts)
    if len(codes) != len(states):
        raise UsageError(f"{len(codes)} labels for {len(states)} words", where=language)
    order, offsets = _sentences(len(states), sentences, language)
    rows = torch.from_numpy(order)
    return Features(language, tuple(map(str, concepts)), states[rows], torch.from_numpy(codes)[rows], offsets)


def words_of(x: ArrayLike) -> torch.Tensor:
    """float32 [words, dim]; UsageError for another shape or values that are not finite."""
    states = torch.as_tensor(np.ascontiguousarray(np.asarray(x, dtype=np.float32)))
    if states.ndim != 2 or not bool(torch.isfinite(states).all()):
        raise UsageError(
            f"words of shape {tuple(states.shape)}, or with values that are not finite",
            remedy="give finite numbers [words, dim]",
        )
    return states


def codes_of(y: ArrayLike, concepts: Sequence[Any]) -> NDArray[np.int64]:
    """[words] places of labels in ``concepts``; UsageError for a label that is none of them."""
    given = np.asarray(y)
    names, inverse = np.unique(given, return_inverse=True)
    index = {concept: code for code, concept in enumerate(concepts)}
    if odd := [name for name in names.tolist() if name not in index]:
        near = difflib.get_close_matches(str(odd[0]).upper(), list(map(str, concepts)), n=3, cutoff=0.5)
        raise UsageError(
            f"unknown label {odd[0]!r}",
            remedy=f"use {' or '.join(near) or ', '.join(map(str, concepts))}",
        )
    table = np.array([index[name] for name in names.tolist()], dtype=np.int64)
    return table[inverse.reshape(given.shape)]


def _sentences(
    words: int, sentences: ArrayLike | None, language: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(an order of the words in which sentences are whole, offsets [sents + 1])."""
    if sentences is None:
        named: NDArray[Any] = np.arange(words) // TYPICAL_SENTENCE
    else:
        named = np.asarray(sentences)
    if named.shape != (words,):
        raise UsageError(f"names of {named.shape} sentences for {words} words", where=language)
    _, first, inverse = np.unique(named, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))[inverse]
    counts = np.bincount(place, minlength=len(first))
    return np.argsort(place, kind="stable").astype(np.int64), np.concatenate([[0], np.cumsum(counts)])
