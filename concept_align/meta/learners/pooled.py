"""The baseline that needs no meta-learning: one classifier of the words of all meta-training languages.

    p(k | x) = 1/M sum_m softmax_k(w_mk . h_m(x) + b_mk),   h one hidden layer, or h(x) = x (``hidden = 0``)

Labels are smoothed in training (Szegedy et al. 2016, arXiv 1512.00567), and the answer is the mean of
``members`` m. With support, each is fine-tuned on the labelled words (``adapts``: all of it, or the head w, b
alone) by Adam on batches of them, with a pull of strength ``adapt_pull`` towards where it started. The number
of steps is the one that was best on the validation languages with about as many sentences.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import torch

from ...progress import Progress
from ...spaces.features import Features
from ..data import torch_stream
from ..maps import Encoder
from ..train import Stage
from .base import Aligner
from .ensemble import Descent, Ensemble, ensemble
from .fit import SHOTS, Fit, Records, StagedConfig, published_shape
from .modules import SteppedAligner

STEPS = (0, 5, 20, 50, 100, 200, 400, 800, 1600)  # that fine-tuning may take
SENTENCES = (1, 5, 10, 20, 50, 100)  # at which they are chosen


class PooledAligner(SteppedAligner):
    """The classifier."""

    def _stepped(self, support: Features, valid: torch.Tensor, steps: int, seed: int) -> Encoder | Ensemble:
        config, model = self.config, copy.deepcopy(self.model)
        whole = not config.adapt_words
        batch = support.words if whole else config.adapt_words
        descent = Descent(config.adapt_lr, None, batch, steps, pull=config.adapt_pull, still=whole)
        members: Iterable[Any] = ensemble(model).members
        for place, member in enumerate(members):
            part = None if config.adapts == "all" else member.linears[-1]
            descent.run(member, support.x, support.y, valid, seed, "adapt", place, part=part)
        adapted: Encoder | Ensemble = model
        return adapted

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "concepts": len(self.known)}


class PooledFit(Fit):
    """All words, then the number of steps that adapting takes."""

    def stages(self) -> dict[str, Callable[[], Stage]]:
        loss = partial(ensemble(self.model).loss, smoothing=self.config.smoothing)
        return {"pooled": lambda: self.on_words("pooled", loss)}

    def finish(self, progress: Progress | None) -> tuple[Aligner, Records]:
        config = self.config
        if config.adapts == "none":
            return super().finish(progress)
        return self.choose_steps(config.adapt_steps, progress, config.adapt_sentences)


@dataclass(frozen=True)
class Pooled(StagedConfig):
    """The baseline's options."""

    name = "pooled"
    aligner, fits = PooledAligner, PooledFit
    unsaid: ClassVar[Mapping[str, Any]] = {"members": 1, "smoothing": 0.0, "adapt_words": 0}
    positive = ("adapt_sentences",)
    members: int = 2
    hidden: int = 256  # 0: linear
    dropout: float = 0.33
    smoothing: float = 0.2  # of labels, in training
    least: int = 10  # training words a concept needs, over all languages
    epochs: int = 10
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    lr: float = 1e-3
    weight_decay: float = 1e-4
    adapts: Literal["all", "head", "none"] = "all"
    adapt_lr: float = 1e-3
    adapt_pull: float = 1e-3
    adapt_words: int = 32  # of a step; 0: all of them, at one rate and without dropout, as 0.1 did
    adapt_steps: tuple[int, ...] = STEPS  # chosen among; more than 50 while they help
    adapt_sentences: tuple[int, ...] = (
        SENTENCES  # numbers that they are chosen for, as far as there are so many
    )

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default`` has the f of the paper; ``linear`` is a linear probe; ``single`` is what ``default``
        was in 0.1: one classifier, and few choices of steps, each with all support words."""
        shape = {"hidden": published_shape(task)["hidden"]}
        steps = {"adapt_steps": STEPS[:4], "adapt_sentences": SHOTS}
        return {
            "default": shape,
            "linear": {"hidden": 0, "lr": 3e-3},
            "single": {**shape, **cls.unsaid, **steps},
        }

    @property
    def bars(self) -> int:
        return 1 + (self.adapts != "none")

    def model(self, dim: int, concepts: int, seed: int) -> Encoder | Ensemble:
        generator = torch_stream(seed, "pooled", "init")
        shape: dict[str, Any] = {"hidden": self.hidden, "dropout": self.dropout, "generator": generator}
        made = [Encoder(dim, concepts, **shape) for _ in range(self.members)]
        return made[0] if len(made) == 1 else Ensemble(made)  # one alone was what 0.1 saved
