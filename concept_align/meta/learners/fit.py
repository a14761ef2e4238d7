"""What learners that are trained stage by stage share: options, batches, validation, running the stages."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional

from ...progress import Progress, Silent
from ...seeding import derive
from ..data import EpisodeBatches, Validation, WordBatches, identity, total_counts
from ..episodes import Pool
from ..train import Optimisation, Stage, save_history, train
from .base import Aligner, LearnerConfig, TrainingData
from .modules import ModelAligner

SHOTS = (1, 10, 50)  # numbers of sentences that the steps of adapting are chosen for
ALWAYS = 50  # steps: choices up to here are all tried
Records = dict[str, list[dict[str, float]]]  # by the name that the history has them under


def published_shape(task: str) -> dict[str, Any]:
    """Rank and hidden units of the paper, which depend on the task (Xu et al. 2023, arXiv 2310.12794)."""
    return {"rank": 64, "hidden": 384} if task == "relation" else {"rank": 32, "hidden": 256}


class Fit(ABC):
    """One fit of one model, which its configuration makes."""

    def __init__(self, config: Any, data: TrainingData, seed: int) -> None:
        self.config, self.data, self.seed = config, data, seed
        self.counts = total_counts(data)
        self.known = self.counts >= config.least
        self.model = config.model(data.load(data.source, "train").dim, len(data.concepts), seed)
        self.validation = Validation(
            data, least=config.least, seed=derive(seed, "validation"), known=self.known
        )

    @abstractmethod
    def stages(self) -> dict[str, Callable[[], Stage]]:
        """By the name that the history has them under. A stage is made when the one before is done: it says
        what is still learned."""

    def aligner(self, *more: Any) -> Any:
        """What was learned so far; ``more`` is what the learner's aligner takes beside its model."""
        made: ModelAligner = self.config.aligner(self.config, self.model, self.known, *more)
        return made

    def finish(self, progress: Progress | None) -> tuple[Aligner, Records]:
        """After all stages: the aligner, and records of what was chosen for it."""
        return self.aligner(), {}

    def accuracies(self, shots: Sequence[int]) -> dict[str, float]:
        """Of what was learned so far, in the validation languages."""
        return self.validation.accuracies(self.aligner(), shots)

    def on_words(
        self,
        name: str,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] | None = None,
        validate: Callable[[], dict[str, float]] | None = None,
        *,
        module: nn.Module | None = None,
        batches: WordBatches | None = None,
    ) -> Stage:
        """A stage on single words of all training languages, or on other ``batches``.

        All of the model learns, unless a ``module`` of it is named, by ``loss(x, y)`` or the cross-entropy of
        its logits; its zero-shot accuracy chooses the epoch, unless ``validate`` does.
        """
        config, learning = self.config, module or self.model
        episodic = isinstance(config, EpisodicConfig)
        epochs, lr = (config.pooled_epochs, config.pooled_lr) if episodic else (config.epochs, config.lr)
        if batches is None:
            batches = WordBatches(self.data, seed=self.seed, stage=name, size=config.batch, cap=config.cap)
        given = batches

        def of_step(epoch: int, step: int) -> torch.Tensor:
            x, y = given(epoch, step)
            return loss(x, y) if loss else functional.cross_entropy(learning(x), y)

        return Stage(
            name,
            learning,
            given.steps,
            of_step,
            validate or (lambda: {"zero-shot accuracy": self.validation.few_shot(self.aligner(), 0)}),
            Optimisation(epochs, lr, config.weight_decay, decoupled=True),
        )

    def episodes_of(self, stage: str, languages: Sequence[str]) -> EpisodeBatches:
        """The episodes of a stage in ``languages``."""
        settings = ("episodes", "queries", "shots", "episodes_per_step")
        how = {name: getattr(self.config, name) for name in settings}
        return EpisodeBatches(self.data, languages, seed=self.seed, stage=stage, **how)

    def choose_steps(
        self, choices: Sequence[int], progress: Progress | None, sentences: Sequence[int] = SHOTS
    ) -> tuple[Aligner, Records]:
        """The aligner that takes, for each number of sentences, the one of ``choices`` of steps that is best
        on the validation languages; with a record of every choice.

        Choices of more than :data:`ALWAYS` steps are tried while the last one is the best. Numbers of
        ``sentences`` that a validation language does not have are passed over, all but the first.
        """
        languages = self.validation.languages
        most = min(len(Pool(self.data.load(language, "train")).sentences) for language in languages)
        numbers = [shots for shots in sentences if shots <= most] or list(sentences[:1])
        bar = (progress or Silent()).bar("adapt steps", len(numbers) * len(choices))
        aligner, records, chosen = self.aligner({}), [], {}
        aligner.keeps = len(languages)  # what is learned from unlabelled words serves all choices
        for shots in numbers:
            found: dict[int, float] = {}
            for steps in choices:
                bar.advance()
                if steps > ALWAYS and found and max(found, key=found.__getitem__) != list(found)[-1]:
                    continue
                aligner.steps = {1: steps}
                found[steps] = self.validation.few_shot(aligner, shots, looks=True)
                records.append({"shots": shots, "steps": steps, "accuracy": found[steps]})
            chosen[shots] = max(found, key=found.__getitem__)
        return self.aligner(chosen), {"adapt": records}


class StagedConfig(LearnerConfig):
    """The options of a learner that is trained stage by stage."""

    fits: ClassVar[Callable[..., Fit]]

    def begin(self, data: TrainingData, seed: int, progress: Progress | None) -> Fit:
        """Before the first stage."""
        return self.fits(self, data, seed)

    def _fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> Aligner:
        """Train every stage, each with its own checkpoints, and log them."""
        fit, which = self.begin(data, seed, progress), identity(data, self.name, self.config(), seed)
        histories = {
            name: train(stage(), seed=seed, identity=which, folder=folder, progress=progress)
            for name, stage in fit.stages().items()
        }
        aligner, records = fit.finish(progress)
        save_history(folder, histories | records)
        return aligner


@dataclass(frozen=True)
class EpisodicConfig(StagedConfig):
    """The options of learners that are trained on pooled words first, then on episodes."""

    rank: int = 32
    hidden: int = 256  # 0: f is linear
    dropout: float = 0.33
    least: int = 10  # training words a concept needs, over all languages
    pooled_epochs: int = 4
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    pooled_lr: float = 1e-3
    weight_decay: float = 1e-4
    epochs: int = 4
    episodes: int = 15  # of each language an epoch
    episodes_per_step: int = 1  # more are padded to the longest
    queries: int = 20  # sentences
    shots: tuple[int, ...] = (1, 5, 10, 20, 50)  # one drawn for each episode
    lr: float = 0.02
    validation_shots: tuple[int, ...] = (1, 10, 50)
