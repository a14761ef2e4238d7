"""The baseline: the language's prototypes turned, scaled and moved onto those of the source language.

    p(k | x) = softmax_k(-||s R B'x + a - z_k||^2)
    s, R, a  = argmin_{R'R = I} sum_k n_k ||s R m_k + a - z_k||^2

B and z are the source probe's, m_k the mean of the n_k projected support words of k: Schoenemann (1966) with
translation and scale (Gower 1975), nothing trained. Of the maps that fit equally well (fewer concepts than
dimensions), R is the one nearest to the identity. Without support it is the source probe.
"""

from dataclasses import dataclass

import torch

from ...class_sums import mean_by_class
from ...spaces.features import Features
from ..maps import distance_logits
from ..solvers import cross, polar
from .base import Classifier
from .source_probe import ProbeAligner, ProbeBaseline


def similarity(
    points: torch.Tensor, goals: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """s [], R [rank, rank] and a [rank] from m, z [concepts, rank] and weights [concepts], one of them not 0.

    One concept says nothing of turn and scale: R is the identity, s is 1.
    """
    shares = (weights / weights.sum()).unsqueeze(-1)
    centre = (shares * points).sum(0)
    spread = (shares * (points - centre).square()).sum()
    matrix = cross(points, goals, shares.squeeze(-1), points.new_zeros(()))
    hint = 1e-9 * matrix.norm() + torch.finfo(points.dtype).tiny  # decides only what the points leave open
    rotation = polar(matrix + hint * torch.eye(len(matrix), dtype=matrix.dtype))
    told = int((weights > 0).sum()) > 1 and bool(spread > 0)
    scale = (rotation * matrix).sum() / spread if told else points.new_ones(())
    shift = (shares * goals).sum(0) - scale * rotation @ centre
    return scale, rotation, shift


class ProcrustesAligner(ProbeAligner):
    """Closed form: the seed changes nothing."""

    learner = "procrustes"

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        projection, prototypes = self.projection, self.prototypes
        weight, bias = torch.eye(projection.shape[1]), torch.zeros(projection.shape[1])
        if support is not None:
            points = (support.x @ projection).double()
            means, counts = mean_by_class(points, support.y, len(prototypes))
            scale, rotation, shift = similarity(means, prototypes.double(), counts)
            weight, bias = (scale * rotation).float(), shift.float()
        return Classifier(lambda x: distance_logits(x @ projection @ weight.T + bias, prototypes), valid)


@dataclass(frozen=True)
class Procrustes(ProbeBaseline):
    """The baseline's options."""

    name = "procrustes"
    aligner = ProcrustesAligner
