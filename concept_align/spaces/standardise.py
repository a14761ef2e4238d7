"""States brought to zero mean and unit variance in each dimension, from unlabelled words.

A few dimensions of some models' states are hundreds of times larger than the rest and drown distances.

    h -> (h - m) / s        differences of states, being differences:  x -> x / s
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch

from ..errors import LearningError

Standardisation = Literal["none", "global", "language"]
STANDARDISATIONS: tuple[Standardisation, ...] = get_args(Standardisation)

# A dimension that varies less than this share of the typical one carries nothing but rounding.
FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Mean and scale of each dimension, and what they were taken from."""

    mean: torch.Tensor  # float32 [dim]
    scale: torch.Tensor  # float32 [dim], positive
    words: int
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def states(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] standardised states of words."""
        return (x - self.mean) / self.scale

    def differences(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] the difference of standardised states, given the difference of raw ones."""
        return x / self.scale


class StandardiserFitter:
    """Sums and sums of squares about the first batch's mean (float64, so that nothing cancels)."""

    def __init__(self, dim: int) -> None:
        self.dim, self.words = dim, 0
        self.shift: torch.Tensor | None = None
        self.sums = torch.zeros(dim, dtype=torch.float64)
        self.squares = torch.zeros(dim, dtype=torch.float64)

    def update(self, states: torch.Tensor, chunk: int = 16384) -> "StandardiserFitter":
        """Add the states [words, dim] of words, of any float dtype."""
        for begin in range(0, len(states), chunk):
            part = states[begin : begin + chunk].double()
            if self.shift is None:
                self.shift = part.mean(0)
            part = part - self.shift
            self.sums += part.sum(0)
            self.squares += part.square().sum(0)
        self.words += len(states)
        return self

    def merge(self, other: "StandardiserFitter") -> "StandardiserFitter":
        """Add what ``other`` has seen."""
        if other.shift is None:
            return self
        if self.shift is None:
            self.shift = other.shift
        move = other.shift - self.shift
        self.squares += other.squares + 2 * move * other.sums + other.words * move.square()
        self.sums += other.sums + other.words * move
        self.words += other.words
        return self

    def finish(self, provenance: Mapping[str, Any] | None = None) -> Standardiser:
        """Mean and standard deviation; a dimension that does not vary is left unscaled."""
        if self.shift is None or self.words < 2:
            raise LearningError(
                f"{self.words} words are too few for a mean and a scale", remedy="use --standardise none"
            )
        mean = self.sums / self.words
        scale = (self.squares / self.words - mean.square()).clamp(min=0).sqrt()
        flat = scale <= FLOOR * scale.median().clamp(min=torch.finfo(torch.float64).tiny)
        scale = torch.where(flat, torch.ones_like(scale), scale)
        return Standardiser((mean + self.shift).float(), scale.float(), self.words, dict(provenance or {}))
