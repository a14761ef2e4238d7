"""An engine without autograd in the inner loop: gradients of the softmax of distances in closed form.

With order 1 the steps leave no graph at all; with order 2 autograd differentiates the closed forms once.

A map, a head or a linear f is a softmax regression on features h that never change, computed once for the
words of all tasks; all tasks take their steps side by side, in five batched operations a step:

    logits(h) = u V h + c          h ends with a 1, so that V holds the layer's weights and its bias

    adapts "map":       V = [A, a],    h = f(x),          u = 2 z,   c_k = -||z_k||^2
    adapts the head:    V = [W2, b2],  h = hidden layer,  u = 2 z A, c_k = 2 z_k . a - ||z_k||^2

and softmax(logits) is p(k | x) = softmax_k(-||A f(x) + a - z_k||^2). With E = (p - one-hot labels) / words
the gradient of the mean negative log-likelihood is dL/dV = u^T E h. What steps change is the sum G of E h
alone, [concepts, width], fewer numbers than V has: with one rate, u V_t = u V_0 - rate u u^T G.

Where all of an f with a hidden layer adapts, tasks of similar length side by side,

    h = s(X W1^T + b1),  logits = scores [h, 1] as above,  s = LeakyReLU 0.2
    G += E [h, 1],   delta = (E^T scores) * s'(h)

with the first layer in whichever of two forms takes fewer multiplications (delta_i: the delta of step i):

    direct:  W_t = W - rate * (sum_i delta_i)^T X, then X W_t^T
    Gram:    X W_t^T = X W^T - rate * K sum_i delta_i,   K = X X^T + 1   (the 1 carries the bias)

The second never forms W_t: support words enter by their inner products alone, which no step changes. It is
exact for plain gradient steps with one rate, of weight and bias alike. Query words need X_q X_s^T + 1
likewise, or W_t once.
"""

import torch
from torch.nn import functional

from ..episodes import EpisodeBatch, Words
from ..maps import AlignmentModel, Encoder
from .base import InnerLoop, Rates, rate, without_dropout
from .rows import groups, lengths, of_tasks, rows

NAMES = ("f.linears.0.weight", "f.linears.0.bias")
BLOCK = 160  # words
SLOPE = 0.2
# Words of a group: what a step touches then stays in the cache, and small tasks still share their products.
MOST = 1024
MOST_ELSEWHERE = 2**16  # a GPU wants few, large products


class Fast:
    """The engine."""

    @torch.no_grad()
    def adapt(
        self, model: AlignmentModel, support: Words, inner: InnerLoop, rates: Rates
    ) -> dict[str, torch.Tensor]:
        with without_dropout(model):
            readout = Readout(model, inner, rates)
            if not _whole_network(model, inner):
                values = _features(model, support.x, inner)
                return readout.parameters(_descend_readout(readout, support, values, inner.steps))
            found, order = [], []
            for tasks in _groups(support):
                first, sums = _descend_network(model, readout, of_tasks(support, tasks), inner.steps)
                found.append(dict(zip(NAMES, first.parameters(), strict=True)) | readout.parameters(sums))
                order += tasks
            places = torch.tensor(order).argsort()
            return {name: torch.cat([part[name] for part in found])[places] for name in found[0]}

    def losses(
        self, model: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, rates: Rates
    ) -> torch.Tensor:
        with without_dropout(model):
            if _whole_network(model, inner):
                return _losses_of_all(model, episodes, inner, rates)
            with _inner_gradients(inner):
                support = _features(model, episodes.support.x, inner)
            query = _features(model, episodes.query.x, inner)
            return regression_losses(model, episodes, support, query, inner, rates)


def _whole_network(model: AlignmentModel, inner: InnerLoop) -> bool:
    return inner.adapts == "all of f" and len(model.f.linears) > 1


def _inner_gradients(inner: InnerLoop) -> torch.set_grad_enabled:
    """Steps leave a graph only where the outer gradient goes through them."""
    return torch.set_grad_enabled(inner.order == 2 and torch.is_grad_enabled())


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


def _features(model: AlignmentModel, x: torch.Tensor, inner: InnerLoop) -> torch.Tensor:
    """[words, width]: what the adapted layer is applied to, for the words of all tasks at once."""
    value: torch.Tensor = model.f(x) if inner.adapts == "map" else model.f.hidden(x)
    return value


def regression_losses(
    model: AlignmentModel,
    episodes: EpisodeBatch,
    support: torch.Tensor,
    query: torch.Tensor,
    inner: InnerLoop,
    rates: Rates,
) -> torch.Tensor:
    """[tasks] the loss on each task's query words; ``support`` and ``query`` are their features."""
    asked, readout = rows(episodes.query, query), Readout(model, inner, rates)
    with _inner_gradients(inner):
        sums = _descend_readout(readout, episodes.support, support, inner.steps)
    return asked.loss(readout.scores(sums) @ asked.lay_with_ones(query).mT)


