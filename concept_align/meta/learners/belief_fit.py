"""What the training of :mod:`.shrink` and :mod:`.closed_form` shares: beliefs are learned apart."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from torch import nn

from ...seeding import derive
from ..data import Validation, total_counts
from ..maps import Encoder
from .base import Aligner, TrainingData


class Believing(nn.Module, ABC):
    """f, and parameters of which some say how far a language's own words are believed."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.f = encoder

    @property
    def dim(self) -> int:
        return self.f.dim

    @abstractmethod
    def beliefs(self) -> tuple[nn.Parameter, ...]: ...


M = TypeVar("M", bound=Believing)


class BeliefFit(Generic[M]):
    """Data, what may be predicted, and accuracies on the validation languages."""

    model: M

    def __init__(self, data: TrainingData, least: int, seed: int) -> None:
        self.data, self.seed = data, seed
        self.counts = total_counts(data)
        self.known = self.counts >= least
        self.validation = Validation(data, least=least, seed=derive(seed, "validation"), known=self.known)

    def learn(self, *, beliefs: bool) -> None:
        """The beliefs are learned, or all but them."""
        self.model.requires_grad_(not beliefs)
        for belief in self.model.beliefs():
            belief.requires_grad_(beliefs)

    def accuracies(self, aligner: Callable[[], Aligner], shots: Sequence[int]) -> dict[str, float]:
        """Those of an aligner of the model, which it freezes: what was learned before is learned again."""
        learning = [parameter.requires_grad for parameter in self.model.parameters()]
        found = self.validation.accuracies(aligner(), shots)
        for parameter, learns in zip(self.model.parameters(), learning, strict=True):
            parameter.requires_grad_(learns)
        return found
