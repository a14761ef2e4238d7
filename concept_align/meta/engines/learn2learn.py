"""Inner loops by learn2learn, the library that is known for them, as the measure of the other engines.

``import learn2learn`` imports gym, qpth and torchvision, which its algorithms do not need and which often
cannot be installed beside a CPU build of torch. A bare package module with the installed path lets the
algorithms be imported alone.
"""

import copy
import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import torch
from torch import nn
from torch.func import functional_call
from torch.nn import functional

from ...errors import LearningError
from ..episodes import EpisodeBatch, Words
from ..maps import Adapts, AlignmentModel, adapted_names
from .base import InnerLoop, Rates, without_dropout


def maml() -> Any:
    """The class ``learn2learn.algorithms.maml.MAML``. LearningError where learn2learn is not installed."""
    return _module("learn2learn.algorithms.maml").MAML


def meta_sgd() -> Any:
    """The class ``learn2learn.algorithms.meta_sgd.MetaSGD``."""
    return _module("learn2learn.algorithms.meta_sgd").MetaSGD


class Learn2Learn:
    """The engine: MAML, or MetaSGD where each parameter has a rate, task by task."""

    def __init__(self) -> None:
        maml()  # where it is not installed, before anything is trained

    def adapt(
        self, model: AlignmentModel, support: Words, inner: InnerLoop, rates: Rates
    ) -> dict[str, torch.Tensor]:
        names, found = adapted_names(model, inner.adapts), []
        own = copy.deepcopy(model).requires_grad_(True)  # the one given may be frozen
        with torch.enable_grad(), without_dropout(own):
            for x, y in _tasks(support):
                learner = _adapted(own, x, y, InnerLoop(inner.adapts, inner.steps, 1), rates)
                found.append([value.detach() for value in learner.module.parameters()])
        together = map(torch.stack, zip(*found, strict=True))
        return dict(zip(names, together, strict=True))

    def losses(
        self, model: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, rates: Rates
    ) -> torch.Tensor:
        found = []
        with torch.enable_grad(), without_dropout(model):
            for support, query in zip(_tasks(episodes.support), _tasks(episodes.query), strict=True):
                found.append(_loss(_adapted(model, *support, inner, rates), *query))
        return torch.stack(found)


class Part(nn.Module):
    """The adapted parameters alone: learn2learn steps along every parameter of the module it is given."""

    def __init__(self, model: AlignmentModel, adapts: Adapts) -> None:
        super().__init__()
        # In a tuple: a module that is an attribute would bring its parameters along.
        self.whole, self.names = (model,), adapted_names(model, adapts)
        for name in self.names:
            self.register_parameter(name.replace(".", "-"), model.get_parameter(name))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[words, dim] -> [words, concepts]."""
        adapted: dict[str, torch.Tensor] = dict(zip(self.names, self.parameters(), strict=True))
        logits: torch.Tensor = functional_call(self.whole[0], adapted, (x,))
        return logits


def _adapted(model: AlignmentModel, x: torch.Tensor, y: torch.Tensor, inner: InnerLoop, rates: Rates) -> Any:
    """learn2learn's clone after its steps on one task's words."""
    part, first = Part(model, inner.adapts), inner.order == 1
    if isinstance(rates, float):
        learner = maml()(part, lr=rates, first_order=first).clone()
    else:
        learner = meta_sgd()(part, lrs=[rates[name] for name in part.names], first_order=first).clone()
    if len(y):
        for _ in range(inner.steps):
            learner.adapt(_loss(learner, x, y))
    return learner


def _tasks(words: Words) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """x and y of each task."""
    x = words.x[: len(words.y)]
    for task in range(words.tasks):
        mine = words.task == task
        yield x[mine], words.y[mine]


def _loss(learner: Any, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Mean negative log-likelihood; 0 without words."""
    return functional.cross_entropy(learner(x), y, reduction="sum") / max(len(y), 1)


def _module(name: str) -> types.ModuleType:
    if "learn2learn" not in sys.modules:
        package = types.ModuleType("learn2learn")
        try:
            package.__path__ = [str(distribution("learn2learn").locate_file("learn2learn"))]
        except PackageNotFoundError as error:
            raise LearningError(
                "learn2learn is not installed",
                remedy="make env builds it, or: pip install --no-deps learn2learn==0.2.0 "
                '--config-settings="--build-option=build_ext"',
            ) from error
        sys.modules["learn2learn"] = package
    return importlib.import_module(name)
