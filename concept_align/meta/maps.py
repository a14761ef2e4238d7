"""The maps that alignment learns: f into concept space, g and A_l within it, and scores by distance.

``p(k|x) = softmax_k(-||f(x) - z_k||^2)`` (Snell et al. 2017; Xu et al. 2023). The term ``||f(x)||^2`` is
the same for all k, so the softmax is that of ``2 f(x).z_k - ||z_k||^2``: one matrix product, exact.
"""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from ..errors import LearningError


class Encoder(nn.Module):
    """f: a linear map (``hidden = 0``) or one hidden layer with LeakyReLU 0.2 and dropout; Xavier init."""

    def __init__(
        self, dim: int, rank: int, *, hidden: int, dropout: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        layers = [dim, hidden, rank] if hidden else [dim, rank]
        # Without the layers' own start, which draws from the global generator.
        self.linears = nn.ModuleList(
            nn.utils.skip_init(nn.Linear, before, after) for before, after in pairwise(layers)
        )
        self.dim, self.dropout = dim, dropout
        with torch.no_grad():
            for linear in self.linears:
                assert isinstance(linear, nn.Linear)
                nn.init.xavier_uniform_(linear.weight, generator=generator)
                linear.bias.zero_()

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, hidden]; x itself where there is no hidden layer."""
        for linear in self.linears[:-1]:
            x = functional.leaky_relu(linear(x), 0.2)
            x = functional.dropout(x, self.dropout, self.training)
        return x

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """[words, hidden] -> [words, rank]."""
        value: torch.Tensor = self.linears[-1](hidden)
        return value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, rank]."""
        return self.head(self.hidden(x))


def distance_logits(points: torch.Tensor, prototypes: torch.Tensor) -> torch.Tensor:
    """[..., words, rank], [..., concepts, rank] -> [..., words, concepts].

    ``-||point - prototype||^2`` up to a term of the point alone, which a softmax over concepts cannot see.
    """
    return 2 * points @ prototypes.transpose(-1, -2) - prototypes.square().sum(-1).unsqueeze(-2)


def masked(logits: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
    """``logits`` with -inf for concepts that are not ``valid`` (bool, [concepts])."""
    return logits if valid is None else logits.masked_fill(~valid, -torch.inf)


def class_means(
    points: torch.Tensor, labels: torch.Tensor, concepts: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean point of each class [concepts, rank] (0 where it has none) and its count [concepts]."""
    counts = torch.bincount(labels, minlength=concepts).to(points.dtype)
    sums = points.new_zeros(concepts, points.shape[1]).index_add(0, labels, points)
    return sums / counts.clamp(min=1).unsqueeze(1), counts


def valid_concepts(source: torch.Tensor, target: torch.Tensor, least: int) -> torch.Tensor:
    """bool [concepts]: those with at least ``least`` training words in both languages' counts."""
    return (source >= least) & (target >= least)


def check_finite(value: torch.Tensor, *, where: str) -> None:
    """Raise LearningError where a loss is not finite."""
    if not bool(torch.isfinite(value).all()):
        raise LearningError(
            f"the loss is {float(value.detach().sum())}",
            where=where,
            remedy="lower the learning rate, or standardise the representations (--standardise)",
        )
