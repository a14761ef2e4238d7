"""Over the target languages: mean, low-resource mean, worst, and the gap.

Means are bootstrapped in two stages: languages are drawn with replacement, and each drawn language brings a
resample of its sentences and draws; training seeds are the same for all languages, so one resample of them is
brought to all; the ends are widened for few languages (:mod:`concept_align.statistics`). Noise makes every
spread larger and every minimum smaller, in each resample once more, so the others are bounded without adding
noise: the standard deviation by resampling languages alone; the worst language, and the distance from best to
worst, by the sentences and draws of the languages that were best and worst (resampling languages is
inconsistent for extremes: the worst one is left out of 37% of the resamples).

Summaries of fewer than five languages have no interval.

Single concepts and calibration are bounded in one stage, by resampling languages and seeds: what a language's
words and draws add is in how the languages differ.

*Low-resource* targets are the third (rounded up) with the fewest labelled training words, and all that have
as few as the last of them; all targets of a run are ranked, whatever is left out at some number of shots.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ..seeding import stream
from ..statistics import SHARES, Floats, bounds_over_languages
from .config import Protocol
from .resampling import MetricResamples, of_seeds

ByLanguage = Mapping[str, MetricResamples]


def low_resource(words: Mapping[str, int]) -> tuple[str, ...]:
    """The third of the languages with the fewest training ``words``, and all that tie with them."""
    third = sorted(words.values())[: -(-len(words) // 3)]
    return tuple(sorted(language for language, number in words.items() if third and number <= third[-1]))


def ties(words: Mapping[str, int]) -> list[str]:
    """What is to be said of :func:`low_resource`: that they are more than a third."""
    low = low_resource(words)
    if len(low) <= -(-len(words) // 3):
        return []
    most, which = max(words[language] for language in low), ", ".join(low)
    if len(low) == len(words):
        which = "all targets"
    said = f"low-resource are those with the fewest labelled training words: {which} ({most} at most)"
    return [f"{said}; how much text there is in a language is not known"]


@dataclass(frozen=True)
class Summary:
    """One number over ``n`` languages, with its interval; ``language`` is one of ``results.SUMMARIES``."""

    language: str
    value: float
    low: float
    high: float
    n: int


@lru_cache(maxsize=64)
def _drawn(languages: tuple[str, ...], resamples: int, seed: int) -> tuple[NDArray[np.int64], ...]:
    """[resamples, langs] drawn languages and, for each, which resample of its own it brings.

    They depend on the languages alone, so that learners, shots and metrics are paired.
    """
    random = stream(seed, "bootstrap-languages", *languages)
    shape = (resamples, len(languages))
    return random.integers(0, len(languages), size=shape), random.integers(0, resamples, size=shape)


def resampled_means(of: ByLanguage, languages: tuple[str, ...], protocol: Protocol) -> Floats:
    """[resamples] of the mean over ``languages``, in two stages."""
    resampled = np.stack([of[language].resampled for language in languages])  # [langs, seeds, resamples]
    which, brought = _drawn(languages, resampled.shape[2], protocol.seed)
    return of_seeds(resampled[which, :, brought].mean(1), of[languages[0]].over_seeds)


def values_of(of: ByLanguage, languages: tuple[str, ...]) -> Floats:
    """[langs] means over draws and seeds."""
    return np.array([of[language].value for language in languages])


def point_means(
    by_seed: Float64[np.ndarray, "columns langs seeds"],
    languages: tuple[str, ...],
    over_seeds: Float64[np.ndarray, "resamples seeds"] | None,
    protocol: Protocol,
) -> tuple[Float64[np.ndarray, " columns"], Float64[np.ndarray, "resamples columns"]]:
    """Means over the ``languages`` (sorted) of ``by_seed``, and their resamples: languages and seeds
    resampled."""
    by_seed = np.ascontiguousarray(by_seed)
    which, _ = _drawn(languages, protocol.bootstrap, protocol.seed)
    resampled = of_seeds(by_seed.take(which, axis=1).mean(2), over_seeds)
    return by_seed.reshape(len(by_seed), -1).mean(1), resampled.T


def summarise(of: ByLanguage, low: tuple[str, ...], protocol: Protocol) -> Iterator[Summary]:
    """Every summary that the languages allow; ``low`` are low-resource ones; a spread takes two languages."""

    def bounded(name: str, value: float, resampled: Floats, n: int) -> Summary:
        means = name.endswith("mean")
        low, high = bounds_over_languages(
            resampled[:, None], n, protocol.confidence, means=means, within=SHARES
        )
        return Summary(name, value, float(low[0]), float(high[0]), n)

    languages = tuple(sorted(of))
    poor = tuple(language for language in languages if language in low)
    for name, chosen in (("mean", languages), ("low-resource mean", poor)):
        if chosen:
            mean = float(values_of(of, chosen).mean())
            yield bounded(name, mean, resampled_means(of, chosen, protocol), len(chosen))
    values = values_of(of, languages)
    worst, best = (of[languages[place]].mean for place in (values.argmin(), values.argmax()))
    yield bounded("worst", float(values.min()), worst, len(languages))
    if len(languages) > 1:
        which, _ = _drawn(languages, len(worst), protocol.seed)
        yield bounded("sd", float(values.std(ddof=1)), values[which].std(1, ddof=1), len(languages))
        yield bounded("max-min", float(np.ptp(values)), (best - worst).clip(min=0), len(languages))
