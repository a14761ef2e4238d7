"""Training of :mod:`.proto`: two stages over the same kind of episodes, each choosing its own best epoch."""

from pathlib import Path

import torch
from torch import nn

from ...progress import Progress
from ...seeding import derive
from ..data import Validation, identity
from ..episodes import Pool, query_words, schedule
from ..history import save_history
from ..maps import valid_concepts
from ..train import Optimisation, Stage, train
from .base import TrainingData
from .proto import Affine, FewShot, Proto, ProtoAligner, ZeroShot, target_loss, valid_targets


class ProtoFit:
    """One fit of both models."""

    def __init__(
        self, config: Proto, data: TrainingData, prototypes: torch.Tensor, known: torch.Tensor, seed: int
    ) -> None:
        self.config, self.data, self.prototypes, self.known, self.seed = config, data, prototypes, known, seed
        self.pools = {language: Pool(data.load(language, "train")) for language in data.train}
        source = data.load(data.source, "train").counts()
        self.valid = {
            language: valid_concepts(source, pool.features.counts(), config.least)
            for language, pool in self.pools.items()
        }
        self.targets = {
            language: valid_targets(pool.features.y, self.valid[language])
            for language, pool in self.pools.items()
        }
        self.validation = Validation(data, least=config.least, seed=derive(seed, "validation"))
        dim = data.load(data.source, "train").dim
        self.zero = ZeroShot(config.encoder(dim, seed, "zero-shot"), config.rank)
        self.few = FewShot(config.encoder(dim, seed, "few-shot"), config.rank, data.train)
        self._plan: tuple[str, int, list[tuple[str, int]]] = ("", -1, [])

    def run(self, folder: Path | None, progress: Progress | None) -> ProtoAligner:
        config = self.config
        which = identity(self.data, config.name, config.config(), self.seed)
        # The few-shot model chooses its epoch by few-shot validation, the zero-shot one by zero-shot.
        histories = {
            name: train(self._stage(name), seed=self.seed, identity=which, folder=folder, progress=progress)
            for name in ("zero-shot", "few-shot")
        }
        save_history(folder, histories)
        return self._aligner()

    def _aligner(self) -> ProtoAligner:
        start = Affine(self.config.rank)
        if self.config.adapt_init == "mean":
            learned = [adaptor.state_dict() for adaptor in self.few.adaptors.values()]
            start.load_state_dict(
                {name: torch.stack([one[name] for one in learned]).mean(0) for name in learned[0]}
            )
        return ProtoAligner(
            self.config,
            prototypes=self.prototypes,
            known=self.known,
            zero=self.zero,
            few_f=self.few.f,
            start=start,
        )

    def _stage(self, name: str) -> Stage:
        config = self.config
        episodes = config.episodes * len(self.data.train)
        plan = Optimisation(config.epochs, config.lr, config.weight_decay)
        module: nn.Module = self.zero if name == "zero-shot" else self.few
        return Stage(
            name,
            module,
            -(-episodes // config.episodes_per_step),
            lambda epoch, step: self.loss(name, epoch, step),
            lambda: {f"{name} accuracy": self._accuracy(name)},
            plan,
        )

    def loss(self, name: str, epoch: int, step: int) -> torch.Tensor | None:
        """Mean over the step's episodes of the mean loss of each one's query words."""
        config = self.config
        if self._plan[:2] != (name, epoch):
            order = schedule(self.seed, name, epoch, self.data.train, config.episodes)
            self._plan = (name, epoch, order)
        chosen = self._plan[2][step * config.episodes_per_step : (step + 1) * config.episodes_per_step]
        losses = []
        for language, number in chosen:
            pool = self.pools[language]
            queries = min(config.queries, len(pool.sentences))
            episode = pool.episode(self.seed, name, number, shots=0, queries=queries)
            x, targets = query_words(pool.features, self.targets[language], episode.query)
            logits = (
                self.zero.logits(x, self.prototypes)
                if name == "zero-shot"
                else self.few.logits(x, self.prototypes, language)
            )
            losses.append(target_loss(logits, targets, self.valid[language]))
        counted = [loss for loss in losses if loss is not None]
        return torch.stack(counted).mean() if counted else None

    def _accuracy(self, name: str) -> float:
        validation, shots = self.validation, self.config.validation_shots
        # An aligner freezes its parts; training goes on with them afterwards.
        aligner = self._aligner()
        try:
            with torch.enable_grad():
                return validation.accuracy(
                    lambda language: aligner.adapt(
                        None
                        if name == "zero-shot"
                        else validation.support(language, shots, smoothing=self.config.smoothing),
                        valid=validation.valid[language],
                        seed=self.seed,
                    )
                )
        finally:
            self.zero.requires_grad_(True)
            self.few.requires_grad_(True)
