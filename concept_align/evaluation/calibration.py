"""Do confidences tell how often predictions are right? Reliability by bin and its mean distance.

Words fall into 15 bins of equal width by the probability of their predicted concept (Guo et al. 2017, On
calibration of modern neural networks, eq. 3 and 5):

    ECE = sum_b (n_b / n) |accuracy_b - confidence_b|

Bins are closed above, ((b - 1) / 15, b / 15]. ECE is a mean over draws, seeds and languages like any other
metric, each language with equal weight. It has no interval within a language: a resample's own noise makes an
ECE larger, so the percentiles of resamples would lie above it.
"""

import numpy as np
from numpy.typing import NDArray

from .resampling import Floats
from .units import LEVELS, Predictions

BINS = 15
# The bin of each kept confidence: 255 levels and 15 bins meet at every seventeenth.
_BIN = np.maximum(-(-np.arange(LEVELS + 1) * BINS // LEVELS) - 1, 0)


def reliability(predicted: Predictions, gold: NDArray[np.int64]) -> Floats | None:
    """[bins, 3] shares of all words, of words times confidence, of words found; None without confidences."""
    if predicted.confidence is None or not len(gold):
        return None
    levels = predicted.confidence.astype(np.int64)
    words = np.bincount(levels, minlength=LEVELS + 1)
    found = np.bincount(levels[predicted.codes == gold], minlength=LEVELS + 1)
    sums = np.stack([words, words * (np.arange(LEVELS + 1) / LEVELS), found])
    return np.stack([np.bincount(_BIN, weights=of, minlength=BINS) for of in sums], axis=1) / len(gold)


def ece(bins: Floats) -> float:
    """Expected calibration error of [bins, 3] as :func:`reliability` gives them."""
    return float(np.abs(bins[:, 2] - bins[:, 1]).sum())
