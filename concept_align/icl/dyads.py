"""Correlations over pairs of a demonstration language and a target, of which languages are the unit.

Three kinds of correlation (Spearman's or Pearson's) of what is known of pairs, x and y:

- ``overall``: over all pairs. Easy targets may gain more and be more alignable at once.
- ``within-targets``: the mean over targets of the correlation over their demonstration languages. What one
  asks who has a target and is to choose the language of demonstrations.
- ``both-held``: over all pairs, given who is the demonstration language and who the target (a partial
  correlation, both as factors). Do two languages suit each other beyond what either is good for in general?

The null renames languages in the table of x, rows and columns together, as Mantel's does
(:mod:`concept_align.correspondence.analyses.mantel`; Dekker, Krackhardt and Snijders 2007): languages of
demonstrations among each other, and other targets among each other, for which languages have demonstrations
is no accident. Intervals are jackknives over languages on Fisher's scale, as there; of two kinds of languages
the errors add up (two-sample U-statistics: Arvesen 1969). A kind of fewer than 5 languages is taken as given,
and the interval says nothing of others like them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..seeding import stream
from ..statistics import (
    LEAST_BOUNDED,
    Floats,
    Method,
    fisher_z,
    jackknife,
    mean_and_sd,
    p_values,
    random_orders,
    ranked,
)

Kind = Literal["overall", "within-targets", "both-held"]
KINDS: tuple[Kind, ...] = get_args(Kind)
CHUNK = 512  # permutations at once
FEWEST = 3  # demonstration languages of a target, or pairs at all, for a correlation

Places = NDArray[np.intp]


@dataclass(frozen=True)
class DyadCorrelation:
    """A correlation over ``pairs``; ``p`` is two-sided, ``over`` names the languages the interval is over."""

    r: float
    low: float
    high: float
    p: float
    p_greater: float
    null_mean: float
    null_sd: float
    pairs: int
    demonstrations: int
    targets: int
    over: str
    left_out: str


@dataclass(frozen=True, eq=False)
class DirectedPairs:
    """The pairs observed: y [pairs] of (demonstration, target), and x of all languages with each other."""

    codes: tuple[str, ...]
    square: Floats  # x [codes, codes]
    demonstration: Places  # [pairs]
    target: Places  # [pairs]
    y: Floats  # [pairs]
    left_out: tuple[str, ...]  # languages without x to all others they are to be compared or renamed with

    @property
    def kinds(self) -> tuple[str, ...]:
        """Of each language."""
        gives = set(self.demonstration.tolist())
        return tuple("demonstrations" if i in gives else "targets" for i in range(len(self.codes)))

    def x(self, orders: Places) -> Floats:
        """[draws, pairs] with the languages renamed by ``orders`` [draws, codes]."""
        return np.asarray(self.square[orders[:, self.demonstration], orders[:, self.target]])


def directed_pairs(square: pd.DataFrame, y: Mapping[tuple[str, str], float]) -> DirectedPairs:
    """Of ``square`` x [languages, languages] and ``y`` of (demonstration, target): pairs that have both.

    A language that lacks x with some other cannot be renamed: those that lack most are left out one by one.
    """
    wanted = {pair: v for pair, v in y.items() if pair[0] != pair[1] and not np.isnan(v)}
    everyone = {code for pair in wanted for code in pair}
    codes = sorted(everyone & set(map(str, square.index)))
    values = square.reindex(index=codes, columns=codes).to_numpy(dtype=np.float64)
    kept = np.arange(len(codes))
    while True:
        place = {codes[i]: at for at, i in enumerate(kept)}
        pairs = sorted(pair for pair in wanted if place.keys() >= set(pair))
        at = np.array([(place[a], place[b]) for a, b in pairs], dtype=np.intp).reshape(-1, 2)
        x = values[np.ix_(kept, kept)]
        gives = np.isin(np.arange(len(kept)), at[:, 0])
        takes = ~gives | gives[at[:, 1]].any()
        lacking = np.isnan(x) & gives[:, None] & takes & ~np.eye(len(kept), dtype=bool)
        if not lacking.any():
            break
        kept = np.delete(kept, int((lacking.sum(axis=0) + lacking.sum(axis=1)).argmax()))
    gained = np.array([wanted[pair] for pair in pairs])
    left_out = tuple(sorted(everyone - place.keys()))
    return DirectedPairs(tuple(place), x, at[:, 0], at[:, 1], gained, left_out)


def dyad_correlation(
    found: DirectedPairs,
    kind: Kind,
    *,
    method: Method = "spearman",
    permutations: int = 1999,
    seed: int = 0,
) -> DyadCorrelation:
    """The correlation of x and y; r is NaN where it is not defined (too few pairs, or constants)."""
    n = len(found.codes)
    r = float(_statistic(found.x(np.arange(n)[None]), found, kind, method)[0])
    null = np.empty(0)
    if not np.isnan(r):
        orders = random_orders(n, permutations, stream(seed, "directed", n), found.kinds)
        parts = [orders[begin : begin + CHUNK] for begin in range(0, permutations, CHUNK)]
        null = np.concatenate([null, *(_statistic(found.x(part), found, kind, method) for part in parts)])
        null = null[~np.isnan(null)]
    p, greater, _ = p_values(r, null)
    low, high, over = _interval(r, found, kind, method)
    givers, takers = (len(np.unique(side)) for side in (found.demonstration, found.target))
    left_out = ";".join(found.left_out)
    return DyadCorrelation(
        r, low, high, p, greater, *mean_and_sd(null), len(found.y), givers, takers, over, left_out
    )


def _statistic(
    x: Floats, found: DirectedPairs, kind: Kind, method: Method, kept: NDArray[np.bool_] | None = None
) -> Floats:
    """[draws] of ``x`` [draws, pairs], over the pairs ``kept``."""
    kept = np.ones(len(found.y), dtype=bool) if kept is None else kept
    x, y = x[:, kept], found.y[kept]
    demonstration, target = found.demonstration[kept], found.target[kept]
    if len(y) < FEWEST:
        return np.full(len(x), np.nan)
    if kind == "within-targets":
        total, number = np.zeros(len(x)), np.zeros(len(x))
        for code in np.unique(target):
            own = target == code
            if own.sum() >= FEWEST:
                r = _correlation(ranked(x[:, own], method), ranked(y[own], method), np.empty((own.sum(), 0)))
                total += np.nan_to_num(r)
                number += ~np.isnan(r)
        return np.divide(total, number, out=np.full(len(x), np.nan), where=number > 0)
    basis = np.empty((len(y), 0))
    if kind == "both-held":
        factors = [side == code for side in (demonstration, target) for code in np.unique(side)]
        dummies = np.array(factors, dtype=np.float64).T
        basis, sizes, _ = np.linalg.svd(dummies - dummies.mean(axis=0), full_matrices=False)
        basis = basis[:, sizes > 1e-9]
    return _correlation(ranked(x, method), ranked(y, method), basis)


def _correlation(x: Floats, y: Floats, basis: Floats) -> Floats:
    """[draws] of x [draws, m] and y [m], given an orthonormal ``basis`` [m, controls]; or NaN."""

    def rest(values: Floats) -> Floats:
        centred = values - values.mean(axis=-1, keepdims=True)
        left = centred - (centred @ basis) @ basis.T
        length = np.linalg.norm(left, axis=-1, keepdims=True)
        least = 1e-9 * np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), 1e-300)
        return np.where(length > least, left / np.maximum(length, 1e-300), np.nan)

    return np.asarray(rest(x) @ rest(y))


def _interval(r: float, found: DirectedPairs, kind: Kind, method: Method) -> tuple[float, float, str]:
    """Bounds of r, and the kinds of languages they are over."""
    kinds = np.array(found.kinds)
    x = found.x(np.arange(len(found.codes))[None])
    squares, over = 0.0, []
    for name in ("demonstrations", "targets"):
        who = np.flatnonzero(kinds == name)
        if len(who) < LEAST_BOUNDED or np.isnan(r):
            continue
        without = [
            float(_statistic(x, found, kind, method, (found.demonstration != i) & (found.target != i))[0])
            for i in who
        ]
        low, _ = jackknife(r, np.array(without), fisher=True)
        squares += float(np.diff(fisher_z(np.array([low, r])))[0]) ** 2
        over.append(name)
    if not over or np.isnan(squares):
        return float("nan"), float("nan"), ""
    ends = np.tanh(fisher_z(np.array(r)) + np.array([-1, 1]) * np.sqrt(squares))
    return float(ends[0]), float(ends[1]), ";".join(over)
