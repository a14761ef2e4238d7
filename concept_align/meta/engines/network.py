"""Inner loops that change all of an f with one hidden layer, in closed form.

h = s(X W1^T + b1),  logits = scores [h, 1]  (:mod:`.readout`),  s = LeakyReLU 0.2
E = (softmax(logits) - one-hot labels) / words
G += E [h, 1],   delta = (E^T scores) * s'(h)  (:mod:`.first_layer`)
"""

import torch
from torch.nn import functional

from ..alignment import AlignmentModel
from ..episodes import EpisodeBatch, Words
from .base import InnerLoop, Rates
from .first_layer import NAMES, Direct, Gram, first_layer
from .readout import Readout
from .rows import groups, lengths, of_tasks, rows

SLOPE = 0.2
# Words of a group: what a step touches then stays in the cache, and small tasks still share their products.
MOST = 1024
MOST_ELSEWHERE = 2**16  # a GPU wants few, large products


def losses(model: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, rates: Rates) -> torch.Tensor:
    """[tasks] the loss on each task's query words after adapting."""
    readout = Readout(model, inner, rates)
    found, order = [], []
    for tasks in _groups(episodes.support):
        words = of_tasks(episodes.query, tasks)
        order += tasks
        if not len(words.y):
            found.append(readout.u.new_zeros(len(tasks)))
            continue
        with torch.set_grad_enabled(inner.order == 2 and torch.is_grad_enabled()):
            first, sums = _descend(model, readout, of_tasks(episodes.support, tasks), inner.steps)
        query = rows(words, words.x)
        hidden = functional.leaky_relu(first.query(query.lay(words.x)), SLOPE)
        found.append(query.loss(_logits(readout.scores(sums), hidden)))
    return torch.cat(found)[torch.tensor(order).argsort()]


def adapt(model: AlignmentModel, support: Words, inner: InnerLoop, rates: Rates) -> dict[str, torch.Tensor]:
    """The adapted parameters of each task, by name [tasks, ...]."""
    readout = Readout(model, inner, rates)
    found, order = [], []
    for tasks in _groups(support):
        first, sums = _descend(model, readout, of_tasks(support, tasks), inner.steps)
        found.append(dict(zip(NAMES, first.parameters(), strict=True)) | readout.parameters(sums))
        order += tasks
    places = torch.tensor(order).argsort()
    return {name: torch.cat([part[name] for part in found])[places] for name in found[0]}


def _descend(
    model: AlignmentModel, readout: Readout, words: Words, steps: int
) -> tuple[Direct | Gram, torch.Tensor]:
    """The first layer and the sums G of the readout after the steps."""
    sums = readout.nothing(words.tasks)
    if not len(words.y):
        nothing = words.x.new_zeros(words.tasks, 0, words.x.shape[1])
        return first_layer(model.f, nothing, readout.given, 0), sums
    support = rows(words, words.x)
    labelled = -support.targets(len(readout.u))
    first = first_layer(model.f, support.lay(words.x), readout.given, steps)
    for step in range(steps):
        hidden = functional.leaky_relu(first.support(), SLOPE)
        scores = readout.scores(sums)
        p = _logits(scores, hidden).softmax(1)
        error = torch.addcmul(labelled, p, support.weight)
        # The slope of each unit is a constant: what its sign depends on needs no gradient.
        delta = torch.ops.aten.leaky_relu_backward(error.mT @ scores[..., :-1], hidden.detach(), SLOPE, True)
        sums = sums + torch.cat([error @ hidden, error.sum(2, keepdim=True)], 2)
        first.step(delta, last=step + 1 == steps)
    return first, sums


def _groups(words: Words) -> list[list[int]]:
    """Tasks to compute side by side."""
    return groups(lengths(words), most=MOST if words.x.device.type == "cpu" else MOST_ELSEWHERE)


def _logits(scores: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """[tasks, concepts, words]: a softmax over the middle axis is the faster one."""
    return torch.baddbmm(scores[..., -1:], scores[..., :-1], hidden.mT)
