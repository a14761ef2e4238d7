"""Learners by gradient steps: a learned start that a language's labelled words move. MAML and its kin.

    p(k | x) = softmax_k(-||A f(x) + a - z_k||^2)

Of that model (:class:`concept_align.meta.maps.AlignmentModel`) the map (A, a), the head of f or all of f is
adapted, by full-batch steps on the support words; without support it is the start itself, and a start is
trained on episodes of 0 support words too. With theta_l = theta - r grad L_support(theta), as many steps as
asked for, theta is trained by the gradient of sum_l L_query(theta_l):

    maml      through the steps (order 2)               Finn et al. 2017 (arXiv 1703.03400), algorithm 2
    fomaml    taken at theta_l, not through the steps   ibid., 5.2; Nichol et al. 2018 (arXiv 1803.02999), 4
    anil      through steps on the head of f alone      Raghu et al. 2020 (arXiv 1909.09157), section 4
    meta-sgd  through the steps; a rate r for every     Li et al. 2017 (arXiv 1707.09835), equation 3 and
              adapted number is learned with theta      algorithm 1, where one step is taken
    reptile   replaced by theta - theta_l               Nichol et al. 2018, algorithm 2

The number of steps on a new language is the one that was best on the validation languages with about as many
sentences, unless it is given. The inner loops see the model without dropout; the first stage, on pooled
words, has it.
"""

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import torch
from torch import nn

from ...errors import UsageError
from ...progress import Progress
from ...spaces.features import Features
from ..data import torch_stream
from ..engines.base import ENGINES, Engine, InnerLoop, Order, Rates
from ..episodes import EpisodeBatch, Words
from ..maps import ADAPTS, Adapts, AlignmentModel, Encoder, adapted_names
from ..train import Optimisation, Stage
from .base import Aligner, TrainingData
from .fit import EpisodicConfig, Fit, Records, published_shape
from .modules import SteppedAligner

TIMES = (0, 1, 2, 4, 10)  # multiples of an episode's steps that a new language may take


