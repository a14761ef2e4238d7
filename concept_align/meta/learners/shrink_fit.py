"""Training of :mod:`.shrink`: words of all languages at n = 0, then how far support is believed."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from ..data import EpisodeBatches, WordBatches
from ..train import Optimisation, Stage
from .base import TrainingData
from .belief_fit import BeliefFit
from .shrink import Shrink, ShrinkAligner, ShrinkModel, adapted, query_logits


class ShrinkFit(BeliefFit[ShrinkModel]):
    """The two stages of one fit, on one model."""

    def __init__(self, config: Shrink, data: TrainingData, seed: int) -> None:
        super().__init__(data, config.least, seed)
        self.config = config
        self.model = config.model(data.load(data.source, "train").dim, len(data.concepts), seed)
        with torch.no_grad():
            self.model.log_frequency.copy_((self.counts + 1.0).log())
        # Without validation languages the training languages have to do.
        self.languages = data.validation or data.train
        self.episodes = EpisodeBatches(
            data,
            self.languages,
            seed=seed,
            stage="episodes",
            each=config.episodes,
            queries=config.queries,
            shots=config.shots,
            per_step=config.episodes_per_step,
        )

    def pooled(self) -> Stage:
        """Single words of all languages against the prior: n = 0."""
        config, model = self.config, self.model
        self.learn(beliefs=False)
        batches = WordBatches(self.data, seed=self.seed, stage="pooled", size=config.batch, cap=config.cap)
        none = torch.zeros(len(self.known))

        def loss(epoch: int, step: int) -> torch.Tensor:
            x, y = batches(epoch, step)
            return functional.cross_entropy(
                model.logits(model.f(x), model.prior, model.log_frequencies(none)), y
            )

        plan = Optimisation(config.pooled_epochs, config.pooled_lr, config.weight_decay, decoupled=True)
        return Stage("pooled", model, batches.steps, loss, lambda: self._accuracies((0,)), plan)

    def episodic(self) -> Stage:
        """Episodes of unseen languages: f and the prior stay as they are."""
        config = self.config
        self.learn(beliefs=True)
        plan = Optimisation(config.epochs, config.lr)
        return Stage(
            "episodes",
            self.model,
            self.episodes.steps,
            self.loss,
            lambda: self._accuracies(config.validation_shots),
            plan,
        )

    def loss(self, epoch: int, step: int) -> torch.Tensor:
        """Mean over query words of the negative log-likelihood."""
        episodes = self.episodes(epoch, step)
        valid = torch.ones(episodes.tasks, len(self.known), dtype=torch.bool)
        given = adapted(self.model, episodes.support, valid, self.config.correction)
        return functional.cross_entropy(query_logits(self.model, episodes.query, given), episodes.query.y)

    def _accuracies(self, shots: Sequence[int]) -> dict[str, float]:
        return self.accuracies(lambda: ShrinkAligner(self.config, self.model, self.known), shots)
