"""The candidates whose mean word state is nearest to the query's: kNN demonstrations.

    similarity(q, s) = cos(v_q, v_s),   v_s the mean state of the words of s at one layer

As in Liu et al. 2022 (What Makes Good In-Context Examples for GPT-3?, arXiv 2101.06804), who take the vectors
from a sentence encoder; here the language model's own states serve, so that nothing else is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base import Sentence
from .nearest import nearest
from .pool import LooksAt, asked, pool
from .vectors import Floats, SentenceVectors


@dataclass(frozen=True, eq=False)
class NearestState:
    """The k most similar, the most similar last. Vectors of queries and of candidates are of one layer."""

    name = "nearest-state"
    looks_at: ClassVar[LooksAt] = "query"
    seeded: ClassVar[bool] = False
    queries: SentenceVectors
    candidates: SentenceVectors

    def select(
        self, query: Sentence | None, candidates: Sequence[Sentence], k: int, *, seed: int
    ) -> list[int]:
        """See :class:`..base.Selector`."""
        of = asked(query, self.name)
        there = pool(of, candidates, k, name=self.name)
        others = self.candidates.of([candidates[place] for place in there])
        return nearest(cosines(self.queries.of([of])[0], others), there, k)


def cosines(query: Floats, others: Floats) -> NDArray[np.float64]:
    """[n] of ``query`` [dim] and ``others`` [n, dim]; 0 for a vector of length 0.

    Row by row (einsum, no BLAS): equal rows have equal cosines wherever they stand.
    """
    products = np.einsum("nd,d->n", others, query, dtype=np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", others, others, dtype=np.float64) * float(query @ query))
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
