"""Inner loops as functions: torch.func's gradient of a task's loss, vmapped over padded tasks.

The shortest statement of what an engine computes, and so the one to read; others are held to it. Order 1
takes the inner gradients of detached parameters: the outer gradient passes by them.
"""

from dataclasses import replace

import torch
from torch.func import functional_call, grad, vmap

from ..episodes import EpisodeBatch, Words
from ..maps import AlignmentModel, adapted_names
from .base import InnerLoop, Rates, rate, without_dropout

Parameters = dict[str, torch.Tensor]
Padded = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # x [words, dim], y [words], 1 where there is a word


class Functional:
    """The engine."""

    def adapt(
        self, model: AlignmentModel, support: Words, inner: InnerLoop, rates: Rates
    ) -> dict[str, torch.Tensor]:
        still = {name: value.detach() for name, value in model.named_parameters()}
        fixed = rates if isinstance(rates, float) else {key: value.detach() for key, value in rates.items()}
        with without_dropout(model):
            found = self._adapted(model, still, support, replace(inner, order=1), fixed)
        return {name: value.detach() for name, value in found.items()}

    def losses(
        self, model: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, rates: Rates
    ) -> torch.Tensor:
        given: Parameters = dict(model.named_parameters())
        with without_dropout(model):
            adapted = self._adapted(model, given, episodes.support, inner, rates)
            query = _padded(episodes.query)
            losses: torch.Tensor = vmap(lambda theta, words: _loss(model, {**given, **theta}, words))(
                adapted, query
            )
        return losses

    def _adapted(
        self, model: AlignmentModel, given: Parameters, support: Words, inner: InnerLoop, rates: Rates
    ) -> Parameters:
        """theta_steps of each task."""
        start = {name: given[name] for name in adapted_names(model, inner.adapts)}
        # What a gradient is taken at: with order 1 nothing that the outer gradient could follow.
        seen = {name: value.detach() for name, value in given.items()} if inner.order == 1 else given
        if not len(support.y):
            return {name: value.expand(support.tasks, *value.shape) for name, value in start.items()}

        def adapted(words: Padded) -> Parameters:
            theta = start
            gradient = grad(lambda theta: _loss(model, {**seen, **theta}, words))
            for _ in range(inner.steps):
                at = {name: value.detach() for name, value in theta.items()} if inner.order == 1 else theta
                step = gradient(at)
                theta = {name: value - rate(rates, name) * step[name] for name, value in theta.items()}
            return theta

        found: Parameters = vmap(adapted)(_padded(support))
        return found


def _padded(words: Words) -> Padded:
    """[tasks, longest, ...]."""
    x = words.x[: len(words.y)]
    return words.padded(x), words.padded(words.y), words.padded(x.new_ones(len(x)))


def _loss(model: AlignmentModel, parameters: Parameters, words: Padded) -> torch.Tensor:
    """Mean negative log-likelihood of one task's words; 0 without any."""
    x, y, there = words
    log_p = functional_call(model, parameters, (x,)).log_softmax(1)
    own = log_p.gather(1, y.unsqueeze(1)).squeeze(1)
    return -(own * there).sum() / there.sum().clamp(min=1)
