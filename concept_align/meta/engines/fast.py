"""An engine without autograd in the inner loop: gradients of the softmax of distances in closed form.

With order 1 the steps leave no graph at all; with order 2 autograd differentiates the closed forms once.

- A map, a head, or a linear f: steps of a softmax regression on features that never change, computed once
  for the words of all tasks (:mod:`.regression`).
- All of an f with a hidden layer: the first layer in Gram form where that takes fewer multiplications, tasks
  of similar length side by side (:mod:`.network`).
"""

from dataclasses import dataclass

import torch

from ..episodes import EpisodeBatch, Words
from ..maps import AlignmentModel
from . import network, regression
from .base import InnerLoop, Rates, without_dropout


@dataclass(frozen=True)
class Fast:
    """The engine."""

    name: str = "fast"

    @torch.no_grad()
    def adapt(
        self, model: AlignmentModel, support: Words, inner: InnerLoop, rates: Rates
    ) -> dict[str, torch.Tensor]:
        """The adapted parameters of each task, by name [tasks, ...], without a graph."""
        with without_dropout(model):
            if _whole_network(model, inner):
                return network.adapt(model, support, inner, rates)
            values = regression.features(model, support.x, inner)
            readout = regression.Readout(model, inner, rates)
            return readout.parameters(regression.descend(readout, support, values, inner.steps))

    def losses(
        self, model: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, rates: Rates
    ) -> torch.Tensor:
        """[tasks] the loss on each task's query words after adapting."""
        with without_dropout(model):
            if _whole_network(model, inner):
                return network.losses(model, episodes, inner, rates)
            with torch.set_grad_enabled(inner.order == 2 and torch.is_grad_enabled()):
                support = regression.features(model, episodes.support.x, inner)
            query = regression.features(model, episodes.query.x, inner)
            return regression.losses(model, episodes, support, query, inner, rates)


def _whole_network(model: AlignmentModel, inner: InnerLoop) -> bool:
    return inner.adapts == "all of f" and len(model.f.linears) > 1
