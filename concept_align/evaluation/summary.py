"""Over the target languages: mean, low-resource mean, worst, and the gap; and learners against each other.

Means and differences are bootstrapped in two stages: languages are drawn with replacement, and each drawn
language brings a resample of its sentences and draws. Noise makes every spread larger and every minimum
smaller, in each resample once more, so the others are bounded without adding noise: the standard deviation
by resampling languages alone; the worst language, and the distance from best to worst, by the sentences and
draws of the languages that were best and worst (resampling languages is inconsistent for extremes: the
worst one is left out of 37% of the resamples).

*Low-resource* targets are the third (rounded up) with the fewest labelled training words; all targets of a
run are ranked, whatever is left out at some number of shots.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..seeding import stream
from .baselines import MAJORITY
from .protocol import Protocol
from .resampling import Cell, Floats, interval
from .statistics import benjamini_hochberg, holm, sign_flip, wilcoxon

SUMMARIES: tuple[str, ...] = ("mean", "low-resource mean", "worst", "sd", "max-min")

Codes = NDArray[np.int64]
Key = tuple[str, int, str]  # learner, shots, metric
Cells = Mapping[Key, Mapping[str, Cell]]  # by language


def low_resource(words: Mapping[str, int]) -> tuple[str, ...]:
    """The third of the languages with the fewest training ``words``, ties by code."""
    ranked = sorted(words, key=lambda language: (words[language], language))
    return tuple(sorted(ranked[: -(-len(ranked) // 3)]))


@dataclass(frozen=True)
class Summary:
    name: str
    value: float
    low: float
    high: float
    n: int  # languages


@dataclass(frozen=True)
class Comparison:
    """Learner ``a`` against ``b`` over the languages both were tested on; ``difference`` is a - b.

    The adjusted p-values are those of ``p_sign_flip`` among all pairs and shots of one metric.
    """

    metric: str
    shots: int
    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    better_in: int  # languages in which a is better
    worse_in: int
    p_sign_flip: float
    p_wilcoxon: float
    p_holm: float
    p_bh: float


def _drawn(languages: tuple[str, ...], resamples: int, seed: int) -> tuple[Codes, Codes]:
    """[resamples, langs] drawn languages and, for each, which resample of its own it brings.

    They depend on the languages alone, so that learners, shots and metrics are paired.
    """
    random = stream(seed, "bootstrap-languages", *languages)
    shape = (resamples, len(languages))
    return random.integers(0, len(languages), size=shape), random.integers(0, resamples, size=shape)


def _mean(resampled: Floats, languages: tuple[str, ...], protocol: Protocol) -> tuple[float, float]:
    """The two-stage interval of the mean of ``resampled [langs, resamples]``."""
    means = resampled[_drawn(languages, resampled.shape[1], protocol.seed)].mean(1)
    return interval(means, protocol.confidence)


def _stacked(cells: Mapping[str, Cell], languages: tuple[str, ...]) -> tuple[Floats, Floats]:
    """[langs] values and [langs, resamples] of the ``languages``."""
    values = np.array([cells[language].value for language in languages])
    return values, np.stack([cells[language].resampled for language in languages])


def summarise(cells: Mapping[str, Cell], low: tuple[str, ...], protocol: Protocol) -> Iterator[Summary]:
    """Every summary that ``cells`` (by language) allow; a spread takes two languages."""
    languages = tuple(sorted(cells))
    poor = tuple(language for language in languages if language in low)
    for name, chosen in (("mean", languages), ("low-resource mean", poor)):
        if chosen:
            values, resampled = _stacked(cells, chosen)
            bounds = _mean(resampled, chosen, protocol)
            yield Summary(name, float(values.mean()), *bounds, len(chosen))
    values, resampled = _stacked(cells, languages)
    worst, best = values.argmin(), values.argmax()
    bounds = interval(resampled[worst], protocol.confidence)
    yield Summary("worst", float(values[worst]), *bounds, len(languages))
    if len(languages) > 1:
        which, _ = _drawn(languages, resampled.shape[1], protocol.seed)
        bounds = interval(values[which].std(1, ddof=1), protocol.confidence)
        yield Summary("sd", float(values.std(ddof=1)), *bounds, len(languages))
        bounds = interval(resampled[best] - resampled[worst], protocol.confidence)
        yield Summary("max-min", float(np.ptp(values)), *bounds, len(languages))


def _compare(
    cells: Cells, protocol: Protocol, *, metric: str, shots: int, a: str, b: str
) -> Comparison | None:
    first, second = cells[a, shots, metric], cells[b, shots, metric]
    languages = tuple(sorted(first.keys() & second.keys()))
    if not languages:
        return None
    values, resampled = (
        left - right
        for left, right in zip(_stacked(first, languages), _stacked(second, languages), strict=True)
    )
    low, high = _mean(resampled, languages, protocol)
    p = sign_flip(values, seed=protocol.seed)
    better, worse = int((values > 0).sum()), int((values < 0).sum())
    return Comparison(
        metric, shots, a, b, len(languages), float(values.mean()), low, high, better, worse,
        p, wilcoxon(values), p, p,
    )  # fmt: skip


def compare(cells: Cells, protocol: Protocol) -> list[Comparison]:
    """Every pair of learners at every number of shots, by each metric; the majority baseline is left out."""
    found: list[Comparison] = []
    for metric in dict.fromkeys(metric for _, _, metric in cells):
        family = []
        for shots in protocol.shots:
            learners = sorted(
                name for name, at, by in cells if at == shots and by == metric and name != MAJORITY
            )
            pairs = (
                _compare(cells, protocol, metric=metric, shots=shots, a=a, b=b)
                for a, b in combinations(learners, 2)
            )
            family += [pair for pair in pairs if pair is not None]
        p = np.array([pair.p_sign_flip for pair in family])
        for pair, strict, lenient in zip(family, holm(p), benjamini_hochberg(p), strict=True):
            adjusted = {**vars(pair), "p_holm": float(strict), "p_bh": float(lenient)}
            found.append(Comparison(**adjusted))
    return found
