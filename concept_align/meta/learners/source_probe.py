"""The baseline: a probe of the source language, applied to others as it is.

    p(k | x) = softmax_k(-||B'x - z_k||^2),   z_k = B'c_k of the source language

Xu et al. 2023 (arXiv 2310.12794), section 3. With support, z_k is the mean of the projected support words
of k where the support has any, and the source's elsewhere: no mixing, nothing trained.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch

from ...class_sums import mean_by_class
from ...progress import Progress
from ...seeding import derive
from ...spaces.features import Features
from ...spaces.probe import Probe, fit_probe, probe_config
from ..data import require
from ..maps import distance_logits
from .base import TrainingData
from .saved import FunctionClassifier, SavedAligner, predictable


def presets(task: str) -> dict[str, dict[str, Any]]:
    """Values by preset; ``default`` trains the same probe in a third of the epochs."""
    rank = 64 if task == "relation" else 32
    return {
        "faithful": {"rank": rank, "preset": "faithful"},
        "default": {"rank": rank, "preset": "fast"},
    }


def probe_source(
    data: TrainingData,
    *,
    rank: int,
    preset: str,
    least: int,
    seed: int,
    changes: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Probe:
    """The probe of the source language: trained on its training split, its epoch chosen on its dev split."""
    config = probe_config(preset, **{"rank": rank, "min_count": least, **(changes or {})})
    train = require(data.load(data.source, "train"), data.source)
    return fit_probe(
        train, data.load(data.source, "dev"), config, seed=derive(seed, "source probe"), progress=progress
    )


class SourceProbeAligner(SavedAligner):
    """The projection and prototypes of the source language."""

    learner: ClassVar[str] = "source-probe"

    def __init__(self, projection: torch.Tensor, prototypes: torch.Tensor, known: torch.Tensor) -> None:
        """[dim, rank], [concepts, rank] (any value where not known) and bool [concepts]."""
        self.projection, self.prototypes, self.known = projection, prototypes, known

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> FunctionClassifier:
        prototypes, known = self.prototypes, self.known
        if support is not None and support.words:
            means, counts = mean_by_class(support.x.float() @ self.projection, support.y, len(prototypes))
            seen = counts > 0
            prototypes = torch.where(seen.unsqueeze(1), means, prototypes)
            known = known | seen
        projection = self.projection
        return FunctionClassifier(
            lambda x: distance_logits(x @ projection, prototypes), predictable(known, valid)
        )

    def settings(self) -> dict[str, Any]:
        return {}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"projection": self.projection, "prototypes": self.prototypes, "known": self.known}

    @classmethod
    def from_parts(cls, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        return cls(tensors["projection"], tensors["prototypes"], tensors["known"])


@dataclass(frozen=True)
class SourceProbe:
    """The configuration of the baseline."""

    name: ClassVar[str] = "source-probe"
    aligner: ClassVar[type[SourceProbeAligner]] = SourceProbeAligner
    rank: int = 32
    preset: Literal["faithful", "fast"] = "faithful"
    least: int = 10  # training words a concept needs

    def config(self) -> dict[str, Any]:
        return asdict(self)

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> SourceProbeAligner:
        """Train the probe; seconds, so without checkpoints."""
        probe = probe_source(
            data, rank=self.rank, preset=self.preset, least=self.least, seed=seed, progress=progress
        )
        return self.aligner(probe.projection, probe.space.filled(), probe.valid)
