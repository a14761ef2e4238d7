"""What learners that are trained stage by stage share: options, batches, validation, running the stages."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...progress import Progress
from ...seeding import derive
from ..data import EpisodeBatches, Validation, WordBatches, identity, total_counts
from ..train import Optimisation, Stage, train
from .base import LearnerConfig, TrainingData


def published_shape(task: str) -> dict[str, Any]:
    """Rank and hidden units of the paper, which depend on the task (Xu et al. 2023, arXiv 2310.12794)."""
    return {"rank": 64, "hidden": 384} if task == "relation" else {"rank": 32, "hidden": 256}


@dataclass(frozen=True)
class EpisodicConfig(LearnerConfig):
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


class Fit:
    """One fit of one model, which its configuration makes."""

    def __init__(self, config: Any, data: TrainingData, seed: int) -> None:
        self.config, self.data, self.seed = config, data, seed
        self.counts = total_counts(data)
        self.known = self.counts >= config.least
        self.model = config.model(data.load(data.source, "train").dim, len(data.concepts), seed)
        self.validation = Validation(
            data, least=config.least, seed=derive(seed, "validation"), known=self.known
        )

    def on_words(
        self,
        name: str,
        loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
        validate: Callable[[], dict[str, float]] | None = None,
        *,
        module: nn.Module | None = None,
    ) -> Stage:
        """A stage on single words of all training languages, with ``loss(x, y)``.

        All of the model learns, unless a ``module`` of it is named; its zero-shot accuracy chooses the epoch,
        unless ``validate`` does.
        """
        config, model = self.config, self.model
        episodic = isinstance(config, EpisodicConfig)
        epochs, lr = (config.pooled_epochs, config.pooled_lr) if episodic else (config.epochs, config.lr)
        batches = WordBatches(self.data, seed=self.seed, stage=name, size=config.batch, cap=config.cap)

        def of_step(epoch: int, step: int) -> torch.Tensor:
            return loss(*batches(epoch, step))

        return Stage(
            name,
            module or model,
            batches.steps,
            of_step,
            validate or (lambda: self.validation.zero_shot(model)),
            Optimisation(epochs, lr, config.weight_decay, decoupled=True),
        )

    def episodes_of(self, stage: str, languages: Sequence[str]) -> EpisodeBatches:
        """The episodes of a stage in ``languages``."""
        config = self.config
        return EpisodeBatches(
            self.data,
            languages,
            seed=self.seed,
            stage=stage,
            each=config.episodes,
            queries=config.queries,
            shots=config.shots,
            per_step=config.episodes_per_step,
        )

    def run(
        self, stages: Mapping[str, Callable[[], Stage]], folder: Path | None, progress: Progress | None
    ) -> dict[str, list[dict[str, float]]]:
        """Train every stage, each with its own checkpoints; their records.

        A stage is made when the one before is done: it says what is still learned.
        """
        which = identity(self.data, self.config.name, self.config.config(), self.seed)
        return {
            name: train(stage(), seed=self.seed, identity=which, folder=folder, progress=progress)
            for name, stage in stages.items()
        }
