"""Retrieval of held-out concepts: is a concept where a map learned from the others says it is?

For concept k and each rival j a ridge map from a's prototypes to b's, with an unpenalised intercept, is
fitted without both, and the place it predicts for k is nearer to k's prototype or to j's. The rank of k is
one more than the rivals that are as near; the score is the share of concepts of rank 1 (p1) or the mean of
1 / rank (mrr). Leaving out k alone is not enough: a prediction is a mixture of the prototypes the map was
fitted on and so nearer to each of them than to the one it was not (hence the leave-two-out of Mitchell et al.
2008).

No map is fitted one by one. With H = 11'/K + G (G + ridge I)^-1, G a's centred Gram matrix, the prediction
for k without S = {k, j} is row k of

    (I - H_SS)^-1 H_S,rest B    (Hastie, Tibshirani & Friedman 2009, equation 7.64, for one concept)

which depends on a alone, is taken once, and needs of b its inner products only.

Nearness is the cosine after both were centred on the mean of what the map was fitted on, or cross-domain
local scaling (CSLS; Conneau et al. 2018, section 2.3), by which what is near to all is near to none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch

from .base import Prepared, TargetwiseMeasure, centred

Metric = Literal["p1", "mrr"]

# The ridge, in units of the mean eigenvalue of a's centred Gram matrix: benchmarks/README.md says how chosen.
RIDGE = 0.03
# Predictions near to a prototype whose mean cosine CSLS takes away; 10 in the paper, of 200,000 words.
NEIGHBOURS = 3
# Relabellings at once, and bytes of one [K, maps, K, relabellings] at once.
TOGETHER, WORKING = 64, 4 << 20


@dataclass(frozen=True)
class Retrieval(TargetwiseMeasure):
    """Two spaces are alike if a map learned from some concepts finds the others."""

    metric: Metric = "p1"
    csls: bool = False
    ridge: float = RIDGE
    scale = "share"
    symmetric = False

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"retrieval-{self.metric}{'-csls' if self.csls else ''}"

    def prepared(self, a: torch.Tensor, b: torch.Tensor, same: bool) -> tuple[Prepared, torch.Tensor]:
        hat = hats(a, self.ridge)
        return (leave_one_out(hat), leave_two_out(hat)), unit_trace(b)

    def values(self, left: Prepared, right: torch.Tensor) -> torch.Tensor:
        itself = torch.arange(len(right), device=right.device)[None]
        return self._scores(left[0], left[1], right, itself)[0]

    def null(self, left: Prepared, right: torch.Tensor, permutations: torch.Tensor) -> torch.Tensor:
        return self._scores(left[0].float(), left[1].float(), right.float(), permutations).float()

    def _scores(
        self, single: torch.Tensor, maps: torch.Tensor, gram: torch.Tensor, permutations: torch.Tensor
    ) -> torch.Tensor:
        """float64 [P, N]: scores of ``maps`` [N, K, K, K] into the relabelled ``gram`` [K, K]."""
        scores = torch.empty(len(permutations), len(maps), dtype=torch.float64, device=maps.device)
        for some in _runs(len(permutations), TOGETHER):
            relabelled = gram[permutations[some][:, :, None], permutations[some][:, None, :]]
            size = maps.element_size() * maps[0, 0].numel() * len(relabelled)
            for few in _runs(len(maps), WORKING // size):
                truth, rival = products(maps[few], relabelled)
                if self.csls:
                    length = predicted_lengths(single[few], relabelled)
                    truth, rival = scaled(truth / length, rival / length)
                rank = places(truth, rival)
                found = (rank == 1).double() if self.metric == "p1" else 1 / rank.double()
                scores[some, few] = found.mean(0).T
        return scores


def hats(gram: torch.Tensor, ridge: float = RIDGE) -> torch.Tensor:
    """float64 H [A, K, K] of ``gram`` [A, K, K]: H B is what is fitted to B.

    Of a Gram matrix without its bias from noise, negative eigenvalues are left out.
    """
    concepts = gram.shape[-1]
    values, vectors = torch.linalg.eigh(centred(gram))
    values = values.clamp_min(0)
    penalty = ridge * values.sum(-1, keepdim=True).clamp_min(1e-300) / (concepts - 1)
    return 1 / concepts + (vectors * (values / (values + penalty))[:, None]) @ vectors.mT


def leave_one_out(hat: torch.Tensor) -> torch.Tensor:
    """[A, K, K] of H [A, K, K]: row k times B is what is predicted for k without k.

    It is less the mean of the rest, so each row sums to zero; entry k is zero.
    """
    concepts = hat.shape[-1]
    free = 1 - hat.diagonal(dim1=-2, dim2=-1)
    rest = 1 - torch.eye(concepts, dtype=hat.dtype, device=hat.device)
    return (hat / free[..., None] - 1 / (concepts - 1)) * rest


def leave_two_out(hat: torch.Tensor) -> torch.Tensor:
    """[A, K, K, K] of H [A, K, K]: row (k, j) times B is what is predicted for k without k and j.

    It is less the mean of the rest, so each row sums to zero; entries k and j, and rows (k, k), are zero.
    """
    concepts = hat.shape[-1]
    rest = 1 - torch.eye(concepts, dtype=hat.dtype, device=hat.device)
    free = 1 - hat.diagonal(dim1=-2, dim2=-1)
    # The first row of the inverse of the 2 x 2 matrix I - H_SS, times H_S.
    determinant = (free[:, :, None] * free[:, None, :] - hat**2)[..., None]
    maps = (free[:, None, :, None] * hat[:, :, None, :] + hat[..., None] * hat[:, None]) / determinant
    maps = (maps - 1 / (concepts - 2)) * (rest[:, None, :] * rest[None, :, :])
    return torch.where(rest[:, :, None] > 0, maps, 0.0)


def products(maps: torch.Tensor, gram: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """[K, N, K, P] twice: prediction for k without k and j, times k's direction, and times j's.

    Of centred ``gram`` [P, K, K]. Directions have unit length and are centred on m, the mean of the rest:
    c_k - m = c_k + (c_k + c_j) / (K - 2), where all c sum to zero. To be cosines they lack the length of the
    prediction, which is the same in both.
    """
    number, concepts = len(maps), gram.shape[-1]
    away = 1 / (concepts - 2)
    by_concept = gram.permute(2, 1, 0)  # [K, K, P]: all relabellings are one matrix product per concept
    truth = maps.transpose(0, 1).reshape(concepts, -1, concepts) @ by_concept
    rival = maps.permute(2, 0, 1, 3).reshape(concepts, -1, concepts) @ by_concept
    truth = truth.view(concepts, number, concepts, -1)  # [k, N, j, P]
    rival = rival.view(concepts, number, concepts, -1).transpose(0, 2)  # from [j, N, k, P]
    own = gram.diagonal(dim1=-2, dim2=-1)
    squared = (1 + away) ** 2 * own[:, :, None] + away**2 * own[:, None, :] + 2 * away * (1 + away) * gram
    inverse = squared.clamp_min(torch.finfo(gram.dtype).eps ** 2).rsqrt().permute(1, 2, 0)[:, None]
    both = away * (truth + rival)
    return (truth + both) * inverse, (rival + both) * inverse.transpose(0, 2)


def predicted_lengths(maps: torch.Tensor, gram: torch.Tensor) -> torch.Tensor:
    """[K, N, 1, P] of ``maps`` [N, K, K]: the lengths of what is predicted for each k without k alone.

    Without a rival too it is about the same, and would take K times as long for all rivals.
    """
    squared = ((maps @ gram[:, None]) * maps).sum(-1)  # [P, N, K]
    return squared.clamp_min(torch.finfo(gram.dtype).eps ** 2).sqrt().permute(2, 1, 0)[:, :, None]


def scaled(truth: torch.Tensor, rival: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """CSLS of (all but) cosines [K, N, K, P]: 2 cos(x, y) - r(y), r(y) the mean of y's nearest predictions.

    Those are predictions for other concepts, without y. The term of the prediction is the same in both.
    """
    concepts = len(rival)
    others = rival.masked_fill(torch.eye(concepts, dtype=torch.bool)[:, None, :, None], -torch.inf)
    near = others.topk(min(NEIGHBOURS, concepts - 1), dim=0).values.mean(0)  # [N, j, P]
    return 2 * truth - near.transpose(0, 1)[:, :, None], 2 * rival - near


def places(truth: torch.Tensor, rival: torch.Tensor) -> torch.Tensor:
    """int64 [K, N, P]: the place of each concept among all, from 1. A tie is lost; k = j is one."""
    return (rival >= truth).sum(2)


def unit_trace(gram: torch.Tensor) -> torch.Tensor:
    """Centred ``gram`` [B, K, K] at unit trace, so that float32 holds it at any scale."""
    gram = centred(gram)
    return gram / gram.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None].clamp_min(1e-300)


def _runs(number: int, step: int) -> Iterator[slice]:
    """Runs of ``step``, at least one, that make up ``number``."""
    step = max(1, step)
    return (slice(begin, min(begin + step, number)) for begin in range(0, number, step))
