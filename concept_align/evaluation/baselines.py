"""The floor under every table: always the commonest concept."""

from dataclasses import dataclass

import torch

from ..spaces.features import Features

MAJORITY = "majority"


@dataclass(frozen=True, eq=False)
class Constant:
    """A classifier that says one concept whatever it sees."""

    concept: int

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full((x.shape[0],), self.concept, dtype=torch.int64)


@dataclass(frozen=True, eq=False)
class Majority:
    """The commonest concept of the support; of the source language where there is no support.

    Ties go to the concept that is commoner in the source.
    """

    counts: torch.Tensor  # int64 [concepts]: training words of the source

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> Constant:
        counts = self.counts.double()
        if support is not None:
            counts = support.counts() + counts / (counts.sum() + 1)
        if valid is not None:
            counts = counts.masked_fill(~valid, -1)
        return Constant(int(counts.argmax()))
