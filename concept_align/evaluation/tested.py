"""Learners under test: their aligners, one a training seed, and what each says of a target's test words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import Protocol as Interface

import numpy as np
import torch

from ..errors import LearningError
from ..progress import Bar
from ..seeding import derive
from ..spaces.features import Features
from .protocol import Load, Protocol
from .results import ALL_SHOTS
from .targets import Target
from .units import LEVELS, Predictions, UnitLog


class Predicts(Interface):
    """A classifier; with ``scores`` (log-probabilities), its confidences are known too."""

    def predict(self, x: torch.Tensor) -> torch.Tensor: ...


class Adapts(Interface):
    """What evaluation asks of an aligner; ``transductive`` and ``wants`` are asked for where it has them."""

    def adapt(
        self,
        support: Features | None = None,
        *,
        unlabelled: torch.Tensor | None = None,
        valid: torch.Tensor | None = None,
        seed: int = 0,
    ) -> Predicts: ...


@dataclass(frozen=True)
class UnderTest:
    """A learner: one aligner, or several that differ in their training seed alone.

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
        return (ALL_SHOTS,) if target.train is not None and target.train.words else ()

    def tests(self, shots: Sequence[int], protocol: Protocol) -> int:
        """How many tests it takes in a language with these ``shots``."""
        each = 1 if self.everything else sum(protocol.draws_of(number) for number in shots)
        return each * len(self.aligners)

    def logs(self, folder: Path | None, made_from: Mapping[str, Any], target: Target) -> list[UnitLog]:
        """The finished units of each aligner in the language of ``target``."""
        language, words = target.test.language, target.test.words
        found = []
        for number in range(len(self.aligners)):
            identity = dict(self.identities[number]) if self.identities else {}
            path = None if folder is None else folder / self._folder(number, identity) / f"{language}.jsonl"
            found.append(UnitLog(path, {**made_from, "aligner": identity}, words))
        return found

    def _folder(self, number: int, identity: Mapping[str, Any]) -> str:
        """A name that any learner's name may stand in, another one for every aligner."""
        safe = re.sub(r"[^\w.+-]", "_", self.name).lstrip(".")
        parts = [safe] if safe == self.name else [safe, f"{derive(0, self.name):016x}"]
        if identity:
            parts.append(f"{derive(0, repr(sorted(identity.items()))):016x}"[:12])
        elif number:
            parts.append(str(number))
        return "-".join(parts)


def tested(
    aligners: Sequence[tuple[str, Adapts] | UnderTest], identities: Mapping[str, Mapping[str, Any]] | None
) -> list[UnderTest]:
    """``aligners`` as learners under test, sorted by name."""
    known = identities or {}
    found = [
        one
        if isinstance(one, UnderTest)
        else UnderTest(one[0], (one[1],), (known[one[0]],) if one[0] in known else ())
        for one in aligners
    ]
    return sorted(found, key=lambda one: one.name)


def predictions(
    one: UnderTest, target: Target, *, logs: Sequence[UnitLog], protocol: Protocol, bar: Bar
) -> Iterator[tuple[int, list[Predictions]]]:
    """By number of shots, predictions of every draw, seed by seed; finished units are not redone."""
    for shots in one.shots(target):
        draws = []
        for aligner, log in zip(one.aligners, logs, strict=True):
            for draw in range(protocol.draws_of(shots) if shots != ALL_SHOTS else 1):
                if (shots, draw) not in log.done:
                    log.add((shots, draw), _predicted(one.name, aligner, target, shots, draw, protocol))
                draws.append(log.done[shots, draw])
                bar.advance()
        yield shots, draws


def _predicted(
    name: str, aligner: Adapts, target: Target, shots: int, draw: int, protocol: Protocol
) -> Predictions:
    language = target.test.language
    support = target.train if shots == ALL_SHOTS else target.support(shots, draw, protocol)
    looks = getattr(aligner, "transductive", False)
    classifier = aligner.adapt(
        support,
        **({"unlabelled": target.unlabelled} if looks else {}),
        valid=target.valid,
        seed=derive(protocol.seed, "adapt", language, shots, draw),
    )
    with torch.no_grad():
        if not hasattr(classifier, "scores"):
            return _checked(classifier.predict(target.test.x), None, target.test, name)
        best, codes = classifier.scores(target.test.x).max(1)
        return _checked(codes, best.exp(), target.test, name)


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
        raise LearningError(
            "its scores are not log-probabilities: their exponentials lie outside 0 to 1",
            where=f"learner {name}, language {test.language}",
            remedy="let scores() return the logarithm of a softmax",
        )
    return Predictions(chosen, np.rint(np.minimum(shares, 1) * LEVELS).astype(np.uint8))
