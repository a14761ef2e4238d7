"""Learners against each other: paired tests over languages, and gains by language and by concept.

Learners see the same resamples of sentences and the same draws, so differences are paired. They are compared
all with all, or each with named references; the fewer the tests, the less is lost to their correction. A
concept's gain is the mean over the languages that have it, bounded by resampling languages (and training
seeds); other intervals are those of :mod:`.summary`. Of fewer than five
languages there is none.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from ..statistics import (
    Floats,
    benjamini_hochberg,
    bounds_over_languages,
    holm,
    percentile_bounds,
    sign_flip,
    wilcoxon,
)
from ..treebanks.registry import relatives
from .config import Protocol
from .evidence import Evidence
from .results import MAJORITY, METRICS
from .summary import ByLanguage, point_means, resampled_means, values_of

# What learners are compared with where nothing else is said: all pairs of six or fewer, else these.
FEW = 6
BASELINES: tuple[str, ...] = ("pooled", "source-probe", "proto")

# ``difference`` is a - b over the ``n`` languages both were tested in; in ``better_in`` of them a is better.
# ``p_branch`` and ``p_family`` flip related languages together. The adjusted p-values are those of
# ``p_sign_flip`` among all pairs compared and shots of one metric.
COMPARED = (
    "metric", "shots", "a", "b", "n", "difference", "low", "high", "better_in", "worse_in",
    "p_sign_flip", "p_branch", "p_family", "p_wilcoxon", "p_holm", "p_bh",
)  # fmt: skip
# ``learner`` less ``reference``: of a metric in a language (``n``: its words), or of a concept's F1 in the
# mean over languages (``n``: languages).
GAINED = ("learner", "reference", "shots", "metric", "language", "value", "low", "high", "n")

Key = tuple[str, int, str]  # learner, shots, metric
Found = Mapping[tuple[str, int], Mapping[str, Evidence]]  # (learner, shots) -> language -> evidence


def references(learners: Collection[str], against: Sequence[str] = ()) -> tuple[str, ...]:
    """What ``learners`` are compared with: those named that are among them, else (for many) the baselines.

    None: all are compared with all.
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


def by_metric(found: Found) -> dict[Key, ByLanguage]:
    """Every metric of every learner and number of shots, by language."""
    return {
        (*key, metric): {language: one.metrics[metric] for language, one in by_language.items()}
        for key, by_language in sorted(found.items())
        for metric in METRICS
    }


def compare(cells: Mapping[Key, ByLanguage], protocol: Protocol, against: Sequence[str] = ()) -> pd.DataFrame:
    """Learners at every number of shots, by each metric, one pair per row (:data:`COMPARED`).

    All pairs, or each learner (a) with each reference ``against`` (b) it; the majority baseline is left out.
    """

    @cache
    def resampled(key: Key, languages: tuple[str, ...]) -> Floats:
        return resampled_means(cells[key], languages, protocol)

    def compared(metric: str, shots: int, a: str, b: str) -> dict[str, Any] | None:
        keys = (a, shots, metric), (b, shots, metric)
        first, second = (cells[key] for key in keys)
        languages = tuple(sorted(first.keys() & second.keys()))
        if not languages:
            return None
        values = values_of(first, languages) - values_of(second, languages)
        apart = resampled(keys[0], languages) - resampled(keys[1], languages)
        low, high = bounds_over_languages(apart[:, None], len(languages), protocol.confidence)
        row = {"metric": metric, "shots": shots, "a": a, "b": b, "n": len(languages)}
        row |= {"difference": float(values.mean()), "low": float(low[0]), "high": float(high[0])}
        row |= {"better_in": int((values > 0).sum()), "worse_in": int((values < 0).sum())}
        row["p_sign_flip"] = sign_flip(values, seed=protocol.seed)
        for name, groups in zip(("p_branch", "p_family"), relatives(languages), strict=True):
            row[name] = sign_flip(values, groups=groups, seed=protocol.seed)
        return row | {"p_wilcoxon": wilcoxon(values)}

    rows: list[dict[str, Any]] = []
    for metric in dict.fromkeys(metric for _, _, metric in cells):
        family = []
        for shots in protocol.shots:
            learners = {name for name, at, by in cells if at == shots and by == metric}
            family += [compared(metric, shots, a, b) for a, b in pairs(learners, against)]
        tested = [row for row in family if row is not None]
        p = np.array([row["p_sign_flip"] for row in tested])
        for row, strict, lenient in zip(tested, holm(p), benjamini_hochberg(p), strict=True):
            rows.append({**row, "p_holm": float(strict), "p_bh": float(lenient)})
    return pd.DataFrame(rows, columns=list(COMPARED))


