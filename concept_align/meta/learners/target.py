"""Baselines of one language alone: its own words are all that is learned from. Without any, the source
language's frequencies of concepts, q, are what is predicted.

    target-only   p(k | x) = softmax_k(x'w_k + b_k + log q_k) of the support words, which overrule q
    oracle        the upper bound: that, or one hidden layer, of all labelled training words

The strength of the prior on w and b, and which of the two the oracle is, are chosen once on the validation
languages. What a learner gains over target-only is what the other languages are worth. The oracle ``wants``
everything: who adapts it gives it the whole training split, whatever the number of shots.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import torch
from torch.nn import functional

from ...config import checked
from ...progress import Progress, Silent
from ...seeding import derive, stream
from ...spaces.features import Features
from ..data import Validation, accuracy, require, torch_stream
from ..maps import Encoder, masked
from ..solvers import fit_logistic
from ..train import Optimisation, Stage, save_history, train
from .base import Aligner, LearnerConfig, TrainingData
from .classifier import Classifier
from .fit import published_shape


def log_frequencies(features: Features) -> torch.Tensor:
    """float32 [concepts]: log frequency of each concept, one word more than counted."""
    return (features.counts() + 1.0).log().log_softmax(0)


class TargetOnlyAligner(Aligner):
    """Frequencies, and the strength of a logistic regression: a convex problem, the seed changes nothing."""

    learner = "target-only"

    def __init__(self, config: Any, log_frequency: torch.Tensor, strength: float | None) -> None:
        """``log_frequency`` [concepts]: log q, all finite."""
        self.config, self.log_frequency, self.strength = config, log_frequency, strength
        self.known = torch.ones(len(log_frequency), dtype=torch.bool)

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        offset = self.log_frequency
        if support is None:
            return Classifier(lambda x: offset.expand(len(x), -1), valid)
        assert self.strength is not None
        weights = fit_logistic(support.x, support.y, masked(offset, valid), strength=self.strength)
        return Classifier(lambda x: x @ weights[:-1] + weights[-1] + offset, valid)

    def settings(self) -> dict[str, Any]:
        return {"strength": self.strength}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"log_frequency": self.log_frequency}

    @classmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        log_frequency, strength = tensors["log_frequency"], settings["strength"]
        if strength is None and cls.learner == "target-only":
            raise ValueError("no strength")
        if strength is not None and not 0 < checked(float, strength, "strength") < math.inf:
            raise ValueError(f"impossible strength {strength}")
        if log_frequency.dtype != torch.float32 or not bool(log_frequency.isfinite().all()):
            raise ValueError("impossible frequencies")
        return cls(config, log_frequency, strength)


class OracleAligner(TargetOnlyAligner):
    """Logistic regression, or where the strength is None one hidden layer."""

    learner = "oracle"
    wants = "everything"

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        if support is None or self.strength is not None:
            return super()._adapt(support, valid, unlabelled, seed)
        return Classifier(self._network(support, valid, seed), valid)

    def _network(self, support: Features, valid: torch.Tensor, seed: int) -> Encoder:
        config, y = self.config, support.y
        shape = {"hidden": config.hidden, "dropout": config.dropout}
        model = Encoder(support.dim, len(valid), **shape, generator=torch_stream(seed, "oracle", "init"))
        # A small treebank has few batches an epoch.
        steps = math.ceil(len(y) / config.batch)
        epochs = max(config.epochs, math.ceil(config.least_steps / steps))

        @lru_cache(maxsize=1)
        def batches(epoch: int) -> tuple[torch.Tensor, ...]:
            order = stream(seed, "oracle", "words", epoch).permutation(len(y))
            return torch.from_numpy(order).split(config.batch)

        def loss(epoch: int, step: int) -> torch.Tensor:
            rows = batches(epoch)[step]
            return functional.cross_entropy(masked(model(support.rows(rows)), valid), y[rows])

        plan = Optimisation(epochs, config.lr, config.weight_decay, decoupled=True)
        with torch.enable_grad():
            train(Stage("oracle", model, steps, loss, None, plan), seed=seed, identity="")
        return model.requires_grad_(False)

    def settings(self) -> dict[str, Any]:
        return {"config": self.config.config(), "strength": self.strength}


@dataclass(frozen=True)
class TargetOnly(LearnerConfig):
    """The baseline's options."""

    name = "target-only"
    aligner = TargetOnlyAligner
    strengths: tuple[float, ...] = (0.1, 1.0, 10.0, 100.0)  # to choose from
    validation_shots: tuple[int, ...] = (1, 10, 50)

    def _fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> TargetOnlyAligner:
        """Choose the strength that is best on the mean over languages and numbers of shots."""
        log_frequency = log_frequencies(data.load(data.source, "train"))
        everything = torch.ones(len(log_frequency), dtype=torch.bool)
        validation = Validation(data, least=1, seed=derive(seed, "validation"), known=everything)
        bar, records = (progress or Silent()).bar("strengths", len(self.strengths)), []
        for strength in self.strengths:
            aligner = TargetOnlyAligner(self, log_frequency, strength)
            found = validation.accuracies(aligner, self.validation_shots)
            records.append({"strength": strength, **found})
            bar.advance()
        save_history(folder, {"strength": records})
        best = max(records, key=lambda record: record["mean accuracy"])
        return TargetOnlyAligner(self, log_frequency, best["strength"])


@dataclass(frozen=True)
class Oracle(LearnerConfig):
    """The upper bound's options."""

    name = "oracle"
    aligner = OracleAligner
    hidden: int = 256
    dropout: float = 0.33
    epochs: int = 6
    least_steps: int = 600  # more epochs where that makes fewer
    batch: int = 256  # words
    lr: float = 1e-3
    weight_decay: float = 1e-4
    strengths: tuple[float, ...] = (10.0,)  # of logistic regression, to choose from
    chooses_on: int = 3  # validation languages, the first

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default`` has the f of the paper."""
        return {"default": {"hidden": published_shape(task)["hidden"]}}

    def _fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> OracleAligner:
        """Choose between the hidden layer and the strengths of logistic regression."""
        log_frequency = log_frequencies(data.load(data.source, "train"))
        languages = data.validation[: self.chooses_on] or (data.source,)
        bar = (progress or Silent()).bar("oracles", (len(self.strengths) + 1) * len(languages))
        records, means = [], {}
        for strength in (None, *self.strengths):
            aligner, right = OracleAligner(self, log_frequency, strength), []
            for language in languages:
                # One on its own training words, tested on its development words.
                dev = require(data.load(language, "dev"), language)
                classifier = aligner.adapt(
                    data.load(language, "train"), seed=derive(seed, "oracle", language)
                )
                right.append(accuracy(classifier, dev))
                bar.advance()
            means[strength] = sum(right) / len(right)
            records.append({"strength": strength, "mean accuracy": means[strength]})
        save_history(folder, {"family": records})
        return OracleAligner(self, log_frequency, max(means, key=means.__getitem__))
