"""Counts and sums of words by class: all that prototypes, means and whitening need of them.

    n_k = #{i: y_i = k}      s_k = sum of x_i over i with y_i = k      c_k = s_k / n_k

Sums are kept in float64, so that batches in any order, and merged parts, give what the whole gives.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from jaxtyping import Float, Int

from .errors import LearningError

CHUNK = 16384  # words widened to float64 at once


def sum_by_class(
    x: Float[torch.Tensor, "words dim"], y: Int[torch.Tensor, " words"], classes: int
) -> tuple[Float[torch.Tensor, "classes dim"], Float[torch.Tensor, " classes"]]:
    """Sums and counts of the rows of ``x`` by class, in its dtype; gradients flow to ``x``.

    Several tasks at once: let y be ``task * concepts + concept``.
    """
    counts = torch.bincount(y, minlength=classes).to(x.dtype)
    return x.new_zeros(classes, x.shape[1]).index_add(0, y, x), counts


def mean_by_class(
    x: Float[torch.Tensor, "words dim"], y: Int[torch.Tensor, " words"], classes: int
) -> tuple[Float[torch.Tensor, "classes dim"], Float[torch.Tensor, " classes"]]:
    """Mean row of each class (0 where it has none) and counts, in the dtype of ``x``; gradients flow to
    it."""
    sums, counts = sum_by_class(x, y, classes)
    return sums / counts.clamp(min=1).unsqueeze(1), counts


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sufficient statistics of labelled words: what a :class:`ClassSums` has seen."""

    concepts: tuple[str, ...]
    counts: Int[torch.Tensor, " concepts"]
    sums: Float[torch.Tensor, "concepts dim"]  # float64
    second: Float[torch.Tensor, "dim dim"] | None = None  # float64: sum of x x' over all words

    def means(self) -> Float[torch.Tensor, "concepts dim"]:
        """float64; NaN for a concept without words: an absent concept has no place."""
        return self.sums / self.counts[:, None]

    def of(self, concepts: Sequence[str]) -> Self:
        """The same by name in another inventory, ``concepts``; one that is not here has no words.

        LearningError where one that is here is not among them.
        """
        if odd := sorted(set(self.concepts) - set(concepts)):
            raise LearningError(f"no place for {', '.join(odd)} among {', '.join(concepts)}")
        places = [concepts.index(name) for name in self.concepts]
        counts, sums = (
            self.counts.new_zeros(len(concepts)),
            self.sums.new_zeros(len(concepts), self.sums.shape[1]),
        )
        counts[places], sums[places] = self.counts, self.sums
        return replace(self, concepts=tuple(concepts), counts=counts, sums=sums)


class ClassSums:
    """Adds labelled words batch by batch; of each concept at most ``cap``, the first that come.

    ``second`` keeps the sum of x x' as well.

    >>> sums = ClassSums(("NOUN", "VERB"), 2).update(torch.eye(2), torch.tensor([1, 1]))
    >>> sums.finish().means()[1].tolist()
    [0.5, 0.5]
    """

    def __init__(
        self, concepts: tuple[str, ...], dim: int, *, cap: int | None = None, second: bool = False
    ) -> None:
        self.concepts, self.dim, self.cap = concepts, dim, cap
        self.counts = torch.zeros(len(concepts), dtype=torch.int64)
        self.sums = torch.zeros(len(concepts), dim, dtype=torch.float64)
        self.second = torch.zeros(dim, dim, dtype=torch.float64) if second else None

    def update(self, x: Float[torch.Tensor, "words dim"], y: Int[torch.Tensor, " words"]) -> Self:
        """Add words of any float dtype. LearningError where they do not fit."""
        if x.shape != (len(y), self.dim):
            raise LearningError(f"words {tuple(x.shape)} do not fit {len(y)} labels of dimension {self.dim}")
        for rows, of_rows in zip(x.split(CHUNK), y.split(CHUNK), strict=True):
            part, labels = rows, of_rows
            if self.cap is not None:
                below = self._rank(labels) <= self.cap
                part, labels = part[below], labels[below]
            wide = part.double()
            self.counts += torch.bincount(labels, minlength=len(self.concepts))
            self.sums.index_add_(0, labels, wide)
            if self.second is not None:
                self.second.addmm_(wide.T, wide)
        return self

    def merge(self, other: "ClassSums | Statistics") -> Self:
        """Add what ``other`` has seen: another shard, worker or language. LearningError where it differs."""
        if other.concepts != self.concepts or other.sums.shape != self.sums.shape:
            raise LearningError(
                "sums of other concepts or another dimension cannot be merged",
                remedy="merge those of the same task, model and layer",
            )
        self.counts += other.counts
        self.sums += other.sums
        if self.second is not None and other.second is not None:
            self.second += other.second
        else:
            self.second = None
        return self

    def finish(self) -> Statistics:
        """The statistics of all words so far; the sums may go on after."""
        second = None if self.second is None else self.second.clone()
        return Statistics(self.concepts, self.counts.clone(), self.sums.clone(), second)

    def _rank(self, y: Int[torch.Tensor, " words"]) -> Int[torch.Tensor, " words"]:
        """The place of each word among all of its concept, from 1."""
        seen = torch.nn.functional.one_hot(y, len(self.concepts)).cumsum(0)
        return seen.gather(1, y[:, None])[:, 0] + self.counts[y]
