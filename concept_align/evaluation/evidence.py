"""Everything that predictions say of one learner in one language at one number of shots.

*Calibration*: do confidences tell how often predictions are correct? Words fall into 15 bins of equal width
by the probability of their predicted concept (Guo et al. 2017, On calibration of modern neural networks, eq.
3 and 5):

    ECE = sum_b (n_b / n) |accuracy_b - confidence_b|

Bins are closed above, ((b - 1) / 15, b / 15]. ECE is a mean over draws, seeds and languages like any other
metric, each language with equal weight. It has no interval within a language: a resample's own noise makes an
ECE larger, so the percentiles of resamples would lie above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from numpy.typing import NDArray

from ..spaces.features import Features
from ..spaces.metrics import confusion, sentence_counts
from .config import Protocol
from .predictions import LEVELS, Predictions
from .resampling import ConceptF1, MetricResamples, draw_weights, resample_metrics, seed_weights

BINS = 15
# The bin of each kept confidence: 255 levels and 15 bins meet at every seventeenth.
_BIN = np.maximum(-(-np.arange(LEVELS + 1) * BINS // LEVELS) - 1, 0)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Metrics with their resamples, and counts: shares of the language's test words, means over draws."""

    metrics: dict[str, MetricResamples]
    f1: ConceptF1
    confusion: Float64[np.ndarray, "concepts concepts"]  # gold, predicted: sums to one
    ece: Float64[np.ndarray, " seeds"] | None  # None where confidences are not known
    reliability: Float64[np.ndarray, "bins 3"] | None


def evidence(
    draws: Sequence[Predictions],
    test: Features,
    weights: Float32[np.ndarray, "resamples sents"],
    protocol: Protocol,
    *,
    learner: str,
    seeds: int = 1,
) -> Evidence:
    """``draws`` are those of every training seed, seed by seed; ``weights`` the language's resamples.

    Draws that the protocol shares between languages take the place of seeds, which are shared as well: one
    training seed is all that there may be with them.
    """
    concepts, gold = len(test.concepts), test.y.numpy()
    resamples, seed = protocol.bootstrap, protocol.seed
    over_draws = draw_weights(len(draws) // seeds, resamples, seed, test.language)
    over_seeds = seed_weights(seeds, resamples, seed, learner) if seeds > 1 else None
    if protocol.shared_draws and len(draws) > 1:
        assert seeds == 1
        seeds, over_draws = len(draws), np.ones((resamples, 1))
        over_seeds = draw_weights(len(draws), resamples, seed, None)
    counts = [sentence_counts(one.codes, gold, concepts, test.offsets) for one in draws]
    metrics, f1 = resample_metrics(counts, weights, over_draws, protocol.confidence, over_seeds)
    confused = np.mean([confusion(one.codes, gold, concepts) for one in draws], axis=0) / len(gold)
    bins = [reliable for one in draws if (reliable := reliability(one, gold)) is not None]
    if len(bins) < len(draws):
        return Evidence(metrics, f1, confused, None, None)
    errors = np.array([ece(one) for one in bins]).reshape(seeds, -1).mean(1)
    return Evidence(metrics, f1, confused, errors, np.mean(bins, axis=0))


def reliability(predicted: Predictions, gold: NDArray[np.int64]) -> Float64[np.ndarray, "bins 3"] | None:
    """[bins, 3] shares: of words, of words times confidence, of correct words. None without confidences."""
    if predicted.confidence is None or not len(gold):
        return None
    levels = predicted.confidence.astype(np.int64)
    words = np.bincount(levels, minlength=LEVELS + 1)
    correct = np.bincount(levels[predicted.codes == gold], minlength=LEVELS + 1)
    sums = np.stack([words, words * (np.arange(LEVELS + 1) / LEVELS), correct])
    return np.stack([np.bincount(_BIN, weights=of, minlength=BINS) for of in sums], axis=1) / len(gold)


def ece(bins: Float64[np.ndarray, "bins 3"]) -> float:
    """Expected calibration error of [bins, 3] as :func:`reliability` gives them."""
    return float(np.abs(bins[:, 2] - bins[:, 1]).sum())
