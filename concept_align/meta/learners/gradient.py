"""What MAML and its kin share: a learned start that a language's labelled words move by gradient steps.

    p(k | x) = softmax_k(-||A f(x) + a - z_k||^2)

Of that model (:mod:`concept_align.meta.alignment`) the map (A, a), the head of f or all of f is adapted, by
full-batch steps on the support words. Without support it is the start itself, and a start is trained on
episodes of 0 support words too. The number of steps on a new language is the one that was best on the
validation languages with about as many sentences, unless it is given.

The inner loops see the model without dropout; the first stage, on pooled words, has it.
"""

import copy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import nn

from ...errors import UsageError
from ...progress import Progress
from ...spaces.features import Features
from ..alignment import ADAPTS, Adapts, AlignmentModel, adapted_names
from ..checkpoint import under
from ..data import identity, torch_stream
from ..engines import registry as engines
from ..engines.base import Engine, InnerLoop, Order, Rates
from ..episodes import EpisodeBatch, Words
from ..history import save_history
from ..maps import Encoder
from ..train import train
from .base import TrainingData
from .saved import FunctionClassifier, SavedAligner, predictable, steps_for


def presets(task: str) -> dict[str, dict[str, Any]]:
    """``default`` adapts the map, ``head`` the last layer of f, ``whole`` all of f."""
    shape = {"rank": 64, "hidden": 384} if task == "relation" else {"rank": 32, "hidden": 256}
    head, whole = {"adapts": "head"}, {"adapts": "all of f", "inner_lr": 0.02}
    return {"default": shape, "head": {**shape, **head}, "whole": {**shape, **whole}}


class Start(nn.Module):
    """The model that every language starts from, and how far a gradient takes each of its numbers."""

    def __init__(self, model: AlignmentModel, adapts: Adapts, rate: float, *, learned: bool) -> None:
        """``learned``: a rate for every adapted number, all of them ``rate`` at first."""
        super().__init__()
        self.model, self.names, self.rate = model, adapted_names(model, adapts), rate
        adapted = [model.get_parameter(name) for name in self.names] if learned else []
        self.learned = nn.ParameterList(torch.full_like(value, rate) for value in adapted)

    def rates(self) -> Rates:
        """One rate, or the learned ones by name."""
        return dict(zip(self.names, self.learned, strict=True)) if len(self.learned) else self.rate


