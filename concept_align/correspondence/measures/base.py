"""What a measure of the likeness of two concept spaces is: one protocol and its result.

All that is asked of a space is the matrix of inner products of its prototypes [concepts, concepts], its
Gram matrix. So spaces of any dimension, and of different models, can be compared, and no measure can tell
a space from its rotation or mirror image.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from jaxtyping import Float, Int

# What may be done to one of both spaces without a change of score: what a measure is invariant to. "linear":
# any invertible map.
Invariance = Literal["rotation", "reflection", "translation", "scale", "linear"]
# What an interval is made on. "correlation": Fisher's scale, for scores from -1 (or 0) to 1. "share": as they
# are, kept in [0, 1], for precision and reciprocal ranks, which reach 1.
Scale = Literal["correlation", "share"]

# Fewer than five concepts have fewer than 120 relabellings: no p-value below 0.01 is possible.
FEWEST = 5


@dataclass(frozen=True, eq=False)
class MeasureScores:
    """Scores of pairs of spaces and of the same pairs with concepts relabelled; larger is more alike.

    A space in which nothing differs (all prototypes in one place) has no score: its values are NaN.
    """

    values: Float[torch.Tensor, "layers pairs"]  # float64
    null: Float[torch.Tensor, "permutations layers pairs"]  # float32, good to 1e-6


class Measure(Protocol):
    """A similarity of two concept spaces."""

    @property
    def name(self) -> str:
        """As users spell it, and as it stands in tables."""
        ...

    @property
    def invariances(self) -> frozenset[Invariance]:
        """What may be done to one of both spaces, whichever, without a change of score."""
        ...

    @property
    def symmetric(self) -> bool:
        """Whether the score of (a, b) is that of (b, a)."""
        ...

    @property
    def least(self) -> int:
        """Concepts needed at least."""
        ...

    @property
    def whitened(self) -> bool:
        """Whether prototypes are to be whitened by the words within concepts before they are multiplied."""
        ...

    @property
    def scale(self) -> Scale:
        """The scale that intervals of its scores are made on."""
        ...

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        """Why noise and structure cannot be told apart for this many concepts and dimensions, or None."""
        ...

    def compare(
        self,
        a: Float[torch.Tensor, "layers sources concepts concepts"],
        b: Float[torch.Tensor, "layers targets concepts concepts"],
        pairs: Int[torch.Tensor, "pairs 2"],
        permutations: Int[torch.Tensor, "draws concepts"],
    ) -> MeasureScores:
        """Scores of ``pairs`` (row of a, row of b), in every layer.

        ``a`` and ``b`` are Gram matrices (no NaN) of the same concepts in the same order; under row r of
        ``permutations`` (which may be none), concept k of a is compared with concept r[k] of b.
        """
        ...


def too_few(concepts: int, least: int) -> str | None:
    """The reason for fewer concepts than ``least``, or None."""
    if concepts >= least:
        return None
    return f"{concepts} concepts are too few: {least} are needed for a p-value below 0.01"


def fills(concepts: int, dims: tuple[int, int]) -> str | None:
    """The reason of a measure that is invariant to any linear map for spaces too wide for the concepts, or
    None.

    K centred prototypes span at most K - 1 dimensions. If one of both spaces has them all, a linear map
    takes it to any other exactly.
    """
    widest = max(dims)
    if concepts - 1 > widest:
        return None
    return (
        f"{concepts} concepts in {widest} dimensions can be mapped on to anything: the score is 1 for noise"
    )


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
