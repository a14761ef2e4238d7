"""What engines have in common: the adapted parameters, their rates, and a model that draws nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ..alignment import Adapts, AlignmentModel, adapted_names
from .base import Rates


def starts(model: AlignmentModel, adapts: Adapts) -> dict[str, torch.nn.Parameter]:
    """The parameters that take steps, by name, as they are before the first."""
    return {name: model.get_parameter(name) for name in adapted_names(model, adapts)}


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
