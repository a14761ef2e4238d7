"""The loss of a learned selector, its gradient, and its minimum.

    L = mean over queries of KL(t || p) + lambda L_coh + beta (||A||^2 + ||B||^2 + ||u||^2)

of one task's gains or of several, whose queries count alike; see :mod:`.shared`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray
from scipy import optimize, special

from .teachers import log_softmax, soft_targets

STEPS = 200  # of L-BFGS
UNSEEN = -1e9  # what p is nothing at


@dataclass(frozen=True, order=True)
class Strength:
    """A setting: the simpler ones come first, which win where others are no better."""

    rank: int
    coherence: float
    penalty: float


class Learned(NamedTuple):
    """The learned numbers."""

    a: float
    A: NDArray[np.float64]
    B: NDArray[np.float64]
    u: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """One task's gains as the loss needs them."""

    x_queries: NDArray[np.float64]
    x_candidates: NDArray[np.float64]
    alike: NDArray[np.float64]  # k [queries, candidates]
    scores: NDArray[np.float64]  # of the teacher, over tau; NaN where not measured, but not of all of a query
    languages: tuple[str, ...]  # of the queries
    quarter: NDArray[np.int64]  # of the candidates
    x_said: NDArray[np.float64]  # of translations
    said_alike: NDArray[np.float64]  # k of translations and candidates
    pairs: NDArray[np.int64]

    def part(self, queries: NDArray[np.bool_], candidates: NDArray[np.bool_]) -> "Table":
        """With some of the queries and candidates, but for queries of which nothing is left; translations as
        they are."""
        queries = queries & ~np.isnan(self.scores[:, candidates]).all(1)
        return replace(
            self,
            x_queries=self.x_queries[queries],
            x_candidates=self.x_candidates[candidates],
            alike=self.alike[np.ix_(queries, candidates)],
            scores=self.scores[np.ix_(queries, candidates)],
            languages=tuple(code for code, kept in zip(self.languages, queries, strict=True) if kept),
            quarter=self.quarter[candidates],
            said_alike=self.said_alike[:, candidates],
        )

    def score(
        self, found: Learned, x: NDArray[np.float64], alike: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """s of sentences ``x`` whose likeness to the candidates is ``alike``."""
        worth = self.x_candidates @ found.u
        return np.asarray(found.a * alike + (x @ found.A) @ (self.x_candidates @ found.B).T + worth)

    def logits(self, found: Learned) -> NDArray[np.float64]:
        """s of the queries; UNSEEN where a pair was not measured."""
        return self.score(found, self.x_queries, self.alike) + np.where(np.isnan(self.scores), UNSEEN, 0)


def learn(tables: Sequence[Table], strength: Strength, begin: Learned) -> Learned:
    """The minimum of L by L-BFGS; ``begin`` itself, without A and B, where nothing can be learned."""
    begin = Learned(begin.a, begin.A[:, : strength.rank], begin.B[:, : strength.rank], begin.u)
    if not any(table.scores.size for table in tables) or np.isinf(strength.penalty):
        return Learned(begin.a, begin.A[:, :0], begin.B[:, :0], begin.u)
    dim, rank = begin.A.shape
    cuts = np.cumsum([1, dim * rank, dim * rank])

    def taken_apart(values: NDArray[np.float64]) -> Learned:
        a, A, B, u = np.split(values, cuts)
        return Learned(float(a[0]), A.reshape(dim, rank), B.reshape(dim, rank), u)

    def whole(parts: Learned) -> NDArray[np.float64]:
        return np.concatenate([[parts.a], parts.A.ravel(), parts.B.ravel(), parts.u])

    targets = [soft_targets(table.scores, 1.0) for table in tables]

    def loss(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, slope = objective(tables, targets, taken_apart(values), strength)
        return value, whole(slope)

    options = {"maxiter": STEPS, "maxcor": 20, "ftol": 1e-7, "gtol": 1e-6}
    found = optimize.minimize(loss, whole(begin), jac=True, method="L-BFGS-B", options=options)
    return taken_apart(np.asarray(found.x, np.float64))


def objective(
    tables: Sequence[Table], targets: Sequence[NDArray[np.float64]], at: Learned, strength: Strength
) -> tuple[float, Learned]:
    """L, but for the entropy of t which no number changes, and its gradient. ``targets``: t of each table."""
    beta = strength.penalty
    value = beta * float((at.A**2).sum() + (at.B**2).sum() + (at.u**2).sum())
    slope = Learned(0.0, 2 * beta * at.A, 2 * beta * at.B, 2 * beta * at.u)
    queries = sum(map(len, targets))
    pairs = sum(len(table.pairs) for table in tables) if strength.coherence else 0
    for table, own in zip(tables, targets, strict=True):
        log_p = log_softmax(table.logits(at))
        value -= float((own * log_p).sum()) / queries
        by_logits = (np.exp(log_p) - own) / queries
        slope = _added(slope, table, at, by_logits, table.x_queries, table.alike)
        if pairs and len(table.pairs):
            some, slopes = _incoherence(table.score(at, table.x_said, table.said_alike), table.pairs)
            share = strength.coherence / pairs
            value += share * some
            slope = _added(slope, table, at, share * slopes, table.x_said, table.said_alike)
    return value, slope


def divergence(
    targets: Float64[np.ndarray, "queries candidates"], logits: Float64[np.ndarray, "queries candidates"]
) -> NDArray[np.float64]:
    """KL(t || softmax of ``logits``) of each query, nats."""
    return np.asarray((special.xlogy(targets, targets) - targets * log_softmax(logits)).sum(1))


def _incoherence(logits: NDArray[np.float64], pairs: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """The sum over ``pairs`` of KL(p(. | s) || p(. | s')), and its gradient by the logits."""
    log_p = log_softmax(logits)
    p = np.exp(log_p)
    one, other = pairs.T
    apart = log_p[one] - log_p[other]
    each = (p[one] * apart).sum(1, keepdims=True)
    slopes = np.zeros_like(logits)
    np.add.at(slopes, one, p[one] * (apart - each))
    np.add.at(slopes, other, p[other] - p[one])
    return float(each.sum()), slopes


def _added(
    slope: Learned,
    table: Table,
    at: Learned,
    by_logits: NDArray[np.float64],
    x: NDArray[np.float64],
    alike: NDArray[np.float64],
) -> Learned:
    """The gradient with what flows through the scores of ``x`` added."""
    across = x.T @ by_logits @ table.x_candidates
    return Learned(
        slope.a + float((by_logits * alike).sum()),
        slope.A + across @ at.B,
        slope.B + across.T @ at.A,
        slope.u + table.x_candidates.T @ by_logits.sum(0),
    )
