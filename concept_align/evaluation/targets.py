"""A target language made ready: its features, what may be predicted, and the shots it allows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..errors import LearningError
from ..spaces.features import Features
from .protocol import Load, Protocol, support_sentences, usable, valid_concepts
from .units import digest


@dataclass(frozen=True, eq=False)
class Target:
    """One target language, with what all its units share."""

    train: Features | None
    test: Features
    valid: torch.Tensor | None
    shots: tuple[int, ...]  # those its training split allows
    made_from: Mapping[str, Any] = field(default_factory=dict)  # hashes of the features

    @property
    def unlabelled(self) -> torch.Tensor:
        """[words, dim]: what may be seen of it without labels; the test words for want of others."""
        return self.train.x if self.train is not None and self.train.words else self.test.x

    def support(self, shots: int, draw: int, protocol: Protocol) -> Features | None:
        """The support set of one draw; None for zero shots."""
        if not shots or self.train is None:
            return None
        return self.train.of_sentences(
            support_sentences(self.train, shots, draw, seed=protocol.seed, smoothing=protocol.smoothing)
        )


def prepare(
    language: str, load: Load, source: Features, protocol: Protocol, *, untrained: bool, hashed: bool
) -> tuple[Target | None, list[str]]:
    """The language ready for testing, or None if it cannot be tested; and what to tell the reader.

    ``untrained``: it has no train split. ``hashed``: note what its units are made from.
    Raises LearningError where its inventory of concepts is not the source's.
    """
    test = load(language, "test")
    train = None if untrained else load(language, "train")
    for features in (test, train):
        if features is not None and features.concepts != source.concepts:
            raise LearningError(
                f"its concepts are not those of {source.language}",
                where=f"language {language}",
                remedy="load all languages with one inventory of concepts",
            )
    if not test.words:
        return None, [f"{language}: no test word has a label and a representation; left out"]
    if protocol.valid == "pair" and train is None:
        return None, [f"{language}: no training split to tell the concepts of the pair; left out"]
    have = len(usable(train)) if train is not None else 0
    kept = protocol.short == "all" and have > 0
    fate = "all of them used" if kept else "rows left out"
    short = [shots for shots in protocol.shots if shots > have]
    notices = [f"{language}: {have} training sentences for {shots} shots; {fate}" for shots in short]
    shots = tuple(shots for shots in protocol.shots if kept or shots not in short)
    made_from = {"test": digest(test), "train": digest(train) if train else None} if hashed else {}
    return Target(train, test, valid_concepts(protocol, source, train), shots, made_from), notices
