"""The baseline that needs no meta-learning: one classifier of the words of all meta-training languages.

    p(k | x) = softmax_k(w_k . h(x) + b_k),   h one hidden layer, or h(x) = x (``hidden = 0``)

With support, it is fine-tuned on the labelled words (``adapts``: all of it, or the head w, b alone) by full
batch Adam with a pull of strength ``adapt_pull`` towards where it started; the number of steps is the one
that was best on the validation languages with about as many sentences.
"""

import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import torch
from torch.nn import functional

from ...progress import Progress, Silent
from ...seeding import derive
from ...spaces.features import Features
from ..checkpoint import under
from ..data import Validation, WordBatches, identity, torch_stream, total_counts
from ..history import save_history
from ..maps import Encoder, masked
from ..train import Optimisation, Stage, train
from .base import TrainingData
from .saved import FunctionClassifier, SavedAligner, predictable, steps_for

# What fine-tuning may take: steps, chosen for each of these numbers of sentences.
SHOTS = (1, 10, 50)
STEPS = (0, 5, 20, 50)


def presets(task: str) -> dict[str, dict[str, Any]]:
    """``default`` has the f of the paper; ``linear`` is a linear probe."""
    hidden = 384 if task == "relation" else 256
    return {"default": {"hidden": hidden}, "linear": {"hidden": 0, "lr": 3e-3}}


class PooledAligner(SavedAligner):
    """The classifier, and how many steps it takes on a support set of so many sentences."""

    learner: ClassVar[str] = "pooled"

    def __init__(self, config: "Pooled", model: Encoder, known: torch.Tensor, steps: dict[int, int]) -> None:
        """``steps``: sentences -> steps; a support set takes those of the nearest number that is not more."""
        self.config, self.known, self.steps = config, known, steps
        self.model = model.eval().requires_grad_(False)

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> FunctionClassifier:
        """Full-batch steps draw nothing at random: ``seed`` changes nothing."""
        valid = predictable(self.known, valid)
        model = self.model
        if support is not None and (steps := steps_for(self.steps, support.sents)):
            model = self._tuned(support, valid, steps)
        return FunctionClassifier(model, valid)

    def _tuned(self, support: Features, valid: torch.Tensor, steps: int) -> Encoder:
        counted = valid[support.y]
        x, y = support.x[counted].float(), support.y[counted]
        model = copy.deepcopy(self.model)
        if not len(y):
            return model
        owner = model if self.config.adapts == "all" else model.linears[-1]
        parameters = list(owner.requires_grad_(True).parameters())
        start = [parameter.detach().clone() for parameter in parameters]
        adam = torch.optim.Adam(parameters, lr=self.config.adapt_lr, fused=True)
        with torch.enable_grad():
            for _ in range(steps):
                loss = functional.cross_entropy(masked(model(x), valid), y)
                pull = torch.stack(
                    [(now - old).square().sum() for now, old in zip(parameters, start, strict=True)]
                ).sum()
                adam.zero_grad(set_to_none=True)
                (loss + self.config.adapt_pull * pull).backward()
                adam.step()
        return model.requires_grad_(False)

    def settings(self) -> dict[str, Any]:
        shape = {"dim": self.model.dim, "concepts": len(self.known)}
        steps = {str(sents): taken for sents, taken in self.steps.items()}
        return {"config": self.config.config(), "steps": steps, **shape}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"known": self.known, **{f"model.{k}": v for k, v in self.model.state_dict().items()}}

    @classmethod
    def from_parts(cls, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        config = Pooled(**settings["config"])
        model = config.model(settings["dim"], settings["concepts"], 0)
        model.load_state_dict(under("model.", tensors))
        steps = {int(sents): taken for sents, taken in settings["steps"].items()}
        return cls(config, model, tensors["known"], steps)


@dataclass(frozen=True)
class Pooled:
    """The configuration of the baseline."""

    name: ClassVar[str] = "pooled"
    hidden: int = 256  # 0: linear
    dropout: float = 0.33
    least: int = 10  # training words a concept needs, over all languages
    epochs: int = 10
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    lr: float = 1e-3
    weight_decay: float = 1e-4
    adapts: Literal["all", "head", "none"] = "all"
    adapt_lr: float = 1e-3
    adapt_pull: float = 1e-3

    def config(self) -> dict[str, Any]:
        return asdict(self)

    def model(self, dim: int, concepts: int, seed: int) -> Encoder:
        generator = torch_stream(seed, "pooled", "init")
        return Encoder(dim, concepts, hidden=self.hidden, dropout=self.dropout, generator=generator)

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> PooledAligner:
        """Train on all words, then choose the number of steps that adapting takes."""
        counts = total_counts(data)
        known = counts >= self.least
        batches = WordBatches(data, seed=seed, stage="pooled", size=self.batch, cap=self.cap)
        model = self.model(data.load(data.source, "train").dim, len(data.concepts), seed)
        validation = Validation(data, least=self.least, seed=derive(seed, "validation"), known=known)

        def loss(epoch: int, step: int) -> torch.Tensor:
            x, y = batches(epoch, step)
            return functional.cross_entropy(model(x), y)

        plan = Optimisation(self.epochs, self.lr, self.weight_decay, decoupled=True)
        stage = Stage("pooled", model, batches.steps, loss, lambda: validation.zero_shot(model), plan)
        which = identity(data, self.name, self.config(), seed)
        history = train(stage, seed=seed, identity=which, folder=folder, progress=progress)
        records, steps = self._choose(model, known, validation, progress)
        save_history(folder, {"pooled": history, "adapt": records})
        return PooledAligner(self, model, known, steps)

    def _choose(
        self, model: Encoder, known: torch.Tensor, validation: Validation, progress: Progress | None
    ) -> tuple[list[dict[str, float]], dict[int, int]]:
        """For each number of sentences the number of steps best on the validation languages."""
        if self.adapts == "none":
            return [], {}
        bar = (progress or Silent()).bar("adapt steps", len(SHOTS) * len(STEPS))
        records, chosen = [], {}
        for shots in SHOTS:
            found = {}
            for steps in STEPS:
                aligner = PooledAligner(self, model, known, {1: steps})
                found[steps] = validation.accuracy(
                    lambda language, aligner=aligner, shots=shots: aligner.adapt(  # type: ignore[misc]
                        validation.support(language, shots), valid=validation.valid[language]
                    )
                )
                records.append({"shots": shots, "steps": steps, "accuracy": found[steps]})
                bar.advance()
            chosen[shots] = max(found, key=found.__getitem__)
        return records, chosen
