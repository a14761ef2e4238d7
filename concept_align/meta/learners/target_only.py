"""The baseline without other languages: logistic regression on the support words alone.

    p(k | x) = softmax_k(x'w_k + b_k + log q_k)

q are the source language's frequencies of concepts: without support they are all that is known, and words of
the support overrule them. The strength r of the prior on w and b is chosen once, on the validation languages.
What a learner gains over this is what the other languages are worth.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch

from ...progress import Progress, Silent
from ...seeding import derive
from ...spaces.features import Features
from ..data import Validation
from ..maps import masked
from ..train import save_history
from .base import Aligner, Classifier, LearnerConfig, TrainingData
from .logistic import fit_logistic, log_frequencies


class TargetOnlyAligner(Aligner):
    """Frequencies and a strength: nothing of any language's words."""

    learner = "target-only"

    def __init__(self, log_frequency: torch.Tensor, strength: float) -> None:
        """``log_frequency`` [concepts]: log q, all finite."""
        self.log_frequency, self.strength = log_frequency, strength
        self.known = torch.ones(len(log_frequency), dtype=torch.bool)

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        offset = self.log_frequency  # a convex problem: the seed changes nothing
        if support is None:
            return Classifier(lambda x: offset.expand(len(x), -1), valid)
        weights = fit_logistic(support.x, support.y, masked(offset, valid), strength=self.strength)
        return Classifier(lambda x: x @ weights[:-1] + weights[-1] + offset, valid)

    def settings(self) -> dict[str, Any]:
        return {"strength": self.strength}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"log_frequency": self.log_frequency}

    @classmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        return cls(tensors["log_frequency"], settings["strength"])


@dataclass(frozen=True)
class TargetOnly(LearnerConfig):
    """The baseline's options."""

    name = "target-only"
    aligner = TargetOnlyAligner
    strengths: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)  # to choose from
    validation_shots: tuple[int, ...] = (1, 10, 50)

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> TargetOnlyAligner:
        """Choose the strength that is best on the mean over languages and numbers of shots."""
        log_frequency = log_frequencies(data.load(data.source, "train"))
        everything = torch.ones(len(log_frequency), dtype=torch.bool)
        validation = Validation(data, least=1, seed=derive(seed, "validation"), known=everything)
        bar = (progress or Silent()).bar("strengths", len(self.strengths) * len(self.validation_shots))
        records, means = [], {}
        for strength in self.strengths:
            aligner = TargetOnlyAligner(log_frequency, strength)
            found = {}
            for shots in self.validation_shots:
                found[f"{shots}-shot accuracy"] = validation.few_shot(aligner, shots)
                bar.advance()
            means[strength] = sum(found.values()) / len(found)
            records.append({"strength": strength, "mean accuracy": means[strength], **found})
        save_history(folder, {"strength": records})
        return TargetOnlyAligner(log_frequency, max(means, key=means.__getitem__))
