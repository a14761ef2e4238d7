"""What gradient-based learners adapt: words to points, points to aligned points, distances to prototypes.

    p(k | x) = softmax_k(-||A f(x) + a - z_k||^2)

f is a linear map or has one hidden layer; A starts as the identity; z_k are learned points of one space that
all languages share. For a new language either the map (A, a), or the head (the last layer of f), or all of f
is adapted, always from the learned start.
"""

from typing import Literal, get_args

import torch
from torch import nn
from torch.nn import functional

from .maps import Encoder, distance_logits

Adapts = Literal["map", "head", "all of f"]
ADAPTS: tuple[Adapts, ...] = get_args(Adapts)


class AlignmentModel(nn.Module):
    """f, the map (A, a) and the prototypes z."""

    def __init__(self, encoder: Encoder, rank: int, concepts: int, generator: torch.Generator) -> None:
        super().__init__()
        self.f = encoder
        self.weight = nn.Parameter(torch.eye(rank))
        self.bias = nn.Parameter(torch.zeros(rank))
        self.prototypes = nn.Parameter(torch.randn(concepts, rank, generator=generator) * rank**-0.5)

    def points(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, rank]: A f(x) + a."""
        return functional.linear(self.f(x), self.weight, self.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, concepts]: logits, up to a constant of each word."""
        return distance_logits(self.points(x), self.prototypes)


def adapted_names(model: AlignmentModel, adapts: Adapts) -> tuple[str, ...]:
    """The names of the parameters that a language's own words change."""
    if adapts == "map":
        return ("weight", "bias")
    head = f"f.linears.{len(model.f.linears) - 1}."
    return tuple(
        name for name, _ in model.named_parameters() if name.startswith(head if adapts == "head" else "f.")
    )
