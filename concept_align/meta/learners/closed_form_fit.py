"""Training of :mod:`.closed_form`: words at n = 0, episodes for f, episodes for the beliefs."""

from collections.abc import Sequence

import torch
from torch.nn import functional

from ..data import EpisodeBatches, WordBatches
from ..episodes import EpisodeBatch
from ..train import Optimisation, Stage
from .base import TrainingData
from .belief_fit import BeliefFit
from .closed_form import ClosedForm, ClosedFormAligner
from .closed_form_models import ClosedFormModel, ProcrustesModel

STARTS = 2000  # words of each training language that beliefs start from


class ClosedFormFit(BeliefFit[ClosedFormModel]):
    """The stages of one fit, on one model."""

    def __init__(self, config: ClosedForm, data: TrainingData, seed: int) -> None:
        super().__init__(data, config.least, seed)
        self.config = config
        self.model = config.model(data.load(data.source, "train").dim, len(data.concepts), seed)
        if isinstance(self.model, ProcrustesModel):
            with torch.no_grad():
                self.model.log_frequency.copy_((self.counts + 1.0).log())

    def pooled(self) -> Stage:
        """Single words of all training languages: n = 0."""
        config, model = self.config, self.model
        self.learn(beliefs=False)
        batches = WordBatches(self.data, seed=self.seed, stage="pooled", size=config.batch, cap=config.cap)

        def loss(epoch: int, step: int) -> torch.Tensor:
            x, y = batches(epoch, step)
            return functional.cross_entropy(model.zero_shot(x), y)

        plan = Optimisation(config.pooled_epochs, config.pooled_lr, config.weight_decay, decoupled=True)
        return Stage("pooled", model, batches.steps, loss, lambda: self._accuracies((0,)), plan)

    def encoder(self) -> Stage:
        """f and the zero-shot classifier, on episodes of the training languages."""
        config = self.config
        self._start()
        self.learn(beliefs=False)
        plan = Optimisation(config.encoder_epochs, config.encoder_lr, config.weight_decay, decoupled=True)
        return self._episodic("encoder", self.data.train, plan, (0, *config.validation_shots), noisy=True)

    def strengths(self) -> Stage:
        """The beliefs, on episodes of languages that f was not trained on (if there are any)."""
        self._start()
        self.learn(beliefs=True)
        plan = Optimisation(self.config.epochs, self.config.lr)
        languages = self.data.validation or self.data.train
        return self._episodic("strengths", languages, plan, self.config.validation_shots, noisy=False)

    def _start(self) -> None:
        parts = [self.data.load(language, "train") for language in self.data.train]
        steps = [max(1, part.words // STARTS) for part in parts]
        self.model.eval().start(
            torch.cat([part.rows(slice(None, None, step)) for part, step in zip(parts, steps, strict=True)]),
            torch.cat([part.y[::step] for part, step in zip(parts, steps, strict=True)]),
        )

    def _episodic(
        self, name: str, languages: Sequence[str], plan: Optimisation, shots: tuple[int, ...], *, noisy: bool
    ) -> Stage:
        """``noisy``: with dropout, which is for f to learn with; beliefs are about f as it will be."""
        config = self.config
        episodes = EpisodeBatches(
            self.data,
            languages,
            seed=self.seed,
            stage=name,
            each=config.episodes,
            queries=config.queries,
            shots=config.shots,
        )

        def loss(epoch: int, step: int) -> torch.Tensor:
            self.model.train(noisy)
            return self.loss(episodes(epoch, step))

        return Stage(name, self.model, episodes.steps, loss, lambda: self._accuracies(shots), plan)

    def loss(self, episodes: EpisodeBatch) -> torch.Tensor:
        """Mean over query words of the negative log-likelihood."""
        valid = torch.ones(episodes.tasks, len(self.known), dtype=torch.bool)
        logits = self.model.logits(episodes.query, self.model.solve(episodes.support, valid))
        return functional.cross_entropy(logits, episodes.query.y)

    def _accuracies(self, shots: Sequence[int]) -> dict[str, float]:
        return self.accuracies(lambda: ClosedFormAligner(self.config, self.model, self.known), shots)
