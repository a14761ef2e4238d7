"""The baseline: a probe of the source language, applied to others as it is.

    p(k | x) = softmax_k(-||B'x - z_k||^2),   z_k = B'c_k of the source language

Xu et al. 2023 (arXiv 2310.12794), section 3. With support, z_k is the mean of the projected support words
of k where the support has any, and the source's elsewhere: no mixing, nothing trained.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
from .base import Aligner, Classifier, LearnerConfig, TrainingData


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


class ProbeAligner(Aligner):
    """The projection and prototypes of the source language."""

    def __init__(self, projection: torch.Tensor, prototypes: torch.Tensor, known: torch.Tensor) -> None:
        """[dim, rank], [concepts, rank] (any value where not known) and bool [concepts]."""
        self.projection, self.prototypes, self.known = projection, prototypes, known

    @property
    def dim(self) -> int:
        return len(self.projection)

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"projection": self.projection, "prototypes": self.prototypes, "known": self.known}

    @classmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        return cls(tensors["projection"], tensors["prototypes"], tensors["known"])


class SourceProbeAligner(ProbeAligner):
    """Prototypes are the support's, of the concepts that it has."""

    learner = "source-probe"

    def _known(self, support: Features | None) -> torch.Tensor:
        return self.known if support is None else self.known | (support.counts() > 0)

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        projection, prototypes = self.projection, self.prototypes
        if support is not None:
            means, counts = mean_by_class(support.x @ projection, support.y, len(prototypes))
            prototypes = torch.where((counts > 0).unsqueeze(1), means, prototypes)
        return Classifier(lambda x: distance_logits(x @ projection, prototypes), valid)


@dataclass(frozen=True)
class ProbeBaseline(LearnerConfig):
    """The options of baselines that start from the source language's probe."""

    aligner: ClassVar[type[ProbeAligner]]
    rank: int = 32
    preset: Literal["faithful", "fast"] = "faithful"
    least: int = 10  # training words a concept needs

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``faithful`` is the published probe; ``default`` trains the same one in a third of the epochs."""
        rank = 64 if task == "relation" else 32
        return {
            "faithful": {"rank": rank, "preset": "faithful"},
            "default": {"rank": rank, "preset": "fast"},
        }

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> ProbeAligner:
        """Train the probe; seconds, so without checkpoints."""
        probe = probe_source(
            data, rank=self.rank, preset=self.preset, least=self.least, seed=seed, progress=progress
        )
        return self.aligner(probe.projection, probe.space.filled(), probe.valid)


@dataclass(frozen=True)
class SourceProbe(ProbeBaseline):
    """The baseline's options."""

    name = "source-probe"
    aligner = SourceProbeAligner
