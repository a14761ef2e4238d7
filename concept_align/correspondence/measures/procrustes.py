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

import torch

from .base import Prepared, TargetwiseMeasure, centred

# Bytes of products [.., rank, rank] at once.
WORKING = 4 << 20


@dataclass(frozen=True)
class ProcrustesFit(TargetwiseMeasure):
    """Two spaces are alike if a rotation, or its mirror image, takes one on to the other."""

    name = "procrustes"

    def prepared(self, a: torch.Tensor, b: torch.Tensor, same: bool) -> tuple[Prepared, torch.Tensor]:
        left = factors(a)
        return (left.mT,), left if same else factors(b)

    def values(self, left: Prepared, right: torch.Tensor) -> torch.Tensor:
        return torch.linalg.svdvals(left[0] @ right).sum(-1) ** 2

    def null(self, left: Prepared, right: torch.Tensor, permutations: torch.Tensor) -> torch.Tensor:
        """Singular values are roots of the eigenvalues of M'M, for which LAPACK is fastest on small matrices.

        M is float32, but its square must be float64: a value below 3e-4 of the largest would be lost.
        """
        number, rank, concepts = left[0].shape
        other = right.shape[1]
        stacked = left[0].float().reshape(number * rank, concepts)
        right = right.float()
        step = max(1, WORKING // (8 * number * min(rank, other) ** 2))
        fits = torch.empty(len(permutations), number, device=right.device)
        for begin in range(0, len(permutations), step):
            some = permutations[begin : begin + step]
            products = (stacked @ right[some]).view(len(some), number, rank, other).double()
            squares = products.mT @ products if other <= rank else products @ products.mT
            singular = torch.linalg.eigvalsh(squares).clamp_min(0).sqrt()
            fits[begin : begin + len(some)] = singular.sum(-1) ** 2
        return fits


def factors(gram: torch.Tensor) -> torch.Tensor:
    """float64 F [languages, K, rank] with F F' the centred ``gram`` [languages, K, K] at unit trace.

    Of a Gram matrix without its bias from noise, negative eigenvalues are left out.
    """
    values, vectors = torch.linalg.eigh(centred(gram))
    values = torch.where(values > 1e-13 * values[:, -1:], values, 0.0)
    rank = max(int((values > 0).sum(-1).max()), 1)
    weights = (values / values.sum(-1, keepdim=True).clamp_min(1e-300)).sqrt()
    return (vectors * weights[:, None])[..., -rank:]
