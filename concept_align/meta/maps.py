"""The maps that alignment learns: f into concept space, maps within it, and scores by distance.

``p(k|x) = softmax_k(-||f(x) - z_k||^2)`` (Snell et al. 2017; Xu et al. 2023). The term ``||f(x)||^2`` is
the same for all k, so the softmax is that of ``2 f(x).z_k - ||z_k||^2``: one matrix product, exact.
"""

from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import nn
from torch.nn import functional

Adapts = Literal["map", "head", "all of f"]
ADAPTS: tuple[Adapts, ...] = get_args(Adapts)


class Dropout(nn.Module):
    """Dropout of single numbers, from a generator of its own.

    Masks are threshold comparisons of random 16-bit numbers, some twenty times as fast as
    ``torch.nn.functional.dropout`` on a CPU; the rate is met to 1 / 65536.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.threshold = round(rate * 65536)
        self.scale = 65536 / (65536 - self.threshold)
        self.reseed(0)

    def reseed(self, seed: int) -> None:
        """Draw from the beginning of the stream of ``seed``."""
        self.generator = np.random.Generator(np.random.SFC64(seed))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.threshold:
            return x
        drawn = np.frombuffer(self.generator.bytes(2 * x.numel()), dtype=np.uint16)
        factors = (drawn >= self.threshold).astype(np.float32) * np.float32(self.scale)
        return x * torch.from_numpy(factors).view(x.shape).to(x)


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
        self.dim, self.dropout = dim, Dropout(dropout)
        with torch.no_grad():
            for linear in self.linears:
                assert isinstance(linear, nn.Linear)
                nn.init.xavier_uniform_(linear.weight, generator=generator)
                linear.bias.zero_()

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, hidden]; x itself where there is no hidden layer."""
        for linear in self.linears[:-1]:
            x = self.dropout(functional.leaky_relu(linear(x), 0.2))
        return x

    def head(self, hidden: torch.Tensor) -> torch.Tensor:
        """[words, hidden] -> [words, rank]."""
        value: torch.Tensor = self.linears[-1](hidden)
        return value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, rank]."""
        return self.head(self.hidden(x))


def distance_logits(
    points: Float[torch.Tensor, "*tasks words rank"], prototypes: Float[torch.Tensor, "... concepts rank"]
) -> Float[torch.Tensor, "*tasks words concepts"]:
    """``-||point - prototype||^2`` up to a term of the point alone, to which a softmax is invariant."""
    return 2 * points @ prototypes.transpose(-1, -2) - prototypes.square().sum(-1).unsqueeze(-2)


class AlignmentModel(nn.Module):
    """What gradient-based learners adapt: words to points, points to aligned points, then distances.

        p(k | x) = softmax_k(-||A f(x) + a - z_k||^2)

    f is a linear map or has one hidden layer; A starts as the identity; z_k are learned points of one space
    that all languages share. For a new language either the map (A, a), or the head (the last layer of f), or
    all of f is adapted, always from the learned start.
    """

    def __init__(self, encoder: Encoder, rank: int, concepts: int, generator: torch.Generator) -> None:
        super().__init__()
        self.f = encoder
        self.weight = nn.Parameter(torch.eye(rank))
        self.bias = nn.Parameter(torch.zeros(rank))
        self.prototypes = nn.Parameter(torch.randn(concepts, rank, generator=generator) * rank**-0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, concepts]: logits, up to a constant of each word."""
        return distance_logits(functional.linear(self.f(x), self.weight, self.bias), self.prototypes)


def adapted_names(model: AlignmentModel, adapts: Adapts) -> tuple[str, ...]:
    """The names of the parameters that a language's own words change."""
    if adapts == "map":
        return ("weight", "bias")
    head = f"f.linears.{len(model.f.linears) - 1}."
    return tuple(
        name for name, _ in model.named_parameters() if name.startswith(head if adapts == "head" else "f.")
    )


def masked(
    logits: Float[torch.Tensor, "*words concepts"], valid: Bool[torch.Tensor, " concepts"] | None
) -> Float[torch.Tensor, "*words concepts"]:
    """``logits`` with -inf for concepts that are not ``valid``."""
    return logits if valid is None else logits.masked_fill(~valid, -torch.inf)


def valid_concepts(
    source: Int[torch.Tensor, " concepts"], target: Int[torch.Tensor, " concepts"], least: int
) -> Bool[torch.Tensor, " concepts"]:
    """Those with at least ``least`` training words in both languages' counts."""
    return (source >= least) & (target >= least)


def rounded_up(number: int, multiple: int) -> int:
    """The least multiple of ``multiple`` that is at least ``number``.

    oneDNN compiles a kernel for every new shape of a product, which takes longer than the product: numbers
    of words are padded, so that there are few of them.
    """
    return -(-number // multiple) * multiple
