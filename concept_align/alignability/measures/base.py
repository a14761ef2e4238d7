"""What a measure of the likeness of two concept spaces is: one protocol and its result.

All that is asked of a space is the matrix of inner products of its prototypes [concepts, concepts], its
Gram matrix. So spaces of any dimension, and of different models, can be compared, and no Gram measure can
tell a space from its rotation or mirror image.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch

# What may be done to one of both spaces and leaves the score as it is. "linear": any invertible map.
Invariance = Literal["rotation", "reflection", "translation", "scale", "linear"]

# Fewer than five concepts have fewer than 120 relabellings: no p-value below 0.01 is possible.
FEWEST = 5


@dataclass(frozen=True, eq=False)
class Compared:
    """Scores of pairs of spaces and of the same pairs with concepts relabelled; larger is more alike.

    A space in which nothing differs (all prototypes in one place) has no score: its values are NaN.
    """

    values: torch.Tensor  # float64 [layers, pairs]
    null: torch.Tensor  # float32 [permutations, layers, pairs], good to 1e-6


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
        """Whether the prototypes are to be whitened (Mahalanobis) before their Gram matrix is taken."""
        ...

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        """Why noise and structure cannot be told apart for this many concepts and dimensions, or None."""
        ...

    def compare(
        self, a: torch.Tensor, b: torch.Tensor, pairs: torch.Tensor, permutations: torch.Tensor
    ) -> Compared:
        """Scores of ``pairs`` int64 [pairs, 2] (row of a, row of b), in every layer.

        ``a`` [layers, A, concepts, concepts] and ``b`` [layers, B, concepts, concepts] are Gram matrices
        (float, no NaN) of the same concepts in the same order; ``permutations`` int64 [P, concepts] (P may
        be 0) relabels the concepts of b: row and column k of b becomes ``permutation[k]``'s.
        """
        ...


def too_few(concepts: int, least: int) -> str | None:
    """The reason for fewer concepts than ``least``, or None."""
    if concepts >= least:
        return None
    return f"{concepts} concepts are too few: {least} are needed for a null with p below 0.01"


def fills(concepts: int, dims: tuple[int, int]) -> str | None:
    """The reason a measure that forgives any linear map gives for spaces too wide for the concepts.

    K centred prototypes span at most K - 1 dimensions. If one of both spaces spans them all, some linear
    map takes it to any other exactly.
    """
    if concepts - 1 > max(dims):
        return None
    return (
        f"{concepts} concepts in {max(dims)} dimensions can be mapped linearly to anything: "
        f"the score is 1 for noise"
    )
