"""Class statistics instead of states: counts, sums and, if wished, second moments, which merge.

For each concept k its count n_k and sum of x; over all represented words the sum of x x'. They are all
that prototypes, means and whitening need, and for a big model a thousandth of the states' bytes.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch

from ..errors import StoreError
from .shards import map_tensors, write_tensors


@dataclass(frozen=True, eq=False)
class Statistics:
    """Sufficient statistics of the represented words of one (treebank, split, layer, task)."""

    concepts: tuple[str, ...]
    counts: torch.Tensor  # int64 [concepts]
    sums: torch.Tensor  # float64 [concepts, dim]
    second: torch.Tensor | None = None  # float64 [dim, dim]: sum of x x' over all words

    def merge(self, other: "Statistics") -> "Statistics":
        """Of both sets of words together. StoreError where they do not speak of the same concepts."""
        if self.concepts != other.concepts or self.sums.shape != other.sums.shape:
            raise StoreError(
                "statistics of other concepts or another dimension cannot be merged",
                remedy="merge statistics of the same task, model and layer",
            )
        both = self.second is not None and other.second is not None
        return Statistics(
            self.concepts,
            self.counts + other.counts,
            self.sums + other.sums,
            self.second + other.second if both else None,  # type: ignore[operator]
        )


class StatisticsFitter:
    """Adds words batch by batch; at most ``cap`` of each concept, the first that come."""

    def __init__(
        self, concepts: tuple[str, ...], dim: int, *, cap: int | None = None, second: bool = False
    ) -> None:
        self.concepts, self.cap = concepts, cap
        self.counts = torch.zeros(len(concepts), dtype=torch.int64)
        self.sums = torch.zeros(len(concepts), dim, dtype=torch.float64)
        self.second = torch.zeros(dim, dim, dtype=torch.float64) if second else None

    def update(self, x: torch.Tensor, y: torch.Tensor) -> "StatisticsFitter":
        """Add words ``x`` [words, dim] of concepts ``y`` int64 [words]."""
        if self.cap is not None:
            below = self._below_cap(y)
            x, y = x[below], y[below]
        self.counts += torch.bincount(y, minlength=len(self.concepts))
        wide = x.double()
        self.sums.index_add_(0, y, wide)
        if self.second is not None:
            self.second.addmm_(wide.T, wide)
        return self

    def _below_cap(self, y: torch.Tensor) -> torch.Tensor:
        """bool [words]: words that are among the first ``cap`` of their concept."""
        assert self.cap is not None
        seen = torch.nn.functional.one_hot(y, len(self.concepts)).cumsum(0)
        rank = seen.gather(1, y[:, None])[:, 0] + self.counts[y]
        return rank <= self.cap

    def finish(self) -> Statistics:
        second = None if self.second is None else self.second.clone()
        return Statistics(self.concepts, self.counts.clone(), self.sums.clone(), second)


def write_statistics(path: Path, statistics: Statistics) -> tuple[int, str]:
    """Write to ``path``; size and SHA-256 of the file."""
    return write_tensors(path, *statistics_tensors(statistics))


def statistics_tensors(statistics: Statistics) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """What the file holds."""
    tensors = {"counts": statistics.counts, "sums": statistics.sums}
    if statistics.second is not None:
        tensors["second"] = statistics.second
    return tensors, {"concepts": json.dumps(statistics.concepts, ensure_ascii=False)}


def read_statistics(path: Path) -> Statistics:
    tensors, names = map_tensors(path)
    return Statistics(
        tuple(json.loads(names["concepts"])), tensors["counts"], tensors["sums"], tensors.get("second")
    )
