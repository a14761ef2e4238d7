"""Are languages with one label (family, branch, script) more alike than others?

The statistic is the mean score within groups less that between them; its null permutes the labels over
languages.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import UsageError
from ...seeding import stream
from ...statistics import LEAST, Floats, differences_of, jackknife, mean_and_sd, p_values, random_orders
from .mantel import complete

CHUNK = 512  # permutations at once


@dataclass(frozen=True)
class GroupContrast:
    """Mean score within groups less between them. p: upper; low and high: jackknife over languages."""

    difference: float
    low: float
    high: float
    p: float
    null_mean: float
    null_sd: float
    within: float
    between: float
    n: int  # languages
    pairs_within: int
    pairs_between: int
    left_out: tuple[str, ...]  # without a label, or without some score
    permutations: int


def contrast(
    scores: pd.DataFrame, labels: Mapping[str, str], *, permutations: int = 9999, seed: int = 0
) -> GroupContrast:
    """Do languages with one label have higher ``scores`` [languages, languages] with each other?

    ``labels`` gives the label of each language. NaN where all labels are equal or none is shared. Raises
    UsageError for fewer than four languages that have a label and all scores.
    """
    labelled = [code for code in scores.index if code in labels]
    languages, (values,), left_out = complete(scores.loc[labelled, labelled])
    left_out = tuple(sorted({*left_out, *(code for code in scores.index if code not in labels)}))
    n = len(languages)
    if n < LEAST:
        message = f"{n} languages have a label and scores with all others"
        raise UsageError(message, remedy=f"at least {LEAST} are needed")
    names = np.array([labels[code] for code in languages], dtype=object)
    same = (names[:, None] == names[None, :]) & ~np.eye(n, dtype=bool)
    other = ~same & ~np.eye(n, dtype=bool)
    filled = np.where(np.eye(n, dtype=bool), 0.0, values)
    within, between = _mean(filled, same), _mean(filled, other)
    difference = within - between
    null = _null(filled, same, random_orders(n, permutations, stream(seed, "contrast", n)))
    null = null if not np.isnan(difference) else np.empty(0)
    kept = [np.ix_(k, k) for k in (np.delete(np.arange(n), i) for i in range(n))]
    without = np.array([_mean(filled[k], same[k]) - _mean(filled[k], other[k]) for k in kept])
    bounds = jackknife(difference, without, within=differences_of(values))
    return GroupContrast(
        difference, *bounds, p_values(difference, null)[1], *mean_and_sd(null),
        within, between, n, int(same.sum()) // 2, int(other.sum()) // 2, left_out, permutations,
    )  # fmt: skip


def _mean(values: Floats, of: NDArray[np.bool_]) -> float:
    return float(values[of].mean()) if of.any() else float("nan")


def _null(values: Floats, same: NDArray[np.bool_], orders: NDArray[np.intp]) -> Floats:
    """The difference [draws] with labels in each of ``orders`` [draws, n]."""
    rows, columns = np.nonzero(np.triu(same))
    n, total = len(values), values.sum() / 2
    others = n * (n - 1) // 2 - len(rows)
    null = np.empty(len(orders))
    if not len(rows) or not others:
        return np.full(len(orders), np.nan)
    for begin in range(0, len(orders), CHUNK):
        order = orders[begin : begin + CHUNK]
        inside = values[order[:, rows], order[:, columns]].sum(axis=1)
        null[begin : begin + CHUNK] = inside / len(rows) - (total - inside) / others
    return null
