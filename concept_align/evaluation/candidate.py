"""Learners under test, what each is shown of a target language, and what it predicts of the test words."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import numpy as np
import torch

from ..errors import LearningError
from ..progress import Bar
from ..seeding import derive
from ..spaces.features import Features, Sentences
from ..spaces.source import is_tiny
from ..types import Split
from .config import SUPPORTS, Protocol
from .predictions import LEVELS, PredictionLog, Predictions, digest_features
from .protocol import Load, divided, support_sentences, usable, valid_concepts
from .results import ALL_SHOTS


class Adapts(Interface):
    """What evaluation asks of an aligner; ``transductive`` and ``wants`` are asked for where it has them.

    ``adapt`` takes what that of :class:`Aligner` takes and gives a classifier: an object with ``codes``, and
    with ``scores`` (log-probabilities) where its confidences are known. Words are [words, dim]; what says
    that it is ``sequential`` is given :class:`Sentences`.
    """

    @property
    def adapt(self) -> Callable[..., Any]: ...


@dataclass(frozen=True, eq=False)
class MajorityClass:
    """The majority class of the support; of the source language where there is no support.

    Ties go to the concept that is more frequent in the source.
    """

    counts: torch.Tensor  # [concepts]: training words of the source

    def adapt(
        self, support: Features | None = None, *, valid: torch.Tensor | None = None, **_: Any
    ) -> "MajorityClass":
        counts = self.counts.double()
        if support is not None:
            counts = support.counts() + counts / (counts.sum() + 1)
        return MajorityClass(counts if valid is None else counts.masked_fill(~valid, -1))

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        return torch.full((len(x),), int(self.counts.argmax()))


@dataclass(frozen=True, eq=False)
class Target:
    """One target language made ready: what all its tests share."""

    train: Features | None  # labelled sentences: of its train split, or of ``labelled``
    test: Features
    valid: torch.Tensor | None  # bool [concepts]: what may be predicted; None leaves it to the aligner
    shots: tuple[int, ...]  # those its training split allows
    made_from: Mapping[str, Any] = field(default_factory=dict)  # hashes of the features
    labelled: Split = "train"  # the split that its labelled sentences are of

    @cached_property
    def unlabelled(self) -> Sentences:
        """What may be seen of it without labels; the test words for want of others."""
        if self.train is None or not self.train.words:
            return self.test_words
        train = Sentences(self.train.x, self.train.offsets)
        return Sentences.joined([train, self.test_words]) if self.sees_test else train

    @property
    def sees_test(self) -> bool:
        """Are its test words among those that may be seen without labels?"""
        if self.train is None or not self.train.words:
            return True
        return self.labelled == "test" or is_tiny(self.train.words, self.test.words)

    @cached_property
    def test_words(self) -> Sentences:
        """The test words without their labels."""
        return Sentences(self.test.x, self.test.offsets)

    def support(self, shots: int, draw: int, protocol: Protocol) -> Features | None:
        """The support set of one draw; None for zero shots, the whole train split for all shots."""
        if shots == ALL_SHOTS:
            return self.train
        if not shots or self.train is None:
            return None
        return self.train.of_sentences(
            support_sentences(self.train, shots, draw, seed=protocol.seed, smoothing=protocol.smoothing)
        )


@dataclass(frozen=True)
class TargetViews:
    """One target language as learners with different features see it: the same words, another ``x``."""

    load: Load  # what decides the words, the shots and the notices
    language: str
    source: Features
    protocol: Protocol
    splits: Collection[Split]  # that the language has
    hashed: bool  # note what its units are made from
    notices: list[str] = field(default_factory=list)  # what to tell the reader
    _targets: dict[Load, Target | None] = field(default_factory=dict)

    def target(self, load: Load) -> Target | None:
        """The language with the features of ``load``; None if it cannot be tested.

        Raises LearningError where its inventory of concepts is not the source's.
        """
        if load not in self._targets:
            self._targets[load], notices = self._prepared(load)
            if load == self.load:
                self.notices.extend(notices)
        return self._targets[load]

    def _prepared(self, load: Load) -> tuple[Target | None, list[str]]:
        language, protocol = self.language, self.protocol
        test, said = load(language, "test"), []
        asked = SUPPORTS.index(protocol.support_from) if max(protocol.shots) > 0 else 0
        order: tuple[Split, ...] = SUPPORTS[: asked + 1]
        labelled: Split = next((split for split in order if split in self.splits), "train")
        train = load(language, labelled) if labelled in self.splits else None
        if labelled == "test":
            sents = test.sents
            train, test = divided(test, protocol)
            said = [f"{language}: without a training or dev split; labelled sentences are {train.sents:,} of "
                    f"the {sents:,} of its test split, and the other {test.sents:,} are tested"]  # fmt: skip
        elif labelled == "dev":
            said = [f"{language}: without a training split; labelled sentences are those of its dev split"]
        for features in (test, train):
            if features is not None and features.concepts != self.source.concepts:
                message = f"its concepts are not those of {self.source.language}"
                remedy = "load all languages with one inventory of concepts"
                raise LearningError(message, where=f"language {language}", remedy=remedy)
        if not test.words:
            return None, [f"{language}: no test word has a label and a representation; left out"]
        if protocol.valid == "pair" and train is None:
            return None, [f"{language}: no training split to tell the concepts of the pair; left out"]
        have = len(usable(train)) if train is not None else 0
        kept = protocol.short == "all" and have > 0
        fate = "all of them used" if kept else "rows left out"
        short = [shots for shots in protocol.shots if shots > have]
        shots = tuple(shots for shots in protocol.shots if kept or shots not in short)
        parts = {"test": test, "train": train} if self.hashed else {}
        made_from = {split: digest_features(part) if part else None for split, part in parts.items()}
        target = Target(train, test, valid_concepts(protocol, self.source, train), shots, made_from, labelled)
        kind = "training" if labelled == "train" else "labelled"
        other = "" if have else " (support_from takes labelled sentences of another split)"
        return target, said + [
            f"{language}: {have} {kind} sentences for {number} shots; {fate}{other}" for number in short
        ]

    def of(self, one: "Candidate") -> Target:
        """The language for a learner; LearningError if its features are of other words."""
        target, own = self.target(self.load), self.target(one.load or self.load)
        assert target is not None
        pairs = [] if own is None else [(own.test, target.test), (own.train, target.train)]
        if own is None or any(
            first is not second and (first is None or second is None or not torch.equal(first.y, second.y))
            for first, second in pairs
        ):
            message = f"its features of {self.language} are not of the words the others are tested on"
            remedy = "compare aligners trained with the same task, root and mwt"
            raise LearningError(message, where=f"learner {one.name}", remedy=remedy)
        return own


@dataclass(frozen=True)
class Candidate:
    """A learner under test: one aligner, or several that differ in their training seed alone.

    ``identities`` tell what each aligner is (hashes of its files): its finished units are known by it.
    """

    name: str
    aligners: tuple[Adapts, ...]
    identities: tuple[Mapping[str, Any], ...] = ()
    load: Load | None = None  # its own features of the same words; None: those of the evaluation

    @property
    def transductive(self) -> bool:
        return any(getattr(one, "transductive", False) for one in self.aligners)

    @property
    def everything(self) -> bool:
        """Is it adapted with all labelled training words, whatever the shots? Then it is tested once."""
        return any(getattr(one, "wants", "support") == "everything" for one in self.aligners)

    def shots(self, target: Target) -> tuple[int, ...]:
        """The numbers of shots it is tested at in ``target``."""
        if not self.everything:
            return target.shots
        # A part of a test split is not all that could be known of a language.
        whole = target.train is not None and target.train.words and target.labelled != "test"
        return (ALL_SHOTS,) if whole else ()

    def tests(self, protocol: Protocol) -> int:
        """How many tests it takes in a language that allows all shots."""
        each = 1 if self.everything else sum(map(protocol.draws_of, protocol.shots))
        return each * len(self.aligners)

    def logs(self, folder: Path | None, made_from: Mapping[str, Any], target: Target) -> list[PredictionLog]:
        """The finished units of each aligner in the language of ``target``."""
        language, words = target.test.language, target.test.words
        found = []
        for number, identity in enumerate(self.identities or [{}] * len(self.aligners)):
            path = None if folder is None else folder / self._folder(number, identity) / f"{language}.jsonl"
            found.append(PredictionLog(path, {**made_from, "aligner": dict(identity)}, words))
        return found

    def _folder(self, number: int, identity: Mapping[str, Any]) -> str:
        """A name that any learner's name may stand in, another one for every aligner."""
        safe = re.sub(r"[^\w.+-]", "_", self.name).lstrip(".")
        safe = safe[:100]  # a file's name has a length of its own
        parts = [safe] if safe == self.name else [safe, f"{derive(0, self.name):016x}"]
        if identity:
            parts.append(f"{derive(0, repr(sorted(identity.items()))):016x}"[:12])
        elif number:
            parts.append(str(number))
        return "-".join(parts)

    def predictions(
        self, target: Target, logs: Sequence[PredictionLog], protocol: Protocol, bar: Bar
    ) -> Iterator[tuple[int, list[Predictions]]]:
        """By number of shots, predictions of every draw, seed by seed; finished units are not redone."""
        for shots in self.shots(target):
            draws = []
            for aligner, log in zip(self.aligners, logs, strict=True):
                for draw in range(protocol.draws_of(shots)):
                    if (shots, draw) not in log.done:
                        log.add((shots, draw), self._predicted(aligner, target, shots, draw, protocol))
                    draws.append(log.done[shots, draw])
                    bar.advance()
            yield shots, draws

    def _predicted(
        self, aligner: Adapts, target: Target, shots: int, draw: int, protocol: Protocol
    ) -> Predictions:
        transductive = getattr(aligner, "transductive", False)
        looks = {"unlabelled": _words_for(aligner, target.unlabelled)} if transductive else {}
        seed = derive(protocol.seed, "adapt", target.test.language, shots, draw)
        classifier = aligner.adapt(
            target.support(shots, draw, protocol), valid=target.valid, seed=seed, **looks
        )
        words = _words_for(classifier, target.test_words)
        with torch.no_grad():
            if not hasattr(classifier, "scores"):
                return _checked(classifier.codes(words), None, target.test, self.name)
            best, codes = classifier.scores(words).max(1)
            return _checked(codes, best.exp(), target.test, self.name)


