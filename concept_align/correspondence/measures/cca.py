"""Canonical correlation analysis (Hotelling 1936), as a similarity: the mean squared correlation.

    score = |Q_A' Q_B|^2 / min(p_A, p_B) = tr(P_A P_B) / min(p_A, p_B)

with Q an orthonormal basis of the centred prototypes' columns, P = QQ' (Kornblith et al. 2019, table 1) and p
its rank. Whatever linear map is applied to a space, P stays: where one of both spaces spans all K - 1
dimensions that K concepts can, the score is 1 whatever the other is, and it is refused.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int

from .base import Invariance, MeasureScores, centred, fills, too_few
from .triangle import Triangle, unit, upper


@dataclass(frozen=True)
class CCA(Triangle):
    """Two spaces are alike if a linear map takes one to the other."""

    name: ClassVar[str] = "cca"
    whitened: ClassVar[bool] = False
    diagonal: ClassVar[bool] = True
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"rotation", "reflection", "translation", "scale", "linear"}
    )

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        return too_few(concepts, self.least) or fills(concepts, dims)

    def vectors(self, gram: torch.Tensor) -> torch.Tensor:
        projection = projections(gram)
        rows, columns = upper(gram.shape[-1], diagonal=True)
        # Entries beside the diagonal stand for two.
        weight = (1 + (rows != columns).to(projection)).sqrt()
        return unit(projection[..., rows, columns] * weight)

    def compare(
        self,
        a: Float[torch.Tensor, "layers sources concepts concepts"],
        b: Float[torch.Tensor, "layers targets concepts concepts"],
        pairs: Int[torch.Tensor, "pairs 2"],
        permutations: Int[torch.Tensor, "draws concepts"],
    ) -> MeasureScores:
        """See :class:`Measure`. The engine divides by sqrt(p_A p_B), the norms of both projections."""
        found = super().compare(a, b, pairs, permutations)
        left, right = _ranks(a)[:, pairs[:, 0]], _ranks(b)[:, pairs[:, 1]]
        factor = (left * right).sqrt() / torch.minimum(left, right)
        return MeasureScores(found.values * factor, found.null * factor.float())


def projections(gram: torch.Tensor) -> torch.Tensor:
    """P = QQ' of ``gram`` [..., K, K]."""
    values, vectors = torch.linalg.eigh(centred(gram))
    kept = values > 1e-10 * values[..., -1:]
    basis = torch.where(kept.unsqueeze(-2), vectors, 0.0)
    return basis @ basis.mT


def _ranks(gram: torch.Tensor) -> torch.Tensor:
    values = torch.linalg.eigvalsh(centred(gram))
    return (values > 1e-10 * values[..., -1:]).sum(-1).double()
