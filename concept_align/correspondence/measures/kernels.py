"""Measures of centred inner products.

Debiased linear centred kernel alignment (Kornblith et al. 2019; Murphy, Zylberberg & Fyshe 2024):

    score = <U(G_A), U(G_B)> / (|U(G_A)| |U(G_B)|)

where U is centring of the off-diagonal entries alone (Székely & Rizzo 2014, definition 2), which makes the
inner product the unbiased estimate of HSIC by Song et al. (2012, equation 5). Ordinary CKA is near 1 for any
two sets of few points in many dimensions; this one has mean 0 for unrelated spaces. The squared length of a
prototype does not enter at all, so noise in it, which biases distances, does not.

Canonical correlation analysis (Hotelling 1936), as a similarity: the mean squared correlation,

    score = |Q_A' Q_B|^2 / min(p_A, p_B) = tr(P_A P_B) / min(p_A, p_B)

with Q an orthonormal basis of the centred prototypes' columns, P = QQ' (Kornblith et al. 2019, table 1) and p
its rank. Whatever linear map is applied to a space, P stays: where one of both spaces spans all K - 1
dimensions that K concepts can, the score is 1 whatever the other is, and it is refused.
"""

from dataclasses import dataclass

import torch

from .base import Grams, Measure, MeasureScores, Orders, Pairs, Targets, Triangle, centred, unit, upper


@dataclass(frozen=True)
class CKA(Triangle):
    """Two spaces are alike if pairs of concepts have like inner products, after centring."""

    name = "cka"

    def vectors(self, gram: torch.Tensor) -> torch.Tensor:
        rows, columns = upper(gram.shape[-1])
        return unit(u_centred(gram)[..., rows, columns])


def u_centred(gram: torch.Tensor) -> torch.Tensor:
    """U-centred ``gram`` [..., K, K], K >= 4: zero diagonal, and every row sums to zero."""
    concepts = gram.shape[-1]
    off = gram - torch.diag_embed(gram.diagonal(dim1=-2, dim2=-1))
    rows = off.sum(-1, keepdim=True) / (concepts - 2)
    total = off.sum((-2, -1), keepdim=True) / ((concepts - 1) * (concepts - 2))
    moved = off - rows - rows.mT + total
    return moved - torch.diag_embed(moved.diagonal(dim1=-2, dim2=-1))


@dataclass(frozen=True)
class CCA(Triangle):
    """Two spaces are alike if a linear map takes one to the other."""

    name = "cca"
    diagonal = True
    invariances = Measure.invariances | {"linear"}

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        """Also where one of both spaces has all K - 1 dimensions: a map takes it to any other exactly."""
        if (few := super().refuse(concepts, dims)) or concepts - 1 > max(dims):
            return few
        where = f"{concepts} concepts in {max(dims)} dimensions"
        return f"{where} can be mapped on to anything: the score is 1 for noise"

    def vectors(self, gram: torch.Tensor) -> torch.Tensor:
        projection = projections(gram)
        rows, columns = upper(gram.shape[-1], diagonal=True)
        # Entries beside the diagonal stand for two.
        weight = (1 + (rows != columns).to(projection)).sqrt()
        return unit(projection[..., rows, columns] * weight)

    def compare(self, a: Grams, b: Targets, pairs: Pairs, permutations: Orders) -> MeasureScores:
        """The engine divides by sqrt(p_A p_B), the norms of both projections."""
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
