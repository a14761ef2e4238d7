"""The upper bound: a classifier of the target language trained on all its labelled training words.

The family is that of ``pooled``: one hidden layer, or logistic regression (:mod:`.logistic`), whichever is
better on the validation languages when trained on their training words alone. It ``wants`` everything: who
adapts it gives it the whole training split, whatever the number of shots.
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch.nn import functional

from ...config import from_mapping
from ...progress import Progress, Silent
from ...seeding import derive, stream
from ...spaces.features import Features, widened
from ..data import require, torch_stream
from ..history import save_history
from ..maps import Dropout, Encoder, masked
from ..train import Optimisation
from .base import TrainingData
from .logistic import fit_logistic, log_frequencies
from .saved import FunctionClassifier, SavedAligner, predictable


def presets(task: str) -> dict[str, dict[str, Any]]:
    """``default`` has the f of the paper."""
    return {"default": {"hidden": 384 if task == "relation" else 256}}


class OracleAligner(SavedAligner):
    """What to train, and the source's frequencies of concepts for a language without a labelled word."""

    learner: ClassVar[str] = "oracle"
    wants = "everything"

    def __init__(self, config: "Oracle", log_frequency: torch.Tensor, strength: float | None) -> None:
        """``strength`` of logistic regression; None: the hidden layer. ``log_frequency`` [concepts]."""
        self.config, self.log_frequency, self.strength = config, log_frequency, strength
        self.known = torch.ones(len(log_frequency), dtype=torch.bool)

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> FunctionClassifier:
        """``seed`` decides the start, the batches and the dropout of the hidden layer."""
        valid, offset = predictable(self.known, valid), self.log_frequency
        if support is None or not bool((counted := valid[support.y]).any()):
            return FunctionClassifier(lambda x: offset.expand(len(x), -1), valid)
        x, y = (support.x, support.y) if bool(counted.all()) else (support.x[counted], support.y[counted])
        if self.strength is None:
            return FunctionClassifier(self._network(x, y, valid, seed), valid)
        weights = fit_logistic(x.float(), y, masked(offset, valid), strength=self.strength)
        return FunctionClassifier(lambda x: x @ weights[:-1] + weights[-1] + offset, valid)

    def _network(self, x: torch.Tensor, y: torch.Tensor, valid: torch.Tensor, seed: int) -> Encoder:
        config = self.config
        model = Encoder(
            x.shape[1],
            len(valid),
            hidden=config.hidden,
            dropout=config.dropout,
            generator=torch_stream(seed, "oracle", "init"),
        )
        adam = torch.optim.AdamW(
            model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True
        )
        # A small treebank has few batches an epoch.
        epochs = max(config.epochs, math.ceil(config.least_steps / math.ceil(len(y) / config.batch)))
        plan = Optimisation(epochs, config.lr)
        with torch.enable_grad():
            for epoch in range(epochs):
                for group in adam.param_groups:
                    group["lr"] = plan.rate(epoch)
                for place, module in enumerate(model.modules()):
                    if isinstance(module, Dropout):
                        module.reseed(derive(seed, "oracle", "dropout", place, epoch))
                order = torch.from_numpy(stream(seed, "oracle", "words", epoch).permutation(len(y)))
                for rows in order.split(config.batch):
                    loss = functional.cross_entropy(masked(model(widened(x[rows])), valid), y[rows])
                    adam.zero_grad(set_to_none=True)
                    loss.backward()
                    adam.step()
        return model.eval().requires_grad_(False)

    def settings(self) -> dict[str, Any]:
        return {"config": self.config.config(), "strength": self.strength}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"log_frequency": self.log_frequency}

    @classmethod
    def from_parts(cls, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        config = from_mapping(Oracle, settings["config"], where="config.json")
        return cls(config, tensors["log_frequency"], settings["strength"])


@dataclass(frozen=True)
class Oracle:
    """The configuration of the upper bound."""

    name: ClassVar[str] = "oracle"
    hidden: int = 256
    dropout: float = 0.33
    epochs: int = 6
    least_steps: int = 600  # more epochs where that makes fewer
    batch: int = 256  # words
    lr: float = 1e-3
    weight_decay: float = 1e-4
    strengths: tuple[float, ...] = (10.0,)  # of logistic regression, to choose from
    chooses_on: int = 3  # validation languages, the first

    def config(self) -> dict[str, Any]:
        found = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

    def fit(
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
                right.append(float((classifier.predict(dev.x) == dev.y).double().mean()))
                bar.advance()
            means[strength] = sum(right) / len(right)
            records.append({"strength": strength, "mean accuracy": means[strength]})
        save_history(folder, {"family": records})
        return OracleAligner(self, log_frequency, max(means, key=means.__getitem__))
