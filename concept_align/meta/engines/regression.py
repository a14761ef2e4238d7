"""Inner loops over features that never change (a map, a head, a linear f), and the gradients in closed form.

    logits(h) = u V h + c          h ends with a 1, so that V holds the layer's weights and its bias

    adapts "map":       V = [A, a],    h = f(x),          u = 2 z,   c_k = -||z_k||^2
    adapts the head:    V = [W2, b2],  h = hidden layer,  u = 2 z A, c_k = 2 z_k . a - ||z_k||^2

and softmax(logits) is p(k | x) = softmax_k(-||A f(x) + a - z_k||^2). With E = (p - one-hot labels) / words
the gradient of the mean negative log-likelihood is dL/dV = u^T E h. What steps change is the sum G of E h
alone, [concepts, width], fewer numbers than V has: with one rate, u V_t = u V_0 - rate u u^T G.

Each task is a softmax regression whose weights are u V; all tasks take their steps side by side, in five
batched operations a step.
"""

import torch
from torch.nn import functional

from ..episodes import EpisodeBatch, Words
from ..maps import AlignmentModel
from .base import InnerLoop, Rates
from .rows import rows


class Readout:
    """The layer of a model. Scores are u V + [0, c], so that logits = scores h."""

    def __init__(self, model: AlignmentModel, inner: InnerLoop, rates: Rates) -> None:
        prototypes = model.prototypes
        self.u, offset = 2 * prototypes, -prototypes.square().sum(1)
        layer = ""
        if inner.adapts != "map":
            offset = offset + self.u @ model.bias
            self.u = self.u @ model.weight
            layer = f"f.linears.{len(model.f.linears) - 1}."
        self.names = (f"{layer}weight", f"{layer}bias")
        self.start = _with_bias(*(model.get_parameter(name) for name in self.names))
        self.offset = functional.pad(offset.unsqueeze(1), (self.start.shape[1] - 1, 0))
        # What brings the gradient of logits back to V: for first order a constant.
        self.back = (self.u if inner.order == 2 else self.u.detach()).mT
        self.given = rates
        self.rates: float | torch.Tensor = (
            rates if isinstance(rates, float) else _with_bias(*(rates[name] for name in self.names))
        )
        # What all steps share, where they have one rate.
        self.first = self.u @ self.start + self.offset
        self.gram = -rates * (self.u @ self.back) if isinstance(rates, float) else None

    def scores(self, sums: torch.Tensor) -> torch.Tensor:
        """[tasks, concepts, width] after the steps whose ``sums`` are G."""
        if self.gram is None:
            return self.u @ self.adapted(sums) + self.offset
        tasks = len(sums)
        return torch.baddbmm(self.first.expand(tasks, -1, -1), self.gram.expand(tasks, -1, -1), sums)

    def nothing(self, tasks: int) -> torch.Tensor:
        """G [tasks, concepts, width] where no step was taken."""
        return self.start.new_zeros(tasks, len(self.u), self.start.shape[1])

    def adapted(self, sums: torch.Tensor) -> torch.Tensor:
        """V of each task, [tasks, rank, width], after the steps whose ``sums`` are G."""
        return self.start - self.rates * (self.back @ sums)

    def parameters(self, sums: torch.Tensor) -> dict[str, torch.Tensor]:
        """V of each task as a weight and a bias, by their names in the model."""
        adapted = self.adapted(sums)
        return dict(zip(self.names, (adapted[..., :-1], adapted[..., -1]), strict=True))


def _with_bias(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """[rank, width - 1], [rank] -> [rank, width]."""
    return torch.cat([weight, bias.unsqueeze(1)], 1)


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
    """G [tasks, concepts, width] after the steps; ``values`` are the words' features."""
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
