"""The concept space of one language: the mean representation of each concept, c_k = s_k / n_k."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Float32, Int64

from ..class_sums import ClassSums, Statistics
from ..tensors import load_tensors, save_tensors

NAME = "space"


@dataclass(frozen=True, eq=False)
class ConceptSpace:
    """Prototypes of concepts. A concept without words has count 0 and a row of NaN: never a made-up place."""

    concepts: tuple[str, ...]
    counts: Int64[torch.Tensor, " concepts"]
    prototypes: Float32[torch.Tensor, "concepts dim"]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, statistics: Statistics, provenance: Mapping[str, Any] | None = None) -> "ConceptSpace":
        """The space of the words that ``statistics`` sums up."""
        means = statistics.means().float()
        return cls(statistics.concepts, statistics.counts, means, dict(provenance or {}))

    @property
    def dim(self) -> int:
        return int(self.prototypes.shape[1])

    def valid(self, min_count: int = 1) -> Bool[torch.Tensor, " concepts"]:
        """The concepts with at least ``min_count`` words (and never those with none)."""
        return self.counts >= max(min_count, 1)

    def filled(self, value: float = 0.0) -> Float32[torch.Tensor, "concepts dim"]:
        """The prototypes with ``value`` in the rows of absent concepts, for masked arithmetic."""
        return torch.where((self.counts > 0)[:, None], self.prototypes, torch.tensor(value))

    def projected(
        self, projection: Float32[torch.Tensor, "dim rank"], provenance: Mapping[str, Any] | None = None
    ) -> "ConceptSpace":
        """The space {B'c_k} for ``projection`` B."""
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


def fit_prototypes(
    x: Float[torch.Tensor, "words dim"],
    y: Int64[torch.Tensor, " words"],
    concepts: tuple[str, ...],
    *,
    provenance: Mapping[str, Any] | None = None,
) -> ConceptSpace:
    """The concept space of words ``x`` (any float dtype) of concepts ``y``."""
    return ConceptSpace.of(ClassSums(concepts, int(x.shape[1])).update(x, y).finish(), provenance)
