"""The baseline that needs no meta-learning: one classifier of the words of all meta-training languages.

    p(k | x) = softmax_k(w_k . h(x) + b_k),   h one hidden layer, or h(x) = x (``hidden = 0``)

With support, it is fine-tuned on the labelled words (``adapts``: all of it, or the head w, b alone) by full
batch Adam with a pull of strength ``adapt_pull`` towards where it started; the number of steps is the one
that was best on the validation languages with about as many sentences.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch.nn import functional

from ...progress import Progress
from ...spaces.features import Features
from ..data import torch_stream
from ..maps import Encoder, masked
from ..train import Stage
from .base import Aligner
from .fit import Fit, Records, StagedConfig, published_shape
from .modules import SteppedAligner

STEPS = (0, 5, 20, 50)  # that fine-tuning may take


class PooledAligner(SteppedAligner):
    """The classifier."""

    def _stepped(self, support: Features, valid: torch.Tensor, steps: int) -> Encoder:
        x, y = support.x, support.y
        model: Encoder = copy.deepcopy(self.model)
        owner = model if self.config.adapts == "all" else model.linears[-1]
        parameters = list(owner.requires_grad_(True).parameters())
        start = [parameter.detach().clone() for parameter in parameters]
        adam = torch.optim.Adam(parameters, lr=self.config.adapt_lr, fused=True)
        with torch.enable_grad():
            for _ in range(steps):
                loss = functional.cross_entropy(masked(model(x), valid), y)
                pull = torch.stack(
                    [(now - old).square().sum() for now, old in zip(parameters, start, strict=True)]
                ).sum()
                adam.zero_grad(set_to_none=True)
                (loss + self.config.adapt_pull * pull).backward()
                adam.step()
        return model.requires_grad_(False)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "concepts": len(self.known)}


class PooledFit(Fit):
    """All words, then the number of steps that adapting takes."""

    def stages(self) -> dict[str, Callable[[], Stage]]:
        return {"pooled": lambda: self.on_words("pooled")}

    def finish(self, progress: Progress | None) -> tuple[Aligner, Records]:
        return (
            super().finish(progress) if self.config.adapts == "none" else self.choose_steps(STEPS, progress)
        )


@dataclass(frozen=True)
class Pooled(StagedConfig):
    """The baseline's options."""

    name = "pooled"
    aligner, fits = PooledAligner, PooledFit
    hidden: int = 256  # 0: linear
    dropout: float = 0.33
    least: int = 10  # training words a concept needs, over all languages
    epochs: int = 10
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    lr: float = 1e-3
    weight_decay: float = 1e-4
    adapts: Literal["all", "head", "none"] = "all"
    adapt_lr: float = 1e-3
    adapt_pull: float = 1e-3

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default`` has the f of the paper; ``linear`` is a linear probe."""
        return {"default": {"hidden": published_shape(task)["hidden"]}, "linear": {"hidden": 0, "lr": 3e-3}}

    @property
    def bars(self) -> int:
        return 1 + (self.adapts != "none")

    def model(self, dim: int, concepts: int, seed: int) -> Encoder:
        generator = torch_stream(seed, "pooled", "init")
        return Encoder(dim, concepts, hidden=self.hidden, dropout=self.dropout, generator=generator)