def _words_for(reader: object, words: Sentences) -> torch.Tensor | Sentences:
    return words if getattr(reader, "sequential", False) else words.x


def _checked(codes: torch.Tensor, sure: torch.Tensor | None, test: Features, name: str) -> Predictions:
    chosen = codes.detach().cpu().numpy().astype(np.int64)
    if chosen.shape != (test.words,) or (chosen < 0).any() or (chosen >= len(test.concepts)).any():
        raise LearningError(
            f"predictions of shape {chosen.shape} do not name one of {len(test.concepts)} concepts "
            f"for each of {test.words} words",
            where=f"learner {name}, language {test.language}",
            remedy="evaluate it on the task and concepts it was trained for",
        )
    if sure is None:
        return Predictions(chosen, None)
    shares = sure.detach().cpu().double().numpy()
    if not ((shares >= 0) & (shares <= 1 + 1e-4)).all():  # NaN is refused too
        message = "its scores are not log-probabilities: their exponentials lie outside 0 to 1"
        remedy = "let scores() return the logarithm of a softmax"
        if np.isnan(shares).any():
            remedy = "check that the words' states are finite; let scores() give no NaN"
        raise LearningError(message, where=f"learner {name}, language {test.language}", remedy=remedy)
    return Predictions(chosen, np.rint(np.minimum(shares, 1) * LEVELS).astype(np.uint8))


