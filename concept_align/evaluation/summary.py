"""Over the target languages: mean, low-resource mean, worst, and the gap; and learners against each other.

Means and differences are bootstrapped in two stages: languages are drawn with replacement, and each drawn
language brings a resample of its sentences and draws; training seeds are the same for all languages, so one
resample of them is brought to all. Noise makes every spread larger and every minimum
smaller, in each resample once more, so the others are bounded without adding noise: the standard deviation
by resampling languages alone; the worst language, and the distance from best to worst, by the sentences and
draws of the languages that were best and worst (resampling languages is inconsistent for extremes: the
worst one is left out of 37% of the resamples).

Single concepts and calibration are bounded in one stage, by resampling languages and seeds: what a language's
words and draws add is in how the languages differ.

Learners are compared all with all, or each with named references; the fewer the tests, the less is lost to
their correction.

*Low-resource* targets are the third (rounded up) with the fewest labelled training words; all targets of a
run are ranked, whatever is left out at some number of shots.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ..seeding import stream
from ..statistics import benjamini_hochberg, holm, percentile_interval, sign_flip, wilcoxon
from .baselines import MAJORITY
from .protocol import Protocol
from .resampling import Cell, Floats, of_seeds

SUMMARIES: tuple[str, ...] = ("mean", "low-resource mean", "worst", "sd", "max-min")
# What learners are held against where nothing else is said: all pairs of six or fewer, else these.
FEW = 6
BASELINES: tuple[str, ...] = ("pooled", "source-probe", "proto")

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

    The adjusted p-values are those of ``p_sign_flip`` among all pairs compared and shots of one metric.
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


@lru_cache(maxsize=64)
def _drawn(languages: tuple[str, ...], resamples: int, seed: int) -> tuple[Codes, Codes]:
    """[resamples, langs] drawn languages and, for each, which resample of its own it brings.

    They depend on the languages alone, so that learners, shots and metrics are paired.
    """
    random = stream(seed, "bootstrap-languages", *languages)
    shape = (resamples, len(languages))
    return random.integers(0, len(languages), size=shape), random.integers(0, resamples, size=shape)


def _means(cells: Mapping[str, Cell], languages: tuple[str, ...], protocol: Protocol) -> Floats:
    """[resamples] of the mean over ``languages``, in two stages."""
    resampled = np.stack([cells[language].resampled for language in languages])  # [langs, seeds, resamples]
    which, brought = _drawn(languages, resampled.shape[2], protocol.seed)
    return of_seeds(resampled[which, :, brought].mean(1), cells[languages[0]].over_seeds)


def _values(cells: Mapping[str, Cell], languages: tuple[str, ...]) -> Floats:
    return np.array([cells[language].value for language in languages])


def point_means(
    by_seed: Mapping[str, Floats], over_seeds: Floats | None, protocol: Protocol
) -> tuple[float, Floats]:
    """The mean over languages of ``by_seed [seeds]`` and its resamples: languages and seeds resampled."""
    languages = tuple(sorted(by_seed))
    values = np.stack([by_seed[language] for language in languages])  # [langs, seeds]
    which, _ = _drawn(languages, protocol.bootstrap, protocol.seed)
    return float(values.mean()), of_seeds(values[which].mean(1), over_seeds)


def summarise(cells: Mapping[str, Cell], low: tuple[str, ...], protocol: Protocol) -> Iterator[Summary]:
    """Every summary that ``cells`` (by language) allow; a spread takes two languages."""
    languages = tuple(sorted(cells))
    poor = tuple(language for language in languages if language in low)
    for name, chosen in (("mean", languages), ("low-resource mean", poor)):
        if chosen:
            bounds = percentile_interval(_means(cells, chosen, protocol), protocol.confidence)
            yield Summary(name, float(_values(cells, chosen).mean()), *bounds, len(chosen))
    values = _values(cells, languages)
    worst, best = (cells[languages[place]].mean for place in (values.argmin(), values.argmax()))
    bounds = percentile_interval(worst, protocol.confidence)
    yield Summary("worst", float(values.min()), *bounds, len(languages))
    if len(languages) > 1:
        which, _ = _drawn(languages, len(worst), protocol.seed)
        bounds = percentile_interval(values[which].std(1, ddof=1), protocol.confidence)
        yield Summary("sd", float(values.std(ddof=1)), *bounds, len(languages))
        bounds = percentile_interval(best - worst, protocol.confidence)
        yield Summary("max-min", float(np.ptp(values)), *bounds, len(languages))


def _compare(
    cells: Cells, protocol: Protocol, *, metric: str, shots: int, a: str, b: str
) -> Comparison | None:
    first, second = cells[a, shots, metric], cells[b, shots, metric]
    languages = tuple(sorted(first.keys() & second.keys()))
    if not languages:
        return None
    values = _values(first, languages) - _values(second, languages)
    apart = _means(first, languages, protocol) - _means(second, languages, protocol)
    low, high = percentile_interval(apart, protocol.confidence)
    p = sign_flip(values, seed=protocol.seed)
    better, worse = int((values > 0).sum()), int((values < 0).sum())
    return Comparison(
        metric, shots, a, b, len(languages), float(values.mean()), low, high, better, worse,
        p, wilcoxon(values), p, p,
    )  # fmt: skip


def references(learners: Collection[str], against: Sequence[str] = ()) -> tuple[str, ...]:
    """What ``learners`` are held against: those named that are among them, else (for many) the baselines.

    None: all are held against all.
    """
    if against:
        return tuple(name for name in against if name in learners)
    if len(set(learners) - {MAJORITY}) <= FEW:
        return ()
    return tuple(name for name in BASELINES if name in learners)


def pairs(learners: Collection[str], against: Sequence[str] = ()) -> list[tuple[str, str]]:
    """Every pair once: learner and reference, or all pairs where there is no reference."""
    names = sorted(set(learners) - {MAJORITY})
    if not against:
        return list(combinations(names, 2))
    found: list[tuple[str, str]] = []
    for reference in against:
        if reference in names:
            found += [(a, reference) for a in names if a != reference and (reference, a) not in found]
    return found


def compare(cells: Cells, protocol: Protocol, against: Sequence[str] = ()) -> list[Comparison]:
    """Learners at every number of shots, by each metric; the majority baseline is left out.

    All pairs, or each learner (a) with each reference ``against`` (b) it.
    """
    found: list[Comparison] = []
    for metric in dict.fromkeys(metric for _, _, metric in cells):
        family = []
        for shots in protocol.shots:
            learners = {name for name, at, by in cells if at == shots and by == metric}
            compared = (
                _compare(cells, protocol, metric=metric, shots=shots, a=a, b=b)
                for a, b in pairs(learners, against)
            )
            family += [pair for pair in compared if pair is not None]
        p = np.array([pair.p_sign_flip for pair in family])
        for pair, strict, lenient in zip(family, holm(p), benjamini_hochberg(p), strict=True):
            adjusted = {**vars(pair), "p_holm": float(strict), "p_bh": float(lenient)}
            found.append(Comparison(**adjusted))
    return found
