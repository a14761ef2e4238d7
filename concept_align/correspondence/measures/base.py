"""What a measure of the likeness of two concept spaces is, and its result.

All that is asked of a space is the matrix of inner products of its prototypes [concepts, concepts], its
Gram matrix. So spaces of any dimension, and of different models, can be compared, and no measure can tell
a space from its rotation or mirror image.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int

# What may be done to one of both spaces without a change of score: what a measure is invariant to. "linear":
# any invertible map.
Invariance = Literal["rotation", "reflection", "translation", "scale", "linear"]
# What an interval is made on. "correlation": Fisher's scale, for scores from -1 (or 0) to 1. "share": as they
# are, kept in [0, 1], for precision and reciprocal ranks, which reach 1.
Scale = Literal["correlation", "share"]

Grams = Float[torch.Tensor, "layers sources concepts concepts"]
Targets = Float[torch.Tensor, "layers targets concepts concepts"]
Pairs = Int[torch.Tensor, "pairs 2"]  # rows of both
Orders = Int[torch.Tensor, "draws concepts"]
Prepared = tuple[torch.Tensor, ...]  # each [sources, ...]

# Fewer than five concepts have fewer than 120 relabellings: no p-value below 0.01 is possible.
FEWEST = 5


@dataclass(frozen=True, eq=False)
class MeasureScores:
    """Scores of pairs of spaces and of the same pairs with concepts relabelled; larger is more alike.

    A space in which nothing differs (all prototypes in one place) has no score: its values are NaN.
    """

    values: Float[torch.Tensor, "layers pairs"]  # float64
    null: Float[torch.Tensor, "permutations layers pairs"]  # float32, good to 1e-6


class Measure(ABC):
    """A similarity of two concept spaces."""

    name: str  # as users spell it, and as it stands in tables
    # What may be done to one of both spaces, whichever, without a change of score.
    invariances: frozenset[Invariance] = frozenset({"rotation", "reflection", "translation", "scale"})
    symmetric: bool = True  # the score of (a, b) is that of (b, a)
    least: int = FEWEST  # concepts needed
    whitened: bool = False  # prototypes are to be whitened by the words within concepts first
    scale: Scale = "correlation"  # that intervals of its scores are made on

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        """Why noise and structure cannot be told apart for this many concepts and dimensions, or None."""
        if concepts >= self.least:
            return None
        return f"{concepts} concepts are too few: {self.least} are needed for a p-value below 0.01"

    @abstractmethod
    def compare(self, a: Grams, b: Targets, pairs: Pairs, permutations: Orders) -> MeasureScores:
        """Scores of ``pairs`` (row of a, row of b), in every layer.

        ``a`` and ``b`` are Gram matrices (no NaN) of the same concepts in the same order; under row r of
        ``permutations`` (which may be none), concept k of a is compared with concept r[k] of b.
        """


class TargetwiseMeasure(Measure):
    """A measure that takes one target at a time, with all its sources together."""

    @abstractmethod
    def prepared(self, a: torch.Tensor, b: torch.Tensor, same: bool) -> tuple[Prepared, torch.Tensor]:
        """What is taken once of the spaces of one layer [spaces, K, K]; ``same``: a and b are one."""

    @abstractmethod
    def values(self, left: Prepared, right: torch.Tensor) -> torch.Tensor:
        """float64 [sources] scores with one target."""

    @abstractmethod
    def null(self, left: Prepared, right: torch.Tensor, permutations: torch.Tensor) -> torch.Tensor:
        """float32 [draws, sources] scores with one target's concepts relabelled."""

    def compare(self, a: Grams, b: Targets, pairs: Pairs, permutations: Orders) -> MeasureScores:
        permutations = permutations.to(a.device)
        values = torch.empty(len(a), len(pairs), dtype=torch.float64, device=a.device)
        null = torch.empty(len(permutations), len(a), len(pairs), device=a.device)
        for layer in range(len(a)):
            left, right = self.prepared(a[layer], b[layer], a is b)
            for target in pairs[:, 1].unique().tolist():
                mine = (pairs[:, 1] == target).nonzero().flatten()
                chosen = tuple(one[pairs[mine, 0]] for one in left)
                values[layer, mine] = self.values(chosen, right[target])
                if len(permutations):
                    null[:, layer, mine] = self.null(chosen, right[target], permutations)
            there = differs(a[layer])[pairs[:, 0]] & differs(b[layer])[pairs[:, 1]]
            values[layer, ~there] = torch.nan
            null[:, layer, ~there] = torch.nan
        return MeasureScores(values, null)


def centred(gram: torch.Tensor) -> torch.Tensor:
    """float64 H G H of ``gram`` [..., K, K]: inner products after the mean prototype was taken away."""
    gram = gram.double()
    rows = gram.mean(-1, keepdim=True)
    return gram - rows - rows.mT + rows.mean(-2, keepdim=True)


def differs(gram: torch.Tensor) -> torch.Tensor:
    """bool [...]: whether the prototypes of ``gram`` [..., K, K] are in more than one place."""
    spread = centred(gram).diagonal(dim1=-2, dim2=-1).sum(-1)
    size = gram.double().diagonal(dim1=-2, dim2=-1).abs().sum(-1)
    return spread > 1e-12 * size  # coordinates equal in truth differ in the last bits