class Initialisation(nn.Module):
    """The model that every language starts from, and how far a gradient takes each of its numbers."""

    def __init__(self, model: AlignmentModel, adapts: Adapts, rate: float, *, learned: bool) -> None:
        """``learned``: a rate for every adapted number, all of them ``rate`` at first."""
        super().__init__()
        self.model, self.names, self.rate = model, adapted_names(model, adapts), rate
        adapted = [model.get_parameter(name) for name in self.names] if learned else []
        self.learned = nn.ParameterList(torch.full_like(value, rate) for value in adapted)

    @property
    def dim(self) -> int:
        return self.model.f.dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, concepts]: logits without any step."""
        logits: torch.Tensor = self.model(x)
        return logits

    def rates(self) -> Rates:
        """One rate, or the learned ones by name."""
        return dict(zip(self.names, self.learned, strict=True)) if len(self.learned) else self.rate


class GradientAligner(SteppedAligner):
    """The start."""

    saved_as = "start."

    def _stepped(self, support: Features, valid: torch.Tensor, steps: int, seed: int) -> AlignmentModel:
        model: AlignmentModel = copy.deepcopy(self.model.model)
        # The steps are on the softmax over what may be predicted: on the prototypes of these concepts alone.
        narrow = copy.deepcopy(model)
        narrow.prototypes = nn.Parameter(model.prototypes.detach()[valid])
        words = Words.alone(support.x, (valid.cumsum(0) - 1)[support.y])
        inner = InnerLoop(self.config.adapts, steps, 1)
        # An aligner asks for no library that its fit was run with to be compared.
        engine = ENGINES.get("functional" if self.config.engine == "learn2learn" else self.config.engine)()
        take(model, engine.adapt(narrow, words, inner, self.model.rates()))
        return model


@torch.no_grad()
def take(model: AlignmentModel, adapted: Mapping[str, torch.Tensor]) -> None:
    """Put the adapted parameters of one task, [1, ...], into ``model``."""
    for name, value in adapted.items():
        model.get_parameter(name).copy_(value[0])


class GradientFit(Fit):
    """The stages of one fit, on one start."""

    def __init__(self, config: "Gradient", data: TrainingData, seed: int) -> None:
        super().__init__(config, data, seed)
        self.engine: Engine = ENGINES.get(config.engine)()
        self.start: Initialisation = self.model
        self.episodes = self.episodes_of("episodes", data.train)
        self.weights = branch_weights(data.train, data.branches if config.branch_balanced else {})

    def stages(self) -> dict[str, Callable[[], Stage]]:
        """Single words of all languages, with the start as a classifier; then episodes."""
        pooled = {"pooled": self.pooled} if self.config.pooled_epochs else {}
        return {**pooled, "episodic": self.episodic}

    def pooled(self) -> Stage:
        return self.on_words("pooled", None, lambda: self.accuracies((0,)), module=self.start.model)

    def episodic(self) -> Stage:
        """Episodes of the training languages."""
        config, steps = self.config, self.episodes.steps
        self.start.requires_grad_(True)  # an aligner that was validated froze all of it
        plan = Optimisation(config.epochs, config.lr)
        validate = partial(self.accuracies, config.validation_shots)
        return Stage("episodes", self.start, steps, self.loss, validate, plan)

    def accuracies(self, shots: Sequence[int]) -> dict[str, float]:
        return self.validation.accuracies(self.aligner({1: self.config.steps}), shots)

    def finish(self, progress: Progress | None) -> tuple[Aligner, Records]:
        """With the number of steps that a new language takes."""
        config = self.config
        if config.adapt_steps is not None:
            return self.aligner({1: config.adapt_steps}), {}
        return self.choose_steps([times * config.steps for times in TIMES], progress)

    def loss(self, epoch: int, step: int) -> torch.Tensor:
        """The mean over the tasks of a step, weighted."""
        episodes = self.episodes(epoch, step)
        weights = torch.tensor([self.weights[language] for language in episodes.languages])
        # What engines do about dropout does not matter: there is none in episodes.
        self.start.eval()
        return (self.losses(episodes) * weights).mean()

    def losses(self, episodes: EpisodeBatch) -> torch.Tensor:
        """[tasks] of the query words after adapting."""
        config, start = self.config, self.start
        inner = InnerLoop(config.adapts, config.steps, config.order)
        return self.engine.losses(start.model, episodes, inner, start.rates())


class ReptileFit(GradientFit):
    """The loss is ||theta - theta_l||^2 / (2 r steps), whose gradient is the update; theta_l is as given."""

    def loss(self, epoch: int, step: int) -> torch.Tensor:
        return super().loss(epoch, step) / (2 * self.start.rate * self.config.steps)

    def losses(self, episodes: EpisodeBatch) -> torch.Tensor:
        start, losses = self.start, []
        for task in range(episodes.tasks):
            adapted = self._adapted(episodes, task)
            pairs = ((start.model.get_parameter(name), adapted.get_parameter(name)) for name in start.names)
            losses.append(torch.stack([(now - end.detach()).square().sum() for now, end in pairs]).sum())
        return torch.stack(losses)

    def _adapted(self, episodes: EpisodeBatch, task: int) -> AlignmentModel:
        """The model after one step on each part of a task's words."""
        config, parts = self.config, [episodes.support, episodes.query]
        x = torch.cat([part.x[: len(part.y)][part.task == task] for part in parts])
        y = torch.cat([part.y[part.task == task] for part in parts])
        model, inner = copy.deepcopy(self.start.model), InnerLoop(config.adapts, 1, 1)
        for own_x, own_y in zip(x.tensor_split(config.steps), y.tensor_split(config.steps), strict=True):
            take(model, self.engine.adapt(model, Words.alone(own_x, own_y), inner, self.start.rate))
        return model


