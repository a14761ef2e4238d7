"""Which languages cluster by alignability, and are the clusters families?

Average linkage (Sokal and Michener 1958) of the distances 1 - score, with leaves in the order that puts
neighbours next to each other (Bar-Joseph, Gifford and Jaakkola 2001, Bioinformatics 17). The cophenetic
correlation (Sokal and Rohlf 1962, Taxon 11) says how much of the distances the tree keeps. Whether groups
that are given (families, scripts) are groups of the scores does not ask the tree: the mean score within
groups less that between them, against labels permuted over languages.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import UsageError
from ...seeding import stream
from ...statistics import LEAST, Floats, jackknife, p_values, random_orders
from .dyads import complete

CHUNK = 512


@dataclass(frozen=True, eq=False)
class Clusters:
    """A tree of languages. ``linkage`` [n - 1, 4] is SciPy's; ``languages`` are its leaves 0 to n - 1."""

    languages: tuple[str, ...]
    order: tuple[str, ...]  # leaves from left to right
    linkage: Floats
    cophenetic: float
    cophenetic_null: float  # mean over tables with the pairs' scores shuffled
    p: float
    left_out: tuple[str, ...]

    def groups(self, count: int) -> dict[str, int]:
        """The language's group, from 1, when the tree is cut into at most ``count`` of them."""
        from scipy.cluster.hierarchy import fcluster

        cut = fcluster(self.linkage, count, criterion="maxclust")
        return dict(zip(self.languages, map(int, cut), strict=True))


def clusters(scores: pd.DataFrame, *, permutations: int = 199, seed: int = 0) -> Clusters:
    """The tree of ``scores`` [languages, languages]. Any tree keeps some of any distances: hence the null.

    Scores above 1 count as 1. Raises UsageError for fewer than 4 languages with all scores.
    """
    from scipy.cluster.hierarchy import cophenet, leaves_list, linkage, optimal_leaf_ordering
    from scipy.spatial.distance import squareform

    languages, values, left_out = complete(scores)
    if len(languages) < LEAST:
        raise UsageError(
            f"{len(languages)} languages have scores with all others",
            where="clusters",
            remedy=f"at least {LEAST} are needed",
        )
    apart = np.clip(1 - values[0], 0, None)
    np.fill_diagonal(apart, 0.0)
    flat = squareform(apart, checks=False)
    tree = optimal_leaf_ordering(linkage(flat, "average"), flat)
    kept = float(cophenet(tree, flat)[0]) if np.ptp(flat) > 0 else float("nan")
    random = stream(seed, "clusters", len(languages))
    null = [
        float(cophenet(linkage(mixed := random.permutation(flat), "average"), mixed)[0])
        for _ in range(permutations if np.ptp(flat) > 0 else 0)
    ]
    return Clusters(
        languages=languages,
        order=tuple(languages[at] for at in leaves_list(tree)),
        linkage=np.asarray(tree, dtype=np.float64),
        cophenetic=kept,
        cophenetic_null=float(np.mean(null)) if null else float("nan"),
        p=p_values(kept, np.array(null))[1],
        left_out=left_out,
    )


@dataclass(frozen=True)
class Contrast:
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
) -> Contrast:
    """Do languages with one label (family, branch, script) have higher ``scores`` with each other?

    NaN where all labels are one or none is shared.
    """
    labelled = [code for code in scores.index if code in labels]
    languages, (values,), left_out = complete(scores.loc[labelled, labelled])
    left_out = tuple(sorted({*left_out, *(code for code in scores.index if code not in labels)}))
    n = len(languages)
    if n < LEAST:
        raise UsageError(
            f"{n} languages have a label and scores with all others",
            where="clusters",
            remedy=f"at least {LEAST} are needed",
        )
    names = np.array([labels[code] for code in languages], dtype=object)
    same = (names[:, None] == names[None, :]) & ~np.eye(n, dtype=bool)
    other = ~same & ~np.eye(n, dtype=bool)
    filled = np.where(np.eye(n, dtype=bool), 0.0, values)
    within, between = _mean(filled, same), _mean(filled, other)
    difference = within - between
    null = _null(filled, same, random_orders(n, permutations, stream(seed, "contrast", n)))
    null = null if not np.isnan(difference) else np.empty(0)
    kept = [np.delete(np.arange(n), i) for i in range(n)]
    without = np.array([
        _mean(filled[np.ix_(k, k)], same[np.ix_(k, k)]) - _mean(filled[np.ix_(k, k)], other[np.ix_(k, k)])
        for k in kept
    ])  # fmt: skip
    low, high = jackknife(difference, without)
    return Contrast(
        difference=difference, low=low, high=high, p=p_values(difference, null)[1],
        null_mean=float(null.mean()) if len(null) else float("nan"),
        null_sd=float(null.std()) if len(null) else float("nan"),
        within=within, between=between, n=n,
        pairs_within=int(same.sum()) // 2, pairs_between=int(other.sum()) // 2,
        left_out=left_out, permutations=permutations,
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
