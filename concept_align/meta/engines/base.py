"""What every engine computes: the loss on query words after gradient steps on support words.

    theta_0 = theta,   theta_{i+1} = theta_i - rate * grad_{theta_i} L_support(theta_i),   i = 0 .. steps - 1
    loss of a task = L_query(theta_steps)

L is the mean negative log-likelihood over a task's words. Only the adapted parameters take steps, the others
stay as they are. With ``order = 1`` the inner gradients are constants (first-order MAML: Finn et al. 2017,
arXiv 1703.03400; Nichol et al. 2018, arXiv 1803.02999); with ``order = 2`` the outer gradient goes
through them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

import torch

from ...registration import Registry
from ..episodes import EpisodeBatch, Words
from ..maps import Adapts, AlignmentModel

Order = Literal[1, 2]
Rates = float | Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class InnerLoop:
    """What a language's own words change, by how many steps, and how the outer gradient sees them."""

    adapts: Adapts = "map"
    steps: int = 5
    order: Order = 1


class Engine(Protocol):
    """``rates`` is one number, or a tensor of each adapted parameter's shape by its name (Meta-SGD)."""

    def adapt(
        self, model: AlignmentModel, support: Words, inner: InnerLoop, rates: Rates
    ) -> dict[str, torch.Tensor]:
        """The adapted parameters of each task, by name: [tasks, ...]; nothing else is returned.

        A task without support words keeps its start.
        """
        ...

    def losses(
        self, model: AlignmentModel, episodes: EpisodeBatch, inner: InnerLoop, rates: Rates
    ) -> torch.Tensor:
        """[tasks] the loss on each task's query words after adapting, differentiable with respect to the
        model's parameters and the rates."""
        ...


ENGINES: Registry[type[Engine]] = Registry(
    "engine",
    option="engine",
    entry_point_group="concept_align.engines",
    builtin={
        "fast": f"{__package__}.fast:Fast",
        "functional": f"{__package__}.functional:Functional",
        "learn2learn": f"{__package__}.learn2learn:Learn2Learn",
    },
)


def rate(rates: Rates, name: str) -> float | torch.Tensor:
    """What a gradient of the parameter called ``name`` is multiplied with."""
    return rates if isinstance(rates, float) else rates[name]


@contextmanager
def without_dropout(model: AlignmentModel) -> Iterator[None]:
    """The model as it is, whatever mode it is in: a step must see the function that it improves."""
    dropout, mode = model.f.dropout, model.f.dropout.training
    dropout.eval()
    try:
        yield
    finally:
        dropout.train(mode)
