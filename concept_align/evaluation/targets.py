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


class Views:
    """One target language as learners with different features see it: the same words, another ``x``."""

    def __init__(
        self,
        load: Load,
        language: str,
        source: Features,
        protocol: Protocol,
        *,
        untrained: bool,
        hashed: bool,
    ) -> None:
        """``load`` is what decides the words, the shots and the notices."""
        self.load, self.language, self.source, self.protocol = load, language, source, protocol
        self.untrained, self.hashed = untrained, hashed
        self.said: list[str] = []
        self._targets: dict[Load, Target | None] = {}

    def target(self, load: Load) -> Target | None:
        """The language with the features of ``load``; None if it cannot be tested."""
        if load not in self._targets:
            found, said = prepare(
                self.language, load, self.source, self.protocol, untrained=self.untrained, hashed=self.hashed
            )
            self._targets[load] = found
            if load == self.load:
                self.said += said
        return self._targets[load]

    def of(self, load: Load | None, name: str) -> Target:
        """The language for the learner called ``name``; LearningError if its features are of other words."""
        target, own = self.target(self.load), self.target(load or self.load)
        assert target is not None
        pairs = [] if own is None else [(own.test, target.test), (own.train, target.train)]
        for one, other in pairs:
            if one is not other and (one is None or other is None or not torch.equal(one.y, other.y)):
                own = None
                break
        if own is None:
            raise LearningError(
                f"its features of {self.language} are not of the words the others are tested on",
                where=f"learner {name}",
                remedy="train aligners to be compared with the same --task, --root and --mwt",
            )
        return own
