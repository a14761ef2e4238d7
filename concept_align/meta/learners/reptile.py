"""Reptile: the start moves towards where plain gradient descent on each language ends.

    theta_l = theta after steps theta <- theta - r grad L_i(theta), each on other words of the language
    theta  <- theta - lr (1 / languages) sum_l (theta - theta_l) / (r steps)

Nichol et al. 2018 (arXiv 1803.02999), algorithm 2, with their (theta - theta_l) / r as the gradient that Adam
is given, over the number of steps so that this changes no scale. An episode's sentences, support and query
together, are dealt to the steps: with the same words in every step Reptile would be training on pooled words.
What is not adapted stays as the pooled stage left it.
"""

import copy
from dataclasses import dataclass

import torch

from ..engines.base import Engine, InnerLoop, Order
from ..episodes import EpisodeBatch, Words
from ..maps import AlignmentModel
from .gradient import Gradient, Initialisation, take


@dataclass(frozen=True)
class Reptile(Gradient):
    """Reptile: no outer gradient, a difference."""

    name = "reptile"
    orders = (1,)
    order: Order = 1

    def loss(
        self, engine: Engine, start: Initialisation, episodes: EpisodeBatch, weights: torch.Tensor
    ) -> torch.Tensor:
        """||theta - theta_l||^2 / (2 r steps), whose gradient is the update; theta_l is taken as given."""
        losses = []
        for task in range(episodes.tasks):
            adapted = self._adapted(engine, start, episodes, task)
            pairs = ((start.model.get_parameter(name), adapted.get_parameter(name)) for name in start.names)
            losses.append(torch.stack([(now - end.detach()).square().sum() for now, end in pairs]).sum())
        return (torch.stack(losses) * weights).mean() / (2 * start.rate * self.steps)

    def _adapted(
        self, engine: Engine, start: Initialisation, episodes: EpisodeBatch, task: int
    ) -> AlignmentModel:
        """The model after one step on each part of a task's words."""
        parts = [episodes.support, episodes.query]
        x = torch.cat([part.x[: len(part.y)][part.task == task] for part in parts])
        y = torch.cat([part.y[part.task == task] for part in parts])
        model, inner = copy.deepcopy(start.model), InnerLoop(self.adapts, 1, 1)
        for own_x, own_y in zip(x.tensor_split(self.steps), y.tensor_split(self.steps), strict=True):
            take(model, engine.adapt(model, Words.alone(own_x, own_y), inner, start.rate))
        return model
