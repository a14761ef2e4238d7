"""Whether a few labels are likely to help: each part of them is predicted by what learns from the others.

    w = Phi(d / (e + 0.01))

d is the share of held-out words that are correct, less that of zero-shot, and e its standard error. Phi is
the normal distribution's: w is the probability that labels help (a hundredth less is no difference). They
count with the share w in a mixture with the zero-shot answer, which is that of labels where they help, and
stays zero-shot where that is good already. Stacking by held-out predictions: Wolpert 1992.
"""

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ... import ragged
from ...seeding import stream
from .classifier import Classifier

NO_DIFFERENCE = 0.01  # of shares of correct words


def held_out(offsets: NDArray[np.int64], folds: int, seed: int) -> list[torch.Tensor]:
    """The words of each of ``folds`` parts: of sentences, or of single words where sentences are fewer.

    No part where there are not two.
    """
    sentences = np.flatnonzero(np.diff(offsets))
    random, words = stream(seed, "folds"), int(offsets[-1])
    if len(sentences) >= folds:
        order = random.permutation(sentences)
        parts = [ragged.take(offsets, np.sort(order[place::folds]))[0] for place in range(folds)]
    else:
        order = random.permutation(words)
        parts = [np.sort(order[place::folds]) for place in range(folds)]
    return [torch.from_numpy(part) for part in parts if 0 < len(part) < words]


def likely_better(gains: torch.Tensor) -> float:
    """The probability that the mean of ``gains`` [words] (1: better, -1: worse) is above 0; 1/2 of none."""
    if len(gains) < 2:
        return 0.5
    error = float(gains.std()) / math.sqrt(len(gains)) + NO_DIFFERENCE
    return 0.5 * (1 + math.erf(float(gains.mean()) / error / math.sqrt(2)))


def mixed(before: Classifier, after: Classifier, share: float) -> Classifier:
    """The mean of what two classifiers say, ``after`` with ``share``."""
    weights = [math.log(max(one, 1e-12)) for one in (1 - share, share)]

    def logits(x: Any) -> torch.Tensor:
        first, second = (one.scores(x) + weight for one, weight in zip((before, after), weights, strict=True))
        return torch.logaddexp(first, second)

    return Classifier(logits, after.valid, sequential=after.sequential)
