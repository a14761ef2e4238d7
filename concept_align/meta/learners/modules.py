"""Aligners whose state is one module of torch."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import torch
from torch import nn

from ...checkpoint import under
from ...config import checked
from ...spaces.features import Features
from .base import Aligner
from .classifier import Classifier
from .saved import MOST_STEPS, check_size


class ModelAligner(Aligner):
    """An aligner whose state is one module, which its configuration makes from its shape."""

    saved_as: ClassVar[str] = "model."  # what the names of its tensors begin with

    def __init__(self, config: Any, model: Any, known: torch.Tensor) -> None:
        """``model`` is frozen; ``known``: bool [concepts]."""
        self.config, self.known, self.learner = config, known, config.name
        self.model = model.eval().requires_grad_(False)

    @property
    def dim(self) -> int:
        return int(self.model.dim)

    def settings(self) -> dict[str, Any]:
        return {"config": self.config.config(), "dim": self.model.dim}

    def tensors(self) -> dict[str, torch.Tensor]:
        parameters = self.model.state_dict().items()
        return {"known": self.known, **{f"{self.saved_as}{key}": value for key, value in parameters}}

    @classmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        known, dim = tensors["known"], checked(int, settings["dim"], "dim")
        others = {name: value for name, value in tensors.items() if name != "known"}
        check_size(config, dim, sum(value.numel() for value in others.values()))
        model = config.model(dim, len(known), 0)
        model.load_state_dict(under(cls.saved_as, others))
        return cls(config, model, known)

    def check(self) -> None:
        super().check()
        for name, value in self.model.state_dict().items():
            if not bool(value.isfinite().all()):
                raise ValueError(f"{name} has a number that is not finite")


class SteppedAligner(ModelAligner):
    """A model that takes steps on a support set, as many as its number of sentences calls for."""

    def __init__(
        self, config: Any, model: Any, known: torch.Tensor, steps: Mapping[int, int] | None = None
    ) -> None:
        """``steps``: sentences -> steps; a support set takes those of the nearest number that is not more."""
        super().__init__(config, model, known)
        self.steps = dict(steps or {})

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        steps = self.steps_of(support)
        if support is None or not steps:
            return Classifier(self.model, valid)
        return Classifier(self._stepped(support, valid, steps, seed), valid)

    def steps_of(self, support: Features | None) -> int:
        """As many as ``support`` takes."""
        fewer = [sents for sents in self.steps if support is not None and sents <= support.sents]
        return self.steps[max(fewer)] if fewer else 0

    @abstractmethod
    def _stepped(self, support: Features, valid: torch.Tensor, steps: int, seed: int) -> nn.Module:
        """A copy of the model after ``steps``; ``seed`` decides what they draw at random, if anything."""

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "steps": {str(sents): taken for sents, taken in self.steps.items()}}

    @classmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        found = super().from_parts(config, settings, tensors)
        steps = checked(dict, settings["steps"], "steps")
        found.steps = {int(sents): checked(int, taken, "steps") for sents, taken in steps.items()}
        if odd := [one for one in found.steps.items() if not (one[0] >= 0 and 0 <= one[1] <= MOST_STEPS)]:
            raise ValueError(f"impossible steps {odd[0]}")
        return found
