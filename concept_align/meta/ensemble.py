"""Several classifiers that answer as one."""

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional

from .maps import Encoder


class Ensemble(nn.Module):
    """``p(k|x) = 1/M sum_m p_m(k|x)``; each learns apart.

    Lakshminarayanan et al. 2017, arXiv 1612.01474.
    """

    def __init__(self, members: Iterable[Encoder]) -> None:
        super().__init__()
        members = list(members)
        self.members, self.dim = nn.ModuleList(members), members[0].dim

    def member(self, place: int) -> Encoder:
        found = self.members[place]
        assert isinstance(found, Encoder)
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, concepts] log p(k|x), up to a constant."""
        return torch.stack([member(x).log_softmax(1) for member in self.members]).logsumexp(0)

    def loss(self, x: torch.Tensor, y: torch.Tensor, *, smoothing: float = 0.0) -> torch.Tensor:
        """The sum of the members' cross-entropies: each has the gradient it would have alone."""
        losses = [
            functional.cross_entropy(member(x), y, label_smoothing=smoothing) for member in self.members
        ]
        return torch.stack(losses).sum()
