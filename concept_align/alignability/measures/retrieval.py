"""Retrieval of a held-out concept: is it where a map learned from the others says?

For each concept k a ridge map from a's prototypes to b's, with an unpenalised intercept, is fitted without k,
and b's prototypes are sorted by their likeness to the place predicted for k. With M = G (G + ridge I)^-1 of
a's centred Gram matrix G, the hat matrix is H = 11'/K + M, and the predictions for all concepts at once are

    W B    with    W_kj = H_kj / (1 - H_kk) for j != k, 0 for j = k

(the leave-one-out identity of linear smoothers: Hastie, Tibshirani & Friedman 2009, equation 7.64).
W depends on a alone and is taken once; what is sought in B needs B's inner products only.

Likeness is the cosine after both were centred on the mean of the concepts the map was fitted on, or its
cross-domain local scaling (CSLS; Conneau et al. 2018, section 2.3), by which a prototype near to everything
is near to nothing. A tie with the concept sought is a miss.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from .base import FEWEST, Compared, Invariance, centred, differs, too_few

Metric = Literal["p1", "mrr"]

# The ridge, in units of the mean eigenvalue of a's centred Gram matrix: benchmarks/README.md says how chosen.
RIDGE = 0.1
# Neighbours whose mean cosine CSLS takes away; 10 in the paper, for vocabularies of 200,000.
NEIGHBOURS = 3
# Bytes of likenesses [.., K, K] at once.
WORKING = 4 << 20


@dataclass(frozen=True)
class Retrieval:
    """Two spaces are alike if a map learned from some concepts finds the others."""

    metric: Metric = "p1"
    csls: bool = False
    ridge: float = RIDGE
    whitened: ClassVar[bool] = False
    symmetric: ClassVar[bool] = False
    least: ClassVar[int] = FEWEST
    invariances: ClassVar[frozenset[Invariance]] = frozenset(
        {"rotation", "reflection", "translation", "scale"}
    )

    @property
    def name(self) -> str:
        return f"retrieval-{self.metric}{'-csls' if self.csls else ''}"

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        return too_few(concepts, self.least)

    def compare(
        self, a: torch.Tensor, b: torch.Tensor, pairs: torch.Tensor, permutations: torch.Tensor
    ) -> Compared:
        """See :class:`Measure`."""
        layers, draws, concepts = len(a), len(permutations), a.shape[-1]
        permutations = permutations.to(a.device)
        itself = torch.arange(concepts, device=a.device)[None]
        values = torch.empty(layers, len(pairs), dtype=torch.float64, device=a.device)
        null = torch.empty(draws, layers, len(pairs), device=a.device)
        for layer in range(layers):
            maps, right = leave_one_out(a[layer], self.ridge), _unit(b[layer])
            for other in pairs[:, 1].unique().tolist():
                mine = (pairs[:, 1] == other).nonzero().flatten()
                chosen = maps[pairs[mine, 0]]
                values[layer, mine] = self._scores(chosen, right[other], itself)[0]
                if draws:
                    scores = self._scores(chosen.float(), right[other].float(), permutations)
                    null[:, layer, mine] = scores.float()
            there = differs(a[layer])[pairs[:, 0]] & differs(b[layer])[pairs[:, 1]]
            values[layer, ~there] = torch.nan
            null[:, layer, ~there] = torch.nan
        return Compared(values, null)

    def _scores(self, maps: torch.Tensor, gram: torch.Tensor, permutations: torch.Tensor) -> torch.Tensor:
        """[P, N]: scores of ``maps`` [N, K, K] into the relabelled ``gram`` [K, K]."""
        scores = []
        for some in _chunks(permutations, 4 * maps.element_size() * maps.numel()):
            relabelled = gram[some[:, :, None], some[:, None, :]]
            cosine = cosines(maps, relabelled)
            rank = places_of_truth(csls(cosine) if self.csls else cosine)
            scores.append(((rank == 1).double() if self.metric == "p1" else 1 / rank.double()).mean(-1))
        return torch.cat(scores)


def leave_one_out(gram: torch.Tensor, ridge: float = RIDGE) -> torch.Tensor:
    """float64 W - N [A, K, K] of ``gram`` [A, K, K]; row k of N takes the mean of all concepts but k.

    So each row sums to zero: a prediction, less the mean of the concepts the map was fitted on.
    """
    concepts = gram.shape[-1]
    gram = centred(gram)
    one = torch.eye(concepts, dtype=gram.dtype, device=gram.device)
    mean = gram.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None] / (concepts - 1)
    penalty = ridge * mean.clamp_min(1e-300)
    hat = 1 / concepts + torch.linalg.solve(gram + penalty * one, gram)
    own = hat.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    return (hat / (1 - own) - 1 / (concepts - 1)) * (1 - one)


def cosines(maps: torch.Tensor, gram: torch.Tensor) -> torch.Tensor:
    """[P, N, K, K] cosines of predictions (rows) and b's prototypes, of centred ``gram`` [P, K, K].

    Both are centred on m_k, the mean of all of b's prototypes but k's: c_j - m_k = c_j + c_k / (K - 1) where
    the c sum to zero.
    """
    concepts, number = gram.shape[-1], len(maps)
    away = 1 / (concepts - 1)
    # All maps are one tall matrix: [N K, K] @ [P, K, K].
    found = (maps.reshape(-1, concepts) @ gram).view(len(gram), number, concepts, concepts)
    products = found + away * found.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    own = gram.diagonal(dim1=-2, dim2=-1)
    lengths = (own[:, None, :] + 2 * away * gram + away**2 * own[:, :, None]).clamp_min(0).sqrt()
    predicted = (found * maps).sum(-1, keepdim=True).clamp_min(0).sqrt()
    tiny = torch.finfo(gram.dtype).tiny ** 0.5
    return products / (lengths.unsqueeze(1) * predicted).clamp_min(tiny)


def csls(cosine: torch.Tensor, neighbours: int = NEIGHBOURS) -> torch.Tensor:
    """2 cos(x, y) - r(y) of ``cosine`` [..., K, K], r(y) the mean cosine of y and its nearest predictions.

    The other term, of the prediction x, is the same for all y and changes no order.
    """
    near = cosine.topk(min(neighbours, cosine.shape[-2]), dim=-2).values.mean(-2, keepdim=True)
    return 2 * cosine - near


def places_of_truth(likeness: torch.Tensor) -> torch.Tensor:
    """int64 [..., K]: at which place row k of ``likeness`` [..., K, K] has concept k, from 1."""
    truth = likeness.diagonal(dim1=-2, dim2=-1).unsqueeze(-1)
    return (likeness >= truth).sum(-1)


def _unit(gram: torch.Tensor) -> torch.Tensor:
    """Centred ``gram`` [B, K, K] at unit trace, so that float32 holds it at any scale."""
    gram = centred(gram)
    return gram / gram.diagonal(dim1=-2, dim2=-1).sum(-1)[:, None, None].clamp_min(1e-300)


def _chunks(permutations: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Runs of ``permutations`` of which ``size`` bytes each fit in the working memory."""
    step = max(1, WORKING // size)
    return (permutations[begin : begin + step] for begin in range(0, len(permutations), step))
