"""The concept space of one language: the mean representation of each concept, from streaming sums.

    c_k = (1 / n_k) * sum of x_i over the words i of concept k

Sums are kept in float64, so that batches in any order and merged parts give what the whole gives.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from ..errors import LearningError
from .files import load_tensors, save_tensors

NAME = "space"


@dataclass(frozen=True, eq=False)
class ConceptSpace:
    """Prototypes of concepts. A concept without words has count 0 and a row of NaN: never a made-up place."""

    concepts: tuple[str, ...]
    counts: torch.Tensor  # int64 [concepts]
    prototypes: torch.Tensor  # float32 [concepts, dim]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def dim(self) -> int:
        return int(self.prototypes.shape[1])

    def valid(self, min_count: int = 1) -> torch.Tensor:
        """bool [concepts]: those with at least ``min_count`` words (and never those with none)."""
        return self.counts >= max(min_count, 1)

    def filled(self, value: float = 0.0) -> torch.Tensor:
        """float32 [concepts, dim] with ``value`` in the rows of absent concepts, for masked arithmetic."""
        return torch.where((self.counts > 0)[:, None], self.prototypes, torch.tensor(value))

    def projected(
        self, projection: torch.Tensor, provenance: Mapping[str, Any] | None = None
    ) -> "ConceptSpace":
        """The space {B'c_k} for ``projection`` B [dim, rank]."""
        return ConceptSpace(
            self.concepts, self.counts, self.prototypes @ projection, provenance or dict(self.provenance)
        )

    def save(self, folder: str | Path, name: str = NAME) -> None:
        """Write ``NAME.safetensors`` and ``NAME.json`` to ``folder``."""
        tensors = {"counts": self.counts, "prototypes": self.prototypes}
        about = {"concepts": list(self.concepts), "provenance": dict(self.provenance)}
        save_tensors(folder, name, tensors, about)

    @classmethod
    def load(cls, folder: str | Path, name: str = NAME) -> "ConceptSpace":
        """Read what :meth:`save` wrote. Raises StoreError for anything else."""
        tensors, about = load_tensors(folder, name)
        return cls(tuple(about["concepts"]), tensors["counts"], tensors["prototypes"], about["provenance"])


class PrototypeFitter:
    """Sums and counts of each concept's words; ``finish`` gives the space."""

    def __init__(self, concepts: tuple[str, ...], dim: int) -> None:
        self.concepts, self.dim = concepts, dim
        self.counts = torch.zeros(len(concepts), dtype=torch.int64)
        self.sums = torch.zeros(len(concepts), dim, dtype=torch.float64)

    def update(self, x: torch.Tensor, y: torch.Tensor) -> "PrototypeFitter":
        """Add words ``x`` [words, dim] (any float dtype) of concepts ``y`` int64 [words]."""
        if x.shape != (len(y), self.dim):
            raise LearningError(f"words {tuple(x.shape)} do not fit {len(y)} labels of dimension {self.dim}")
        self.counts += torch.bincount(y, minlength=len(self.concepts))
        self.sums.index_add_(0, y, x.double())
        return self

    def merge(self, other: "PrototypeFitter") -> "PrototypeFitter":
        """Add what ``other`` has seen: another shard, worker or language."""
        if other.concepts != self.concepts or other.dim != self.dim:
            raise LearningError(
                "spaces with other concepts or another dimension cannot be merged",
                remedy="fit them for the same task, model and layer",
            )
        self.counts += other.counts
        self.sums += other.sums
        return self

    def finish(self, provenance: Mapping[str, Any] | None = None) -> ConceptSpace:
        """The space of all words seen; the fitter may go on after."""
        means = self.sums / self.counts[:, None]  # 0 / 0 is NaN: an absent concept has no place
        return ConceptSpace(self.concepts, self.counts.clone(), means.float(), dict(provenance or {}))


def fit_prototypes(
    x: torch.Tensor,
    y: torch.Tensor,
    concepts: tuple[str, ...],
    *,
    chunk: int = 16384,
    provenance: Mapping[str, Any] | None = None,
) -> ConceptSpace:
    """The concept space of ``x`` [words, dim], ``y`` [words], with temporary float64 copies of a chunk."""
    fitter = PrototypeFitter(concepts, int(x.shape[1]))
    for begin in range(0, len(y), chunk):
        fitter.update(x[begin : begin + chunk], y[begin : begin + chunk])
    return fitter.finish(provenance)
