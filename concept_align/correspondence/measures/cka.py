"""Debiased linear centred kernel alignment (Kornblith et al. 2019; Murphy, Zylberberg & Fyshe 2024).

    score = <U(G_A), U(G_B)> / (|U(G_A)| |U(G_B)|)

where U is centring of the off-diagonal entries alone (Székely & Rizzo 2014, definition 2), which makes the
inner product the unbiased estimate of HSIC by Song et al. (2012, equation 5). Ordinary CKA is near 1 for any
two sets of few points in many dimensions; this one has mean 0 for unrelated spaces.

The squared length of a prototype does not enter at all, so noise in it, which biases distances, does not.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch

from .triangle import Triangle, unit, upper


@dataclass(frozen=True)
class CKA(Triangle):
    """Two spaces are alike if pairs of concepts have like inner products, after centring."""

    name: ClassVar[str] = "cka"
    whitened: ClassVar[bool] = False

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
