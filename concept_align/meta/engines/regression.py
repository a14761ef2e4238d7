"""Inner loops over features that never change: a map, a head, or a linear f.

Each task is a softmax regression whose weights are u V (:mod:`.readout`); all tasks take their steps side by
side, in four batched operations a step.
"""

import torch
from torch.nn import functional

from ..alignment import AlignmentModel
from ..episodes import EpisodeBatch, Words
from .base import InnerLoop, Rates
from .readout import Readout, loss
from .rows import Rows, rows


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
    asked, readout = rows(episodes.query, len(model.prototypes), query), Readout(model, inner, rates)
    with torch.set_grad_enabled(inner.order == 2 and torch.is_grad_enabled()):
        sums = descend(readout, episodes.support, support, inner.steps)
    return loss(readout.scores(sums) @ _laid(asked, query).mT, asked)


def descend(readout: Readout, words: Words, values: torch.Tensor, steps: int) -> torch.Tensor:
    """G [tasks, concepts, width] of :mod:`.readout` after the steps; ``values`` are the words' features."""
    sums = readout.nothing(words.tasks)
    if not len(words.y):
        return sums
    support = rows(words, len(readout.u), values)
    laid, scores = _laid(support, values), readout.stepping(words.tasks)
    # E h = p (weight h) - targets h, and the second term is the same in every step.
    weighted, observed = support.weight.mT * laid, support.targets @ laid
    for _ in range(steps):
        p = (scores(sums) @ laid.mT).softmax(1)
        sums = torch.baddbmm(sums - observed, p, weighted)
    return sums


def _laid(rows: Rows, values: torch.Tensor) -> torch.Tensor:
    """[at least words, width] -> [tasks, longest, width + 1], the last a 1."""
    return rows.lay(functional.pad(values, (0, 1), value=1.0))
