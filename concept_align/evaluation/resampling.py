"""One learner in one language: its metrics, and their bootstrap over test sentences, support draws and seeds.

Accuracy and F1 are functions of counts that add up over sentences, so that a resample of the sentences is a
row of multiplicities and 1,000 resamples are one matrix product. Counts are whole numbers below 2^24, hence
exact in float32 whatever the order of summation: the same bytes on any number of threads.

The mean over support draws has a second source of noise, the draws; that over training seeds a third. Few of
them resampled plainly would give too small a variance, by (n - 1) / n, so their weights are rescaled (Rao and
Wu 1988). Seeds and draws are crossed, for a draw is the same sentences whatever the seed: with x_sd of seed s
and draw d, weights u_s of the seeds and v_d of the draws, a resample is

    sum_s u_s x_s. + sum_d v_d x_.d - x_..

which has the variance of x_.. for what seed and draw do each by themselves, and twice that of what only a
seed and a draw together do: intervals are on the wide side (products u_s v_d would count it thrice; Owen
2007, The pigeonhole bootstrap). A training seed is one for all languages, so means over languages weight the
seeds of every language alike (:mod:`.summary`). So are draws that all languages share, as demonstrations of
prompts are: what such a draw does to all does not average out over languages, and their draws are weighted
alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int64
from numpy.typing import NDArray

from ..seeding import stream
from ..spaces.metrics import Counts
from ..statistics import Floats, percentile_bounds
from .results import METRICS


def sentence_weights(
    sents: int, resamples: int, seed: int, language: str
) -> Float32[np.ndarray, "resamples sents"]:
    """[resamples, sents] how often each sentence is drawn; one set a language, so learners are paired."""
    random = stream(seed, "bootstrap", language)
    return random.multinomial(sents, np.full(sents, 1 / sents), size=resamples).astype(np.float32)


def _rescaled(n: int, resamples: int, seed: int, *purpose: str) -> Floats:
    """[resamples, n] weights of a mean over ``n``, rescaled to the variance of that mean."""
    if n == 1:
        return np.ones((resamples, 1))
    times = stream(seed, *purpose).multinomial(n, np.full(n, 1 / n), size=resamples)
    return np.asarray((1 + (times - 1) * np.sqrt(n / (n - 1))) / n)


def draw_weights(draws: int, resamples: int, seed: int, language: str | None) -> Floats:
    """[resamples, draws] weights of the mean over draws; one set a language, for learners share the draws.

    None: one set for all languages, which share the draws too.
    """
    return _rescaled(draws, resamples, seed, "bootstrap-draws", *([] if language is None else [language]))


def seed_weights(seeds: int, resamples: int, seed: int, learner: str) -> Floats:
    """[resamples, seeds] weights of the mean over training seeds; one set a learner, for all languages."""
    return _rescaled(seeds, resamples, seed, "bootstrap-seeds", learner)


@dataclass(frozen=True, eq=False)
class MetricResamples:
    """One learner in one language at one number of shots, by one metric. Draws are those of every seed."""

    words: int  # of the test
    draws: Float64[np.ndarray, " draws"]  # value of each support draw, seed by seed
    low: Float64[np.ndarray, " draws"]  # its interval over test sentences
    high: Float64[np.ndarray, " draws"]
    resampled: Float64[np.ndarray, "seeds resamples"]  # the mean over draws, sentences and draws resampled
    over_seeds: Float64[np.ndarray, "resamples seeds"] | None = (
        None  # weights of what all languages share, if several: the learner's seeds, or draws
    )

    @property
    def value(self) -> float:
        return float(self.draws.mean())

    @cached_property
    def mean(self) -> Floats:
        """[resamples] of the mean over draws and seeds, all three resampled."""
        return of_seeds(self.resampled.T, self.over_seeds)


@dataclass(frozen=True, eq=False)
class ConceptF1:
    """F1 of each concept of one learner in one language; NaN for concepts without gold words."""

    by_seed: Float64[np.ndarray, "seeds concepts"]  # mean over draws
    low: Float64[np.ndarray, " concepts"]
    high: Float64[np.ndarray, " concepts"]
    words: Int64[np.ndarray, " concepts"]  # gold


def of_seeds(by_seed: Floats, over_seeds: Floats | None) -> Floats:
    """[..., resamples] from [..., resamples, seeds]: shares again, from 0 to 1, which weights may leave."""
    if over_seeds is None:
        return by_seed[..., 0]
    return np.clip((by_seed * over_seeds).sum(-1), 0, 1)


def resample_metrics(
    by_draw: Sequence[Counts],
    weights: Float32[np.ndarray, "resamples sents"],
    over_draws: Float64[np.ndarray, "resamples draws"],
    confidence: float,
    over_seeds: Float64[np.ndarray, "resamples seeds"] | None = None,
) -> tuple[dict[str, MetricResamples], ConceptF1]:
    """Every metric of one learner, language and number of shots, with its resamples; and F1 by concept.

    ``by_draw`` holds each draw's counts of sentences, [sents, concepts], seed by seed; ``weights`` and
    ``over_draws`` are those of the language, ``over_seeds`` those of the learner.
    """
    seeds, draws = 1 if over_seeds is None else over_seeds.shape[1], over_draws.shape[1]
    totals = [counts.total() for counts in by_draw]
    words = totals[0].gold
    gold = _product(weights, by_draw[0].gold)
    present, all_words = gold > 0, gold.sum(1)
    shape = (len(weights), seeds * draws)
    resamples = {metric: np.empty(shape) for metric in METRICS}
    f1 = np.zeros((seeds, *gold.shape))  # of every seed, the mean over draws
    apart = np.zeros(gold.shape)  # what the resampled draws add to it, the same for all seeds
    for place, counts in enumerate(by_draw):
        right = _product(weights, counts.right)
        both = _product(weights, counts.predicted) + gold
        of_draw = np.divide(2 * right, both, out=np.zeros_like(both), where=present)
        resamples["accuracy"][:, place] = _share(right.sum(1), all_words)
        resamples["macro_f1"][:, place] = _share(of_draw.sum(1), present.sum(1))
        seed, draw = divmod(place, draws)
        f1[seed] += of_draw / draws
        if draws > 1:
            apart += of_draw * (over_draws[:, draw, None] - 1 / draws) / seeds
    found = {}
    for metric in METRICS:
        values = np.array([float(getattr(one, metric)()) for one in totals])
        low, high = percentile_bounds(resamples[metric], confidence)
        crossed = _crossed(resamples[metric].reshape(-1, seeds, draws), over_draws)
        found[metric] = MetricResamples(
            int(words.sum()), values, low, high, crossed.T.copy(), over_seeds
        )  # fmt: skip
    weighted = np.einsum("rs,src->rc", over_seeds, f1) if over_seeds is not None else f1[0]
    low, high = percentile_bounds(np.where(present, np.clip(weighted + apart, 0, 1), np.nan), confidence)
    by_seed = np.stack([one.f1() for one in totals]).reshape(seeds, draws, -1).mean(1)
    low, high = (np.where(words > 0, end, np.nan) for end in (low, high))
    return found, ConceptF1(by_seed, low, high, words.astype(np.int64))


def _crossed(values: Floats, over_draws: Floats) -> Floats:
    """[resamples, seeds] means over draws of [resamples, seeds, draws], the draws resampled for all alike."""
    if values.shape[1] == 1:
        return np.clip((values * over_draws[:, None]).sum(2), 0, 1)
    apart = (values.mean(1) * (over_draws - 1 / over_draws.shape[1])).sum(1)
    return np.asarray(values.mean(2) + apart[:, None])


def _product(weights: NDArray[np.float32], table: Floats) -> Floats:
    return (weights @ table.astype(np.float32)).astype(np.float64)


def _share(above: Floats, below: Floats | NDArray[np.int64]) -> Floats:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)