def gains(
    found: Found, concepts: Sequence[str], references: Sequence[str], protocol: Protocol
) -> pd.DataFrame:
    """Every learner against every reference, at every number of shots that both were tested at
    (:data:`GAINED`)."""

    @cache
    def means(key: tuple[str, int], languages: tuple[str, ...], places: tuple[int, ...]) -> Any:
        return concept_means(found[key], languages, places, protocol)

    def of_concepts(keys: Sequence[tuple[str, int]]) -> Iterator[dict[str, Any]]:
        a, b = (found[key] for key in keys)
        gained: dict[int, dict[str, Any]] = {}
        for languages, places in concept_groups(a, sorted(a.keys() & b.keys()), len(concepts)).items():
            (one, first), (two, second) = (means(key, languages, tuple(places)) for key in keys)
            ends = bounds_over_languages(first - second, len(languages), protocol.confidence)
            for place, value, low, high in zip(places, (one - two).tolist(), *map(list, ends), strict=True):
                gained[place] = {"value": value, "low": float(low), "high": float(high), "n": len(languages)}
        for place in sorted(gained):
            yield {"metric": f"f1:{concepts[place]}", "language": "mean", **gained[place]}

    rows: list[dict[str, Any]] = []
    for reference in references:
        for learner, shots in sorted(found):
            if learner not in (reference, MAJORITY) and (reference, shots) in found:
                about = {"learner": learner, "reference": reference, "shots": shots}
                keys = (learner, shots), (reference, shots)
                rows += [about | row for row in _of_languages(found[keys[0]], found[keys[1]], protocol)]
                rows += [about | row for row in of_concepts(keys)]
    return pd.DataFrame(rows, columns=list(GAINED))


def _of_languages(
    a: Mapping[str, Evidence], b: Mapping[str, Evidence], protocol: Protocol
) -> Iterator[dict[str, Any]]:
    languages = sorted(a.keys() & b.keys())
    for metric in METRICS if languages else ():
        both = [(a[language].metrics[metric], b[language].metrics[metric]) for language in languages]
        apart = np.stack([one.mean - two.mean for one, two in both], axis=1)
        ends = (end.tolist() for end in percentile_bounds(apart, protocol.confidence))
        for language, (one, two), low, high in zip(languages, both, *ends, strict=True):
            numbers = {"value": one.value - two.value, "low": low, "high": high, "n": one.words}
            yield {"metric": metric, "language": language, **numbers}


def concept_groups(
    of: Mapping[str, Evidence], languages: Sequence[str], concepts: int
) -> dict[tuple[str, ...], list[int]]:
    """Places of concepts by the ``languages`` that have a word of them; those that none has are left out."""
    found: dict[tuple[str, ...], list[int]] = {}
    for place in range(concepts):
        having = tuple(language for language in languages if of[language].f1.words[place])
        if having:
            found.setdefault(having, []).append(place)
    return found


def concept_means(
    of: Mapping[str, Evidence], languages: tuple[str, ...], places: Sequence[int], protocol: Protocol
) -> tuple[Floats, Floats]:
    """[places] mean F1 over ``languages`` of the concepts at ``places``, and [resamples, places]."""
    by_seed = np.stack([of[language].f1.by_seed[:, places] for language in languages])
    over_seeds = of[languages[0]].metrics[METRICS[0]].over_seeds
    return point_means(by_seed.transpose(2, 0, 1), languages, over_seeds, protocol)
