"""The last adapted layer: from features of words to logits, and the gradient of the loss in closed form.

    logits(h) = u V h + c          h ends with a 1, so that V holds the layer's weights and its bias

    adapts "map":       V = [A, a],    h = f(x),          u = 2 z,   c_k = -||z_k||^2
    adapts the head:    V = [W2, b2],  h = hidden layer,  u = 2 z A, c_k = 2 z_k . a - ||z_k||^2

and softmax(logits) is p(k | x) = softmax_k(-||A f(x) + a - z_k||^2). With E = (p - one-hot labels) / words
the gradient of the mean negative log-likelihood is dL/dV = u^T E h. What steps change is the sum G of E h
alone, [concepts, width], fewer numbers than V has: with one rate, u V_t = u V_0 - rate u u^T G.
"""

import torch
from torch.nn import functional

from ..alignment import AlignmentModel
from .base import InnerLoop, Rates


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
