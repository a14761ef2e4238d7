"""Procrustes fit of two concept spaces (Schönemann 1966; Gower 1975).

    fit = 1 - M^2 = (sum of singular values of A'B)^2

with A, B the prototypes [concepts, dim], centred and of unit Frobenius norm: how much of A the best rotation,
reflection and scaling of B explains. M^2 is the disparity of ``scipy.spatial.procrustes``. From Gram matrices
G = F F' the singular values of F_A' F_B are the same for every factor F, so spaces wider than the K - 1
dimensions that K concepts span cost no more than those.

Whether a reflection is needed cannot be seen from Gram matrices: a space and its mirror image have the same.
It matters only where both spaces fill all their dimensions: in any wider than K - 1, turning over costs
nothing.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int

from .base import FEWEST, Invariance, MeasureScores, Scale, centred, differs, too_few

# Bytes of products [.., rank, rank] at once.
WORKING = 4 << 20


@dataclass(frozen=True)
class ProcrustesFit:
    """Two spaces are alike if a rotation, or its mirror image, takes one on to the other."""

    name: ClassVar[str] = "procrustes"
    whitened: ClassVar[bool] = False
    scale: ClassVar[Scale] = "correlation"
    symmetric: ClassVar[bool] = True
    least: ClassVar[int] = FEWEST
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"rotation", "reflection", "translation", "scale"}
    )

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        return too_few(concepts, self.least)

    def compare(
        self,
        a: Float[torch.Tensor, "layers sources concepts concepts"],
        b: Float[torch.Tensor, "layers targets concepts concepts"],
        pairs: Int[torch.Tensor, "pairs 2"],
        permutations: Int[torch.Tensor, "draws concepts"],
    ) -> MeasureScores:
        """See :class:`Measure`."""
        layers, draws = len(a), len(permutations)
        permutations = permutations.to(a.device)
        values = torch.empty(layers, len(pairs), dtype=torch.float64, device=a.device)
        null = torch.empty(draws, layers, len(pairs), device=a.device)
        for layer in range(layers):
            left = factors(a[layer])
            right = left if a is b else factors(b[layer])
            for other in pairs[:, 1].unique().tolist():
                mine = (pairs[:, 1] == other).nonzero().flatten()
                chosen = left[pairs[mine, 0]].mT  # [mine, rank, K]
                values[layer, mine] = torch.linalg.svdvals(chosen @ right[other]).sum(-1) ** 2
                if draws:
                    null[:, layer, mine] = relabelled_fits(chosen, right[other], permutations)
            there = differs(a[layer])[pairs[:, 0]] & differs(b[layer])[pairs[:, 1]]
            values[layer, ~there] = torch.nan
            null[:, layer, ~there] = torch.nan
        return MeasureScores(values, null)


def factors(gram: torch.Tensor) -> torch.Tensor:
    """float64 F [languages, K, rank] with F F' the centred ``gram`` [languages, K, K] at unit trace.

    Of a Gram matrix without its bias from noise, negative eigenvalues are left out.
    """
    values, vectors = torch.linalg.eigh(centred(gram))
    values = torch.where(values > 1e-13 * values[:, -1:], values, 0.0)
    rank = max(int((values > 0).sum(-1).max()), 1)
    weights = (values / values.sum(-1, keepdim=True).clamp_min(1e-300)).sqrt()
    return (vectors * weights[:, None])[..., -rank:]


def relabelled_fits(left: torch.Tensor, right: torch.Tensor, permutations: torch.Tensor) -> torch.Tensor:
    """float32 [P, N]: fits of ``left`` F' [N, rank, K] to relabelled ``right`` F [K, rank].

    Singular values are roots of the eigenvalues of M'M, for which LAPACK is fastest on small matrices. M is
    float32, but its square must be float64: a value below 3e-4 of the largest would be lost.
    """
    number, rank, concepts = left.shape
    other = right.shape[1]
    stacked = left.float().reshape(number * rank, concepts)
    right = right.float()
    step = max(1, WORKING // (8 * number * min(rank, other) ** 2))
    fits = torch.empty(len(permutations), number, device=left.device)
    for begin in range(0, len(permutations), step):
        some = permutations[begin : begin + step]
        products = (stacked @ right[some]).view(len(some), number, rank, other).double()
        squares = products.mT @ products if other <= rank else products @ products.mT
        singular = torch.linalg.eigvalsh(squares).clamp_min(0).sqrt()
        fits[begin : begin + len(some)] = singular.sum(-1) ** 2
    return fits