def _descend_readout(readout: Readout, words: Words, values: torch.Tensor, steps: int) -> torch.Tensor:
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


class FirstLayer:
    """The first layer of f, and the steps it took on the words ``x`` [tasks, words, dim] of some tasks.

    A step after the first costs 2 words dim hidden multiplications in direct form, and words^2 hidden in Gram
    form, with words^2 dim once: Gram form where that is less, and one rate is given.
    """

    def __init__(self, f: Encoder, x: torch.Tensor, rates: Rates, steps: int) -> None:
        self.weight, self.bias = f.get_parameter("linears.0.weight"), f.get_parameter("linears.0.bias")
        (hidden, dim), words, again = self.weight.shape, x.shape[1], steps - 1
        self.x, self.rates = x, [rate(rates, name) for name in NAMES]
        cheaper = words * (dim + again * hidden) <= 2 * again * dim * hidden
        self.rate = rates if isinstance(rates, float) and cheaper else None  # of Gram form; None: direct
        self.inner: torch.Tensor | None = None
        self.total: torch.Tensor | None = None  # sum of delta
        self.support = self.query(x)  # [tasks, words, hidden]: X W_t^T + b_t

    def step(self, delta: torch.Tensor, *, last: bool) -> None:
        """A step along ``delta`` [tasks, words, hidden]; after the last, support words are not needed."""
        self.total = delta if self.total is None else self.total + delta
        if last:
            return
        if self.rate is None:
            self.support = self._by_weights(self.x)
            return
        if self.inner is None:
            self.inner = inner_products(self.x)
        self.support = torch.baddbmm(self.support, self.inner, delta, alpha=-self.rate)

    def query(self, x: torch.Tensor) -> torch.Tensor:
        """[tasks, words, dim] -> [tasks, words, hidden] by the weights after the steps taken.

        Here too the form with fewer multiplications; how many words the support has does not matter to it.
        """
        (hidden, dim), words = self.weight.shape, x.shape[1]
        if self.total is None:
            return functional.linear(x, self.weight, self.bias)
        if self.rate is None or words * (dim + hidden) > dim * hidden:
            return self._by_weights(x)
        with torch.no_grad():
            inner = (x @ self.x.mT).add_(1)
        values = functional.linear(x, self.weight, self.bias)
        return torch.baddbmm(values, inner, self.total, alpha=-self.rate)

    def _by_weights(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.parameters()
        return torch.baddbmm(bias.unsqueeze(1), x, weight.mT)

    def parameters(self) -> tuple[torch.Tensor, torch.Tensor]:
        """[tasks, hidden, dim] and [tasks, hidden] after the steps taken."""
        if self.total is None:
            return self.weight.expand(len(self.x), -1, -1), self.bias.expand(len(self.x), -1)
        weight, bias = self.total.mT @ self.x, self.total.sum(1)
        return self.weight - self.rates[0] * weight, self.bias - self.rates[1] * bias


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


def _losses_of_all(
    model: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, rates: Rates
) -> torch.Tensor:
    """[tasks] the loss on each task's query words after adapting."""
    readout = Readout(model, inner, rates)
    found, order = [], []
    for tasks in _groups(episodes.support):
        words = of_tasks(episodes.query, tasks)
        order += tasks
        if not len(words.y):
            found.append(readout.u.new_zeros(len(tasks)))
            continue
        with _inner_gradients(inner):
            first, sums = _descend_network(model, readout, of_tasks(episodes.support, tasks), inner.steps)
        query = rows(words, words.x)
        hidden = functional.leaky_relu(first.query(query.lay(words.x)), SLOPE)
        found.append(query.loss(_logits(readout.scores(sums), hidden)))
    return torch.cat(found)[torch.tensor(order).argsort()]


def _descend_network(
    model: AlignmentModel, readout: Readout, words: Words, steps: int
) -> tuple[FirstLayer, torch.Tensor]:
    """The first layer and the sums G of the readout after the steps."""
    sums = readout.nothing(words.tasks)
    if not len(words.y):
        nothing = words.x.new_zeros(words.tasks, 0, words.x.shape[1])
        return FirstLayer(model.f, nothing, readout.given, 0), sums
    support = rows(words, words.x)
    labelled = -support.targets(len(readout.u))
    first = FirstLayer(model.f, support.lay(words.x), readout.given, steps)
    for step in range(steps):
        hidden = functional.leaky_relu(first.support, SLOPE)
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
