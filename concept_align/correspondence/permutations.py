"""The null of a similarity: the same scores after the concepts of one language were relabelled at random.

    p = (1 + #{null >= value}) / (1 + P)

The identity counts as one relabelling, so p is valid for every P and never zero (Phipson & Smyth 2010).
"""

from dataclasses import dataclass

import numpy as np
import torch

from ..seeding import stream

# Null scores are float32 and good to 1e-6; a score that is equal in truth must count as as large.
TOLERANCE = 2e-6


@dataclass(frozen=True, eq=False)
class Significance:
    """How scores stand to their null; NaN where there is no value or no relabelling."""

    p: torch.Tensor  # float64 [layers, pairs]
    mean: torch.Tensor  # float64 [layers, pairs] of the null
    sd: torch.Tensor  # float64 [layers, pairs] of the null
    z: torch.Tensor  # float64 [layers, pairs] (value - mean) / sd


def permutations(concepts: int, number: int, seed: int = 0) -> torch.Tensor:
    """int64 [number, concepts]: random relabellings, each row an order of the concepts.

    They depend on the seed and the number of concepts alone and the first n are the same for every
    ``number >= n``, so all pairs that share a set of concepts are compared under the same relabellings.
    """
    random = stream(seed, "relabelling", concepts)
    places = np.tile(np.arange(concepts), (number, 1))
    return torch.from_numpy(random.permuted(places, axis=1))


def p_values(values: torch.Tensor, null: torch.Tensor) -> Significance:
    """Significance of ``values`` [...] float64 against ``null`` [P, ...], one-sided: larger is more alike."""
    draws = len(null)
    nothing = torch.full_like(values, torch.nan)
    if draws == 0:
        return Significance(nothing, nothing, nothing, nothing)
    # Compared in float64 row by row: a float64 copy of the whole null would be twice its size.
    total, large = torch.zeros_like(values), torch.zeros_like(values)
    for row in null:
        total += row
        large += row >= values - TOLERANCE
    mean = total / draws
    squares = torch.zeros_like(values)
    for row in null:
        squares += (row - mean) ** 2
    sd = (squares / (draws - 1)).sqrt() if draws > 1 else nothing
    p = torch.where(values.isfinite(), (1 + large) / (1 + draws), nothing)
    z = torch.where(sd > 0, (values - mean) / sd, nothing)
    return Significance(p, mean, sd, z)
