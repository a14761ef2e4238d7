"""States brought to zero mean and unit variance in each dimension, from unlabelled words.

A few dimensions of some models' states are hundreds of times larger than the rest and drown distances.

    h -> (h - m) / s        differences of states, being differences:  x -> x / s
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Float32

from ..errors import LearningError

# A dimension that varies less than this share of the typical one carries nothing but rounding.
FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Mean and scale of each dimension, and what they were taken from."""

    mean: Float32[torch.Tensor, " dim"]
    scale: Float32[torch.Tensor, " dim"]  # positive
    words: int
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def states(self, x: Float[torch.Tensor, "words dim"]) -> Float[torch.Tensor, "words dim"]:
        """Standardised states of words."""
        return (x - self.mean) / self.scale


class StandardiserFitter:
    """Sums and sums of squares about the first batch's mean (float64, so that nothing cancels)."""

    def __init__(self, dim: int) -> None:
        self.dim, self.words = dim, 0
        self.shift: torch.Tensor | None = None
        self.sums = torch.zeros(dim, dtype=torch.float64)
        self.squares = torch.zeros(dim, dtype=torch.float64)

    def update(self, states: Float[torch.Tensor, "words dim"], chunk: int = 16384) -> "StandardiserFitter":
        """Add the states of words, of any float dtype."""
        for begin in range(0, len(states), chunk):
            part = states[begin : begin + chunk].double()
            if self.shift is None:
                self.shift = part.mean(0)
            part = part - self.shift
            self.sums += part.sum(0)
            self.squares += part.square().sum(0)
        self.words += len(states)
        return self

    def finish(self, provenance: Mapping[str, Any] | None = None) -> Standardiser:
        """Mean and standard deviation; a dimension that does not vary is left unscaled."""
        if self.shift is None or self.words < 2:
            raise LearningError(
                f"{self.words} words are too few for a mean and a scale", remedy="let standardise be none"
            )
        mean = self.sums / self.words
        scale = (self.squares / self.words - mean.square()).clamp(min=0).sqrt()
        flat = scale <= FLOOR * scale.median().clamp(min=torch.finfo(torch.float64).tiny)
        scale = torch.where(flat, torch.ones_like(scale), scale)
        return Standardiser((mean + self.shift).float(), scale.float(), self.words, dict(provenance or {}))


def fit_layers(layers: Sequence[Iterable[torch.Tensor]], about: Mapping[str, Any]) -> Standardiser:
    """Mean and scale of layers that stand side by side; of each layer the states [words, dim] in parts."""
    fitted = []
    for parts in layers:
        fitter: StandardiserFitter | None = None
        for states in parts:
            fitter = (fitter or StandardiserFitter(states.shape[1])).update(states)
        fitted.append((fitter or StandardiserFitter(0)).finish())
    mean, scale = torch.cat([one.mean for one in fitted]), torch.cat([one.scale for one in fitted])
    return Standardiser(mean, scale, fitted[0].words, about)


def typical(standardisers: Sequence[Standardiser], about: Mapping[str, Any]) -> Standardiser:
    """What is to be expected of a language not seen: the mean of the languages' means, and of their variances
    (those within a language: that their means differ makes none of them wider)."""
    mean = torch.stack([one.mean.double() for one in standardisers]).mean(0)
    variance = torch.stack([one.scale.double().square() for one in standardisers]).mean(0)
    words = sum(one.words for one in standardisers)
    return Standardiser(mean.float(), variance.sqrt().float(), words, dict(about))


def shrunk(own: Standardiser, expected: Standardiser, enough: int) -> Standardiser:
    """``own``, from fewer words than ``enough``, drawn towards what is ``expected``.

        m = w m_own + (1 - w) m_expected,   s^2 likewise,   w = min(1, words / enough)

    So a language with ``enough`` words or more has its own mean and scale.
    """
    share = min(1.0, own.words / enough)
    mean = torch.lerp(expected.mean, own.mean, share)
    scale = torch.lerp(expected.scale.square(), own.scale.square(), share).sqrt()
    about = {**own.provenance, "share": share, "expected": dict(expected.provenance)}
    return own if share == 1 else Standardiser(mean, scale, own.words, about)
