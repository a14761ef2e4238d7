"""Vectors of sentences from states: means over words, and shares of predicted concepts.

    state means       v_s = (1 / n_s) * sum of h_i over the words i of sentence s
    projected means   v_s = (1 / n_s) * sum of B'x_i
    concept shares    v_s = (1 / n_s) * sum of p(. | x_i)

``numbers`` [sents] are the sentences' places in the treebank's split, where the states are of some of them:
``Store.sentences(treebank, split)[0]``. A sentence without words (or items of
the task) has no vector.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ...errors import LearningError
from ...meta.learners.base import Classifier
from ...spaces.features import Features
from .vectors import SentenceVectors

CHUNK = 8192  # words widened, projected or classified at once


def state_means(
    words: torch.Tensor,
    offsets: NDArray[np.int64],
    treebank: str,
    *,
    numbers: Sequence[int] | None = None,
    of: Callable[[torch.Tensor], torch.Tensor] | None = None,
) -> SentenceVectors:
    """The mean of ``words`` [words, dim] over each sentence, or of what ``of`` makes of them.

    ``offsets`` [sents + 1]. All words count, labelled or not: ``Store.states(...)`` has them.
    """
    lengths = np.diff(offsets)
    there = np.flatnonzero(lengths)
    places = np.arange(len(lengths)) if numbers is None else np.asarray(numbers)
    if len(places) != len(lengths) or len(words) != offsets[-1]:
        raise LearningError(
            f"{len(words)} words, {len(lengths)} sentences and {len(places)} numbers do not fit"
        )
    sentence = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths))
    sums: torch.Tensor | None = None
    for begin in range(0, len(words), CHUNK):
        part = words[begin : begin + CHUNK].float()
        part = part if of is None else of(part)
        if sums is None:
            sums = torch.zeros(len(lengths), part.shape[1], dtype=torch.float64)
        sums.index_add_(0, sentence[begin : begin + CHUNK], part.double())
    if sums is None:
        raise LearningError("no word, and so no vector of a sentence", where=treebank)
    means = (sums.numpy()[there] / lengths[there, None]).astype(np.float32)
    return SentenceVectors(means, {(treebank, int(n)): row for row, n in enumerate(places[there])})


def sentence_means(
    features: Features,
    treebank: str,
    *,
    numbers: Sequence[int] | None = None,
    projection: torch.Tensor | None = None,
) -> SentenceVectors:
    """The mean of the items of each sentence, after ``projection`` [dim, rank] where one is given."""
    project = None if projection is None else (lambda x: x @ projection)
    return state_means(features.x, features.offsets, treebank, numbers=numbers, of=project)


def concept_shares(
    features: Features, treebank: str, classifier: Classifier, *, numbers: Sequence[int] | None = None
) -> SentenceVectors:
    """[sents, concepts] what a zero-shot ``classifier`` takes the items of each sentence for.

    Labels are not looked at: queries have none. Rows sum to one.
    """
    return state_means(
        features.x,
        features.offsets,
        treebank,
        numbers=numbers,
        of=lambda x: classifier.scores(x).exp(),
    )
