"""Training of :mod:`.gradient`: words of all languages at n = 0, episodes, and how many steps to take."""

from collections import Counter
from collections.abc import Sequence

import torch
from torch.nn import functional

from ...progress import Progress, Silent
from ...seeding import derive
from ...treebanks import registry as treebanks
from ..data import EpisodeBatches, Validation, WordBatches, total_counts
from ..engines.registry import engine
from ..train import Optimisation, Stage
from .base import TrainingData
from .gradient import Gradient, GradientAligner

SHOTS = (1, 10, 50)  # steps are chosen for each of these numbers of sentences,
TIMES = (0, 1, 2, 4, 10)  # from these multiples of the steps that an episode takes


def branch_weights(languages: Sequence[str]) -> dict[str, float]:
    """Weights of mean 1 that give every branch the same sum; who is not in the registry is a branch alone."""
    found = {code: treebanks.language(code) for code in languages if code in treebanks.CODES}
    branches = {
        code: (found[code].family, found[code].branch) if code in found else (code,) for code in languages
    }
    sizes = Counter(branches.values())
    return {code: len(languages) / (len(sizes) * sizes[branches[code]]) for code in languages}


class GradientFit:
    """The stages of one fit, on one start."""

    def __init__(self, config: Gradient, data: TrainingData, seed: int) -> None:
        self.config, self.data, self.seed = config, data, seed
        self.engine = engine(config.engine)
        self.known = total_counts(data) >= config.least
        self.start = config.start(data.load(data.source, "train").dim, len(data.concepts), seed)
        self.episodes = EpisodeBatches(
            data,
            data.train,
            seed=seed,
            stage="episodes",
            each=config.episodes,
            queries=config.queries,
            shots=config.shots,
            per_step=config.episodes_per_step,
        )
        self.weights = (
            branch_weights(data.train) if config.branch_balanced else dict.fromkeys(data.train, 1.0)
        )
        self.validation = Validation(
            data, least=config.least, seed=derive(seed, "validation"), known=self.known
        )

    def pooled(self) -> Stage:
        """Single words of all languages: the start as a classifier."""
        config, model = self.config, self.start.model
        batches = WordBatches(self.data, seed=self.seed, stage="pooled", size=config.batch, cap=config.cap)

        def loss(epoch: int, step: int) -> torch.Tensor:
            x, y = batches(epoch, step)
            return functional.cross_entropy(model(x), y)

        plan = Optimisation(config.pooled_epochs, config.pooled_lr, config.weight_decay, decoupled=True)
        return Stage(
            "pooled",
            model,
            batches.steps,
            loss,
            lambda: self.validation.accuracies(self._taking(config.steps), (0,)),
            plan,
        )

    def episodic(self) -> Stage:
        """Episodes of the training languages."""
        config = self.config
        plan = Optimisation(config.epochs, config.lr)
        return Stage(
            "episodes",
            self.start,
            self.episodes.steps,
            self.loss,
            lambda: self.validation.accuracies(self._taking(config.steps), config.validation_shots),
            plan,
        )

    def loss(self, epoch: int, step: int) -> torch.Tensor:
        """The learner's own, over the episodes of the step."""
        episodes = self.episodes(epoch, step)
        weights = torch.tensor([self.weights[language] for language in episodes.languages])
        # What engines do about dropout does not matter: there is none in episodes.
        self.start.eval()
        return self.config.loss(self.engine, self.start, episodes, weights)

    def _taking(self, steps: int) -> GradientAligner:
        """What was learned so far, taking ``steps`` on any support."""
        return self.config.aligner(self.config, self.start, self.known, {1: steps})

    def choose(self, progress: Progress | None) -> tuple[list[dict[str, float]], dict[int, int]]:
        """For each number of sentences the number of steps best on the validation languages."""
        if self.config.adapt_steps is not None:
            return [], {1: self.config.adapt_steps}
        bar = (progress or Silent()).bar("adapt steps", len(SHOTS) * len(TIMES))
        records, chosen = [], {}
        for shots in SHOTS:
            found = {}
            for steps in (times * self.config.steps for times in TIMES):
                found[steps] = self.validation.few_shot(self._taking(steps), shots)
                records.append({"shots": shots, "steps": steps, "accuracy": found[steps]})
                bar.advance()
            chosen[shots] = max(found, key=found.__getitem__)
        return records, chosen
