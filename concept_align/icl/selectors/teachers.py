"""What a selector learns from: how good each candidate is for each query, as measured or as the model says.

A teacher's scores, centred within each query, become the distribution over candidates that the selector is to
give,

    t(c | q) = softmax_c(g(q, c) / tau),    tau the standard deviation of g within queries

so that a candidate one standard deviation better is e times as likely, whatever the unit of g.

``gain`` needs the queries' gold labels (Rubin et al. 2022, arXiv 2112.08633, rank candidates so). ``self`` is
the gain of labels that were predicted: the queries are :func:`relabelled` before gains are measured, and no
gold label of theirs is needed. ``influence`` is how much a demonstration changes what the model says, which
goes with the gain. ``published`` is its negative, as the alignment loss of Rojas and Carranza 2024 (arXiv
2412.08955) reads, the divergence of what is said with demonstrations from what is said without, minimised: a
control, for its optimum is a demonstration that changes nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ...errors import UsageError
from ..base import PromptSentence
from ..config import Teacher
from .helping import Gains

TEACHERS: tuple[Teacher, ...] = get_args(Teacher)


def teacher_scores(gains: Gains, teacher: Teacher) -> NDArray[np.float64]:
    """[queries, candidates] in nats, the mean of each query's taken off; NaN where a pair was not measured.

    UsageError for an unknown teacher, and for a measurement that is infinite.
    """
    if teacher not in TEACHERS:
        remedy = f"use {', '.join(TEACHERS)}"
        raise UsageError(f"no teacher is called {teacher!r}", option="teacher", remedy=remedy)
    scores = gains.gain if teacher in ("gain", "self") else gains.influence
    scores = -scores if teacher == "published" else scores
    if np.isinf(scores).any():
        remedy = "measure the gains again"
        raise UsageError("a measurement is infinite", option="gains", remedy=remedy)
    known = ~np.isnan(scores)
    means = np.where(known, scores, 0).sum(1) / np.maximum(known.sum(1), 1)
    return np.asarray(scores - means[:, None])


def spread(scores: Float64[np.ndarray, "queries candidates"]) -> float:
    """tau: the standard deviation of centred scores within queries; 0 where nothing was measured."""
    known = scores[~np.isnan(scores)]
    return float(np.sqrt(np.mean(known**2))) if known.size else 0.0


def soft_targets(
    scores: Float64[np.ndarray, "queries candidates"], tau: float | None = None
) -> NDArray[np.float64]:
    """[queries, candidates] distributions t; 0 where a pair was not measured, a row of 0 without any.

    ``tau``: the :func:`spread` of ``scores`` unless given. Scores that do not differ (tau 0) teach nothing:
    all candidates are as likely.
    """
    tau = spread(scores) if tau is None else tau
    known = ~np.isnan(scores)
    scaled = np.where(known, scores / tau if tau > 0 else 0.0, -np.inf)
    measured = known.any(1)
    found = np.zeros_like(scores)
    found[measured] = np.exp(log_softmax(scaled[measured]))
    return found


def log_softmax(scores: Float64[np.ndarray, "rows columns"]) -> NDArray[np.float64]:
    """Of each row, which has a finite score."""
    shifted = scores - scores.max(1, keepdims=True, initial=-np.inf)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(1, keepdims=True)))


def relabelled(
    queries: Sequence[PromptSentence], predictions: Sequence[Sequence[int]]
) -> list[PromptSentence]:
    """``queries`` with predicted labels in place of their own, a label an item; for the teacher ``self``.

    UsageError where a query has another number of predictions than of items.
    """
    found = []
    for query, labels in zip(queries, predictions, strict=True):
        if len(labels) != len(query.items):
            what = f"{len(labels)} labels for {len(query.items)} items"
            where = f"{query.treebank}, sentence {query.number} (from 0)"
            raise UsageError(what, where=where, remedy="predict one label for each item")
        items = tuple(
            replace(item, label=int(label)) for item, label in zip(query.items, labels, strict=True)
        )
        found.append(replace(query, items=items))
    return found
