"""Inner loops over features that never change: a map, a head, or a linear f.

Each task is a softmax regression whose weights are u V (:mod:`.readout`); all tasks take their steps side by
side, in five batched operations a step.
"""

import torch

from ..alignment import AlignmentModel
from ..episodes import EpisodeBatch, Words
from .base import InnerLoop, Rates
from .readout import Readout
from .rows import rows


def features(model: AlignmentModel, x: torch.Tensor, inner: InnerLoop) -> torch.Tensor:
    """[words, width]: what the adapted layer is applied to, for the words of all tasks at once."""
    value: torch.Tensor = model.f(x) if inner.adapts == "map" else model.f.hidden(x)
    return value


def losses(
    model: AlignmentModel,
    episodes: EpisodeBatch,
    support: torch.Tensor,
    query: torch.Tensor,
    inner: InnerLoop,
    rates: Rates,
) -> torch.Tensor:
    """[tasks] the loss on each task's query words; ``support`` and ``query`` are their features."""
    asked, readout = rows(episodes.query, query), Readout(model, inner, rates)
    with torch.set_grad_enabled(inner.order == 2 and torch.is_grad_enabled()):
        sums = descend(readout, episodes.support, support, inner.steps)
    return asked.loss(readout.scores(sums) @ asked.lay_with_ones(query).mT)


def descend(readout: Readout, words: Words, values: torch.Tensor, steps: int) -> torch.Tensor:
    """G [tasks, concepts, width] of :mod:`.readout` after the steps; ``values`` are the words' features."""
    sums = readout.nothing(words.tasks)
    if not len(words.y):
        return sums
    support = rows(words, values)
    laid = support.lay_with_ones(values)
    # E h = (p h - h of the words of each label) / words, and the second is the same in every step.
    observed, share = _summed(laid, support.labels, like=sums), support.share
    for _ in range(steps):
        p = (readout.scores(sums) @ laid.mT).softmax(1)
        sums = torch.addcmul(sums, torch.baddbmm(observed, p, laid, beta=-1), share)
    return sums


def _summed(values: torch.Tensor, labels: torch.Tensor, *, like: torch.Tensor) -> torch.Tensor:
    """[tasks, longest, width], [tasks, 1, longest] -> [tasks, concepts, width]: sums of each label."""
    tasks, concepts, width = like.shape
    places = labels + concepts * torch.arange(tasks, device=labels.device).view(-1, 1, 1)
    empty = values.new_zeros(tasks * concepts, width)
    return empty.index_add(0, places.flatten(), values.reshape(-1, width)).view_as(like)
