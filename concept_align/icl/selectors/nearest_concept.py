"""The candidates nearest to the query in concept space.

``by="shares"`` (vectors of :func:`.means.concept_shares`): sentences made of the same concepts. With p_q and
p_s what a zero-shot classifier takes the words of either sentence for, in the mean, those are near whose
Hellinger distance

    H(p_q, p_s) = (1 - sum over k of sqrt(p_q(k) p_s(k)))^(1/2)

is small. It is between 0 and 1, and feels a rare concept that one of both lacks more than the Euclidean does.

``by="points"`` (vectors of :func:`.means.sentence_means` with a learned projection B): those whose mean
projected words are near, by the squared Euclidean distance ||mean B'x_q - mean B'x_s||^2, by which prototypes
classify (Snell et al. 2017, arXiv 1703.05175).

The idea of choosing by the retrieved structure instead of the surface is that of Levy et al. 2023 (arXiv
2212.06800), who predict what the answer will be made of and cover it. Either space is shared by all languages
of an aligner, so that candidates may be in any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...errors import LearningError, UsageError
from ..base import Sentence
from .nearest import nearest
from .pool import LooksAt, asked, pool
from .vectors import Floats, SentenceVectors

By = Literal["shares", "points"]


@dataclass(frozen=True, eq=False)
class NearestConcept:
    """The k nearest in concept space, the nearest last."""

    name = "nearest-concept"
    looks_at: ClassVar[LooksAt] = "query"
    seeded: ClassVar[bool] = False
    queries: SentenceVectors
    candidates: SentenceVectors
    by: By = "shares"

    def __post_init__(self) -> None:
        if self.by not in get_args(By):
            raise UsageError(
                f"unknown by={self.by!r}",
                where=f"selector {self.name}",
                remedy=f"use {' or '.join(get_args(By))}",
            )
        for vectors in (self.queries.vectors, self.candidates.vectors):
            if self.by == "shares" and ((vectors < 0).any() or (abs(vectors.sum(1) - 1) > 1e-3).any()):
                raise LearningError(
                    "the vectors are no shares: some are negative, or do not sum to one",
                    where=f"selector {self.name}",
                    remedy="make them with means.concept_shares, or choose by='points'",
                )

    def select(
        self, query: Sentence | None, candidates: Sequence[Sentence], k: int, *, seed: int
    ) -> list[int]:
        """See :class:`..base.Selector`."""
        of = asked(query, self.name)
        there = pool(of, candidates, k, name=self.name)
        others = self.candidates.of([candidates[place] for place in there])
        own = self.queries.of([of])[0]
        return nearest(-(hellinger if self.by == "shares" else squared)(own, others), there, k)


def hellinger(query: Floats, others: Floats) -> NDArray[np.float64]:
    """[n] Hellinger distances of ``query`` [concepts] and ``others`` [n, concepts], rows that sum to one."""
    overlap = np.einsum("nk,k->n", np.sqrt(others), np.sqrt(query), dtype=np.float64)
    return np.asarray(np.sqrt(np.clip(1 - overlap, 0, None)))


def squared(query: Floats, others: Floats) -> NDArray[np.float64]:
    """[n] squared Euclidean distances of ``query`` [rank] and ``others`` [n, rank]."""
    apart = others - query
    return np.asarray(np.einsum("nd,nd->n", apart, apart, dtype=np.float64))