@dataclass(frozen=True)
class Gradient(EpisodicConfig):
    """The options of all of them; which choices a learner has, its class says."""

    aligner, fits = GradientAligner, GradientFit
    orders: ClassVar[tuple[Order, ...]] = (1, 2)
    places: ClassVar[tuple[Adapts, ...]] = ADAPTS
    learns_rates: ClassVar[bool] = False

    episodes_per_step: int = 4
    shots: tuple[int, ...] = (0, 1, 5, 10, 20, 50)
    lr: float = 3e-4
    validation_shots: tuple[int, ...] = (0, 1, 10, 50)
    adapts: Adapts = "map"
    order: Order = 2
    steps: int = 5  # of an episode
    inner_lr: float = 0.05
    engine: str = "fast"
    adapt_steps: int | None = None  # on a new language; None: chosen on the validation languages
    branch_balanced: bool = False  # languages of one branch share the weight of one

    def __post_init__(self) -> None:
        ENGINES.get(self.engine)
        choices: dict[str, tuple[Any, ...]] = {"order": self.orders, "adapts": self.places}
        where = f"options of {self.name}"
        for key, allowed in choices.items():
            if (value := getattr(self, key)) not in allowed:
                remedy = f"use {' or '.join(map(repr, allowed))}, or another learner: maml has every choice"
                raise UsageError(f"{self.name} has no {key} = {value!r}", where=where, remedy=remedy)
        positive = ("steps", "episodes", "episodes_per_step", "queries", "inner_lr")
        wrong = {key: "a number above 0" for key in positive if getattr(self, key) <= 0}
        for key in ("shots", "validation_shots"):
            if min(getattr(self, key), default=-1) < 0:
                wrong[key] = "one or more numbers, none negative"
        for key, wanted in wrong.items():
            raise UsageError(f"{key} = {getattr(self, key)!r}", where=where, remedy=f"give {wanted}")

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default`` adapts the map, ``head`` the last layer of f, ``whole`` all of f."""
        shape = published_shape(task)
        if cls.places != ADAPTS:
            return {"default": shape}
        head, whole = {"adapts": "head"}, {"adapts": "all of f", "inner_lr": 0.02}
        return {"default": shape, "head": {**shape, **head}, "whole": {**shape, **whole}}

    @property
    def bars(self) -> int:
        return 1 + bool(self.pooled_epochs) + (self.adapt_steps is None)

    def model(self, dim: int, concepts: int, seed: int) -> Initialisation:
        """Before any training; the same for all learners with the same seed."""
        generator = torch_stream(seed, "gradient", "init")
        encoder = Encoder(dim, self.rank, hidden=self.hidden, dropout=self.dropout, generator=generator)
        model = AlignmentModel(encoder, self.rank, concepts, generator)
        return Initialisation(model, self.adapts, self.inner_lr, learned=self.learns_rates)


@dataclass(frozen=True)
class Maml(Gradient):
    """MAML: the outer gradient goes through the steps."""

    name = "maml"


@dataclass(frozen=True)
class Fomaml(Gradient):
    """First-order MAML: the outer gradient is taken where the steps lead to."""

    name = "fomaml"
    orders = (1,)
    order: Order = 1


@dataclass(frozen=True)
class Anil(Gradient):
    """ANIL: steps on the head of f alone."""

    name = "anil"
    places = ("head",)
    adapts: Adapts = "head"


@dataclass(frozen=True)
class MetaSgd(Gradient):
    """Meta-SGD: ``inner_lr`` is what every rate starts as; a rate may become negative."""

    name = "meta-sgd"
    learns_rates = True


@dataclass(frozen=True)
class Reptile(Gradient):
    """Reptile: the start moves towards where plain gradient descent on each language ends.

        theta_l = theta after steps theta <- theta - r grad L_i(theta), each on other words of the language
        theta  <- theta - lr (1 / languages) sum_l (theta - theta_l) / (r steps)

    (theta - theta_l) / r is the gradient that Adam is given, over the number of steps so that this changes no
    scale. An episode's sentences, support and query together, are dealt to the steps: with the same words in
    every step Reptile would be training on pooled words. What is not adapted stays as the pooled stage left
    it.
    """

    name = "reptile"
    fits = ReptileFit
    orders = (1,)
    order: Order = 1


def branch_weights(languages: Sequence[str], branches: Mapping[str, str]) -> dict[str, float]:
    """Weights of mean 1 that give every branch the same sum; a language not in ``branches`` is one alone."""
    of = {language: branches.get(language, f"{language} alone") for language in languages}
    sizes = Counter(of.values())
    return {language: len(languages) / (len(sizes) * sizes[of[language]]) for language in languages}
