"""Representational similarity analysis (Kriegeskorte, Mur & Bandettini 2008).

    score = correlation of d_ij(A) and d_ij(B) over the pairs of concepts i < j

Distances are Euclidean, d_ij^2 = g_ii + g_jj - 2 g_ij, or cosine, d_ij = 1 - g_ij / sqrt(g_ii g_jj). The
correlation is Spearman's (ties at their average rank), Pearson's, or the cosine of the two vectors of
distances. Mahalanobis distances are Euclidean between whitened prototypes.
"""

from dataclasses import dataclass
from typing import Literal

import torch

from .base import Invariance, Measure, Triangle, unit, upper

Correlation = Literal["spearman", "pearson", "cosine"]
Distance = Literal["euclidean", "cosine", "mahalanobis"]


@dataclass(frozen=True)
class RSA(Triangle):
    """Two spaces are alike if concepts near to each other in one are near in the other."""

    correlation: Correlation = "spearman"
    distance: Distance = "euclidean"

    @property
    def name(self) -> str:  # type: ignore[override]
        correlation = "" if self.correlation == "spearman" else f"-{self.correlation}"
        distance = "" if self.distance == "euclidean" else f"/{self.distance}"
        return f"rsa{correlation}{distance}"

    @property
    def whitened(self) -> bool:  # type: ignore[override]
        return self.distance == "mahalanobis"

    @property
    def invariances(self) -> frozenset[Invariance]:  # type: ignore[override]
        """Angles are seen from the origin: they change when the space is moved."""
        return Measure.invariances - ({"translation"} if self.distance == "cosine" else set())

    def vectors(self, gram: torch.Tensor) -> torch.Tensor:
        distances = cosine_distances(gram) if self.distance == "cosine" else euclidean_distances(gram)
        if self.correlation == "spearman":
            distances = ranks(distances)
        return unit(distances, centre=self.correlation != "cosine")


def euclidean_distances(gram: torch.Tensor) -> torch.Tensor:
    """[..., entries] of ``gram`` [..., K, K].

    A squared distance without its bias from noise can be negative: it keeps its sign, and so its order.
    """
    rows, columns = upper(gram.shape[-1])
    own = gram.diagonal(dim1=-2, dim2=-1)
    squared = own[..., rows] + own[..., columns] - 2 * gram[..., rows, columns]
    return squared.sign() * squared.abs().sqrt()


def cosine_distances(gram: torch.Tensor) -> torch.Tensor:
    """[..., entries] of ``gram`` [..., K, K]; NaN for a prototype without length."""
    rows, columns = upper(gram.shape[-1])
    length = gram.diagonal(dim1=-2, dim2=-1).sqrt()
    return 1 - gram[..., rows, columns] / (length[..., rows] * length[..., columns])


def ranks(vectors: torch.Tensor) -> torch.Tensor:
    """Ranks from 1 along the last axis, ties at their average; NaN has no rank."""
    ordered, order = vectors.sort(-1)
    places = torch.arange(1, vectors.shape[-1] + 1, dtype=vectors.dtype, device=vectors.device)
    ranked = torch.empty_like(ordered).scatter_(-1, order, places.expand_as(ordered))
    # NaN sorts last. Distances seldom tie, and two searches take three times as long as the sort.
    odd = (ordered[..., 1:] == ordered[..., :-1]).any(-1) | ordered[..., -1].isnan()
    if odd.any():
        ranked[odd] = _averaged(ordered[odd], vectors[odd])
    return ranked


def _averaged(ordered: torch.Tensor, vectors: torch.Tensor) -> torch.Tensor:
    """Half the sum of first and last place of each of ``vectors`` [rows, entries] in its ``ordered`` row."""
    vectors = vectors.contiguous()
    first = torch.searchsorted(ordered, vectors)
    after = torch.searchsorted(ordered, vectors, right=True)
    return torch.where(vectors.isnan(), torch.nan, (first + after + 1).to(vectors.dtype) / 2)