class GradientAligner(SavedAligner):
    """The start, and how many steps it takes on a support set of so many sentences."""

    configuration: ClassVar[type["Gradient"]]

    def __init__(self, config: "Gradient", start: Start, known: torch.Tensor, steps: dict[int, int]) -> None:
        """``steps``: sentences -> steps; a support set takes those of the nearest number that is not more."""
        self.config, self.known, self.steps = config, known, steps
        self.start = start.eval()

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> FunctionClassifier:
        """Full-batch steps draw nothing at random: ``seed`` changes nothing."""
        valid, model = predictable(self.known, valid), self.start.model
        if support is not None and (steps := steps_for(self.steps, support.sents)):
            counted = valid[support.y]
            if bool(counted.any()):
                model = self._adapted(support.x[counted].float(), support.y[counted], valid, steps)
        return FunctionClassifier(model, valid)

    def _adapted(self, x: torch.Tensor, y: torch.Tensor, valid: torch.Tensor, steps: int) -> AlignmentModel:
        model = copy.deepcopy(self.start.model)
        # The steps are on the softmax over what may be predicted: on the prototypes of these concepts alone.
        narrow = copy.deepcopy(model)
        narrow.prototypes = nn.Parameter(model.prototypes.detach()[valid])
        words = Words.alone(x, (valid.cumsum(0) - 1)[y])
        inner = InnerLoop(self.config.adapts, steps, 1)
        take(model, self.config.tester().adapt(narrow, words, inner, self.start.rates()))
        return model

    def settings(self) -> dict[str, Any]:
        steps = {str(sents): taken for sents, taken in self.steps.items()}
        return {"config": self.config.config(), "dim": self.start.model.f.dim, "steps": steps}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"known": self.known, **{f"start.{k}": v for k, v in self.start.state_dict().items()}}

    @classmethod
    def from_parts(cls, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        config = cls.configuration(**settings["config"])
        start = config.start(settings["dim"], len(tensors["known"]), 0)
        start.load_state_dict(under("start.", tensors))
        steps = {int(sents): taken for sents, taken in settings["steps"].items()}
        return cls(config, start.requires_grad_(False), tensors["known"], steps)


@torch.no_grad()
def take(model: AlignmentModel, adapted: dict[str, torch.Tensor]) -> None:
    """Put the adapted parameters of one task, [1, ...], into ``model``."""
    for name, value in adapted.items():
        model.get_parameter(name).copy_(value[0])


@dataclass(frozen=True)
class Gradient:
    """What can be chosen for all of them; which choices a learner has, its class says."""

    name: ClassVar[str]
    aligner: ClassVar[type[GradientAligner]]
    orders: ClassVar[tuple[Order, ...]] = (1, 2)
    places: ClassVar[tuple[Adapts, ...]] = ADAPTS
    learns_rates: ClassVar[bool] = False

    adapts: Adapts = "map"
    order: Order = 2
    steps: int = 5  # of an episode
    inner_lr: float = 0.05
    engine: str = "functional"
    adapt_steps: int | None = None  # on a new language; None: chosen on the validation languages
    rank: int = 32
    hidden: int = 256  # 0: f is linear
    dropout: float = 0.33  # of the pooled stage
    least: int = 10  # training words a concept needs, over all languages
    pooled_epochs: int = 4
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    pooled_lr: float = 1e-3
    weight_decay: float = 1e-4
    epochs: int = 4
    episodes: int = 15  # of each language an epoch
    episodes_per_step: int = 4
    queries: int = 20  # sentences
    shots: tuple[int, ...] = (0, 1, 5, 10, 20, 50)  # one drawn for each episode
    lr: float = 3e-4
    branch_balanced: bool = False  # languages of one branch share the weight of one
    validation_shots: tuple[int, ...] = (0, 1, 10, 50)

    def __post_init__(self) -> None:
        engines.check(self.engine)
        self._allow("order", self.order, self.orders)
        self._allow("adapts", self.adapts, self.places)
        for key in ("steps", "episodes", "episodes_per_step", "queries"):
            self._require(key, getattr(self, key) >= 1, "at least 1")
        self._require("inner_lr", self.inner_lr > 0, "above 0")
        for key in ("shots", "validation_shots"):
            numbers = getattr(self, key)
            self._require(key, len(numbers) > 0 and min(numbers) >= 0, "one or more numbers, none negative")

    def _allow(self, key: str, value: Any, allowed: tuple[Any, ...]) -> None:
        if value not in allowed:
            raise UsageError(
                f"{self.name} has no {key} = {value!r}",
                where=f"options of {self.name}",
                remedy=f"use {' or '.join(map(repr, allowed))}, or another learner: maml has every choice",
            )

    def _require(self, key: str, holds: bool, wanted: str) -> None:
        if not holds:
            raise UsageError(
                f"{key} = {getattr(self, key)!r}", where=f"options of {self.name}", remedy=f"give {wanted}"
            )

    def config(self) -> dict[str, Any]:
        found = asdict(self)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

    def start(self, dim: int, concepts: int, seed: int) -> Start:
        """Before any training; the same for all learners with the same seed."""
        generator = torch_stream(seed, "gradient", "init")
        encoder = Encoder(dim, self.rank, hidden=self.hidden, dropout=self.dropout, generator=generator)
        model = AlignmentModel(encoder, self.rank, concepts, generator)
        return Start(model, self.adapts, self.inner_lr, learned=self.learns_rates)

    def tester(self) -> Engine:
        """The engine of :meth:`GradientAligner.adapt`: an aligner asks for no library that its fit was run
        with to be compared."""
        return engines.engine("functional" if self.engine == "learn2learn" else self.engine)

    def loss(
        self, engine: Engine, start: Start, episodes: EpisodeBatch, weights: torch.Tensor
    ) -> torch.Tensor:
        """The mean over tasks of the loss on query words after adapting; ``weights`` [tasks] of mean 1."""
        inner = InnerLoop(self.adapts, self.steps, self.order)
        return (engine.losses(start.model, episodes, inner, start.rates()) * weights).mean()

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> GradientAligner:
        """On pooled words, then on episodes, each with its own checkpoints; then the number of steps."""
        from .gradient_fit import GradientFit  # it needs the configuration of this module

        fit = GradientFit(self, data, seed)
        which = identity(data, self.name, self.config(), seed)
        histories = {
            stage.__name__: train(stage(), seed=seed, identity=which, folder=folder, progress=progress)
            for stage in (*([fit.pooled] if self.pooled_epochs else []), fit.episodic)
        }
        records, steps = fit.choose(progress)
        save_history(folder, {**histories, "adapt": records})
        return self.aligner(self, fit.start.requires_grad_(False), fit.known, steps)
