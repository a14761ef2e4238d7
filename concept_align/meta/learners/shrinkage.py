"""What :mod:`.shrink` and :mod:`.closed_form` share: strengths of priors are learned apart from all else."""

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

from torch import nn

from ...seeding import derive
from ..data import Validation, total_counts
from ..maps import Encoder
from .base import TrainingData


class ShrinkageModel(nn.Module, ABC):
    """f, and parameters of which some weigh what is known before against a language's own words."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.f = encoder

    @property
    def dim(self) -> int:
        return self.f.dim

    @abstractmethod
    def prior_strengths(self) -> tuple[nn.Parameter, ...]:
        """The parameters that say how much a support set must hold to overrule the prior."""

    def learn(self, *, prior_strengths: bool) -> None:
        """The prior strengths are learned, or all but them."""
        self.requires_grad_(not prior_strengths)
        for strength in self.prior_strengths():
            strength.requires_grad_(prior_strengths)


M = TypeVar("M", bound=ShrinkageModel)


class ShrinkageFit(Generic[M]):
    """Data, what may be predicted, and accuracies on the validation languages."""

    model: M

    def __init__(self, data: TrainingData, least: int, seed: int) -> None:
        self.data, self.seed = data, seed
        self.counts = total_counts(data)
        self.known = self.counts >= least
        self.validation = Validation(data, least=least, seed=derive(seed, "validation"), known=self.known)
        # Strengths are about languages that f was not trained on; without any the training languages serve.
        self.languages = data.validation or data.train
