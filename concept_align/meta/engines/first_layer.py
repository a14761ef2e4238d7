"""The first layer of f under gradient steps, in whichever of two forms takes fewer multiplications.

With delta_i the gradient of step i with respect to X W^T + b, [words, hidden]:

    direct:  W_t = W - rate * sum_i delta_i^T X, then X W_t^T
    Gram:    X W_t^T = X W^T - rate * K sum_i delta_i,   K = X X^T + 1   (the 1 carries the bias)

The second never forms W_t: support words enter by their inner products alone, which no step changes. It is
exact for plain gradient steps with one rate, of weight and bias alike. Query words need X_q X_s^T + 1
likewise, or W_t once.
"""

import torch
from torch.nn import functional

from ..maps import Encoder
from .base import Rates
from .parts import rate

NAMES = ("f.linears.0.weight", "f.linears.0.bias")
BLOCK = 160  # words


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
