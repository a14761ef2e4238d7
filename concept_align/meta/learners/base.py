"""The one interface of everything that learns to classify concepts across languages.

A *learner* is a configuration that can ``fit``; what it learned is an *aligner*, a frozen thing that can
be saved; an aligner ``adapt``s to a language, given a support set or none, into a *classifier*.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import torch

from ...progress import Progress
from ...spaces.features import Features
from ...types import Split


@dataclass(frozen=True)
class TrainingData:
    """The languages a learner may see. ``load`` may be called again and again; it caches.

    The three sets of languages are disjoint from each other and from the languages a run is tested on
    (the source belongs to ``train``); :func:`concept_align.meta.languages.check_disjoint` refuses others.
    """

    source: str
    train: tuple[str, ...]  # includes the source
    validation: tuple[str, ...]
    concepts: tuple[str, ...]
    load: Callable[[str, Split], Features]


class Classifier(Protocol):
    """Concepts of words of one language."""

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """float32 [words, concepts] log-probabilities of [words, dim]; -inf where never predicted."""
        ...

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        """int64 [words]: the best concept of each word."""
        ...


class Aligner(ABC):
    """What a learner learned: tensors and a configuration, nothing else."""

    learner: ClassVar[str]
    # Whether ``adapt`` looks at unlabelled words; who adapts need not load them where it does not.
    transductive: bool = False
    # What ``adapt`` is meant to be given: a support set, or (the upper bound) all labelled training words.
    wants: ClassVar[Literal["support", "everything"]] = "support"

    @abstractmethod
    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> Classifier:
        """A classifier for the language of ``support``; zero-shot without one.

        ``unlabelled`` (float [words, dim]) are further words of the language, without labels: learners that
        are not ``transductive`` pass over them. ``valid`` (bool [concepts]) restricts what may be predicted;
        ``seed`` decides whatever adapting draws at random.
        """

    @abstractmethod
    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``config.json`` and ``model.safetensors``."""

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> "Aligner":
        """Read what :meth:`save_pretrained` wrote; the folder's config names the learner."""
        from .registry import load

        return load(folder)


class Learner(Protocol):
    """A configuration that can be fitted."""

    name: ClassVar[str]

    def config(self) -> dict[str, Any]: ...

    def fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> Aligner:
        """Train. With ``folder``, checkpoints go there and an interrupted fit goes on exactly."""
        ...
