"""One learner in one language: its metrics, and their bootstrap over test sentences and support draws.

Accuracy and macro-F1 are functions of counts that add up over sentences, so that a resample of the
sentences is a row of multiplicities and 1,000 resamples are one matrix product. Counts are whole numbers
below 2^24, hence exact in float32 whatever the order of summation: the same bytes on any number of threads.

The mean over support draws has a second source of noise, the draws. Few of them resampled plainly would
give too small a variance, by (draws - 1) / draws, so their weights are rescaled (Rao and Wu 1988).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..seeding import stream
from ..spaces.metrics import Counts

METRICS: tuple[str, ...] = ("accuracy", "macro_f1")

Floats = NDArray[np.float64]


def sentence_weights(sents: int, resamples: int, seed: int, language: str) -> NDArray[np.float32]:
    """[resamples, sents] how often each sentence is drawn; one set a language, so learners are paired."""
    random = stream(seed, "bootstrap", language)
    return random.multinomial(sents, np.full(sents, 1 / sents), size=resamples).astype(np.float32)


def draw_weights(draws: int, resamples: int, seed: int, language: str) -> Floats:
    """[resamples, draws] weights of the mean over draws, rescaled to the variance of that mean."""
    if draws == 1:
        return np.ones((resamples, 1))
    random = stream(seed, "bootstrap-draws", language)
    times = random.multinomial(draws, np.full(draws, 1 / draws), size=resamples)
    return np.asarray((1 + (times - 1) * np.sqrt(draws / (draws - 1))) / draws)


@dataclass(frozen=True, eq=False)
class Cell:
    """One learner in one language at one number of shots, by one metric."""

    words: int  # of the test
    draws: Floats  # [draws]: value of each support draw
    low: Floats  # [draws]: its interval over test sentences
    high: Floats  # [draws]
    resampled: Floats  # [resamples]: the mean over draws, sentences and draws resampled

    @property
    def value(self) -> float:
        return float(self.draws.mean())


def interval(resampled: Floats, confidence: float) -> tuple[float, float]:
    """Percentile interval; resamples that say nothing (NaN: no word was drawn) are left out."""
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _metrics(counts: Counts) -> dict[str, Floats]:
    return {"accuracy": counts.accuracy(), "macro_f1": counts.macro_f1()}


def _totals(weights: NDArray[np.float32], table: Floats) -> Floats:
    return (weights @ table.astype(np.float32)).astype(np.float64)


def cells(
    by_draw: Sequence[Counts], weights: NDArray[np.float32], over_draws: Floats, confidence: float
) -> dict[str, Cell]:
    """Every metric of one learner, language and number of shots, with its resamples.

    ``by_draw`` holds each draw's counts of sentences, [sents, concepts]; ``weights [resamples, sents]`` and
    ``over_draws [resamples, draws]`` are those of the language.
    """
    values = [_metrics(counts.total()) for counts in by_draw]
    gold = _totals(weights, by_draw[0].gold)
    resamples = [
        _metrics(Counts(_totals(weights, counts.right), _totals(weights, counts.predicted), gold))
        for counts in by_draw
    ]
    found = {}
    for metric in METRICS:
        resampled = np.stack([of_draw[metric] for of_draw in resamples], axis=1)
        bounds = np.array([interval(column, confidence) for column in resampled.T])
        found[metric] = Cell(
            words=int(by_draw[0].gold.sum()),
            draws=np.array([of_draw[metric] for of_draw in values], dtype=np.float64),
            low=bounds[:, 0],
            high=bounds[:, 1],
            resampled=np.clip((resampled * over_draws).sum(1), 0, 1),
        )
    return found