@dataclass(frozen=True)
class DataUseNotes:
    """Collects, language by language, what learners were shown besides support sets."""

    words: dict[str, list[int]] = field(default_factory=dict)  # learner -> unlabelled words of each target
    test: dict[str, list[str]] = field(default_factory=dict)  # learner -> targets whose test words were seen
    tiny: dict[str, list[str]] = field(default_factory=dict)  # the same, beside a tiny train split
    without: dict[str, list[str]] = field(default_factory=dict)  # learner -> targets it was not tested in
    everything: set[str] = field(default_factory=set)

    def add(self, one: Candidate, target: Target) -> None:
        """Note what ``one`` is shown of ``target``."""
        language = target.test.language
        trained = target.train is not None and target.train.words > 0 and target.labelled != "test"
        if one.everything:
            self.everything.add(one.name)
            if not trained:
                self.without.setdefault(one.name, []).append(language)
        if one.transductive and (trained or not one.everything):
            self.words.setdefault(one.name, []).append(target.unlabelled.words)
            if target.sees_test:
                (self.tiny if trained else self.test).setdefault(one.name, []).append(language)

    def notices(self) -> list[str]:
        """A line for everything that a reader must know."""
        found = []
        for name, words in sorted(self.words.items()):
            many = f"{min(words):,}" + (f" to {max(words):,}" if max(words) > min(words) else "")
            said = f"{name} looked at {many} unlabelled words of each target"
            if languages := self.test.get(name):
                said += f"; the test words themselves, for want of a train split: {', '.join(languages)}"
            if languages := self.tiny.get(name):
                said += f"; the test words, too, where the train split is tiny: {', '.join(languages)}"
            found.append(said)
        for name in sorted(self.everything):
            said = f"{name} was given all labelled training words of each target: an upper bound"
            if languages := self.without.get(name):
                said += f"; left out for want of a train split: {', '.join(languages)}"
            found.append(said)
        return found
