"""Inner loops that change all of an f with one hidden layer, in closed form.

    h = s(X W1^T + b1),  logits = scores [h, 1]  (:class:`.regression.Readout`),  s = LeakyReLU 0.2
    E = (softmax(logits) - one-hot labels) / words
    G += E [h, 1],   delta = (E^T scores) * s'(h)

The first layer in whichever of two forms takes fewer multiplications, with delta_i the delta of step i:

    direct:  W_t = W - rate * sum_i delta_i^T X, then X W_t^T
    Gram:    X W_t^T = X W^T - rate * K sum_i delta_i,   K = X X^T + 1   (the 1 carries the bias)

The second never forms W_t: support words enter by their inner products alone, which no step changes. It is
exact for plain gradient steps with one rate, of weight and bias alike. Query words need X_q X_s^T + 1
likewise, or W_t once.
"""

import torch
from torch.nn import functional

from ..episodes import EpisodeBatch, Words
from ..maps import AlignmentModel, Encoder
from .base import InnerLoop, Rates, rate
from .regression import Readout
from .rows import groups, lengths, of_tasks, rows

NAMES = ("f.linears.0.weight", "f.linears.0.bias")
BLOCK = 160  # words
SLOPE = 0.2
# Words of a group: what a step touches then stays in the cache, and small tasks still share their products.
MOST = 1024
MOST_ELSEWHERE = 2**16  # a GPU wants few, large products


def first_layer(f: Encoder, x: torch.Tensor, rates: Rates, steps: int) -> "Direct | Gram":
    """The first layer at its start, before ``steps`` steps on ``x`` [tasks, words, dim].

    A step after the first costs 2 words dim hidden multiplications in direct form, and words^2 hidden in Gram
    form, with words^2 dim once: Gram form where that is less, and one rate is given.
    """
    weight, bias = f.get_parameter("linears.0.weight"), f.get_parameter("linears.0.bias")
    (hidden, dim), words, again = weight.shape, x.shape[1], steps - 1
    if isinstance(rates, float) and words * (dim + again * hidden) <= 2 * again * dim * hidden:
        return Gram(weight, bias, x, rates)
    return Direct(weight, bias, x, rates)


class Direct:
    """The weights of each task; needed where every parameter has its own rate."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, x: torch.Tensor, rates: Rates) -> None:
        self.weight, self.bias, self.x = weight, bias, x
        self.rates = [rate(rates, name) for name in NAMES]
        self.sums: tuple[torch.Tensor, torch.Tensor] | None = None  # of gradients

    def support(self) -> torch.Tensor:
        """[tasks, words, hidden]: X W_t^T + b_t."""
        return self.query(self.x)

    def step(self, delta: torch.Tensor, *, last: bool) -> None:
        """A step along ``delta`` [tasks, words, hidden]; that it is the last changes nothing here."""
        weight, bias = delta.mT @ self.x, delta.sum(1)
        self.sums = (self.sums[0] + weight, self.sums[1] + bias) if self.sums else (weight, bias)

    def query(self, x: torch.Tensor) -> torch.Tensor:
        """[tasks, words, dim] -> [tasks, words, hidden] by the weights after the steps taken."""
        if not self.sums:
            return functional.linear(x, self.weight, self.bias)
        weight, bias = self.parameters()
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    def parameters(self) -> tuple[torch.Tensor, torch.Tensor]:
        """[tasks, hidden, dim] and [tasks, hidden] after the steps taken."""
        if not self.sums:
            return _same(self.weight, self.bias, len(self.x))
        return self.weight - self.rates[0] * self.sums[0], self.bias - self.rates[1] * self.sums[1]


class Gram:
    """The activations of each task's own words."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, x: torch.Tensor, rate: float) -> None:
        self.weight, self.bias, self.x, self.rate = weight, bias, x, rate
        self.values = functional.linear(x, weight, bias)
        self.inner: torch.Tensor | None = None
        self.total: torch.Tensor | None = None  # sum of delta

    def support(self) -> torch.Tensor:
        """[tasks, words, hidden]: X W_t^T + b_t."""
        return self.values

    def step(self, delta: torch.Tensor, *, last: bool) -> None:
        """A step along ``delta`` [tasks, words, hidden]; after the last, support words are not needed."""
        self.total = delta if self.total is None else self.total + delta
        if not last:
            if self.inner is None:
                self.inner = inner_products(self.x)
            self.values = torch.baddbmm(self.values, self.inner, delta, alpha=-self.rate)

    def query(self, x: torch.Tensor) -> torch.Tensor:
        """[tasks, words, dim] -> [tasks, words, hidden] by the weights after the steps taken.

        Here too the form with fewer multiplications; how many words the support has does not matter to it.
        """
        (hidden, dim), words = self.weight.shape, x.shape[1]
        if self.total is None:
            return functional.linear(x, self.weight, self.bias)
        if words * (dim + hidden) > dim * hidden:
            weight, bias = self.parameters()
            return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)
        with torch.no_grad():
            inner = (x @ self.x.mT).add_(1)
        values = functional.linear(x, self.weight, self.bias)
        return torch.baddbmm(values, inner, self.total, alpha=-self.rate)

    def parameters(self) -> tuple[torch.Tensor, torch.Tensor]:
        """[tasks, hidden, dim] and [tasks, hidden] after the steps taken."""
        weight, bias = _same(self.weight, self.bias, len(self.x))
        if self.total is None:
            return weight, bias
        weight = torch.baddbmm(weight, self.total.mT, self.x, alpha=-self.rate)
        return weight, bias - self.rate * self.total.sum(1)


def _same(weight: torch.Tensor, bias: torch.Tensor, tasks: int) -> tuple[torch.Tensor, torch.Tensor]:
    return weight.expand(tasks, -1, -1), bias.expand(tasks, -1)


@torch.no_grad()
def inner_products(x: torch.Tensor) -> torch.Tensor:
    """[tasks, words, dim] -> [tasks, words, words]: X X^T + 1.

    Of many words block by block on and above the diagonal, the rest mirrored.
    """
    tasks, words, _ = x.shape
    if words <= BLOCK or x.device.type != "cpu":
        return (x @ x.mT).add_(1)
    out = x.new_empty(tasks, words, words)
    for low in range(0, words, BLOCK):
        high = min(low + BLOCK, words)
        out[:, low:high, low:] = x[:, low:high] @ x[:, low:].mT
        out[:, high:, low:high] = out[:, low:high, high:].mT
    return out.add_(1)


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
