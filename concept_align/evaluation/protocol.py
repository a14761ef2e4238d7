"""Zero- and few-shot evaluation: which sentences support, which concepts count, how often it is drawn.

*Support* of N shots is N sentences of the target's train split that hold at least one labelled word; the
test is the whole test split. Draws are **nested**: draw ``i`` is one random order of the training
sentences, seeded by (seed, "support", language, i), and N shots are its first N. So the five-shot support
contains the one-shot support, a learning curve compares like with like, and the order depends neither on
the task nor on the layer: learners, layers and tasks are compared on the same sentences.

*Smoothing* is an option of the published work (Xu et al. 2023): for every concept that the training split
has and the support lacks, one random sentence that has it is added. It uses labels beyond the N sentences,
so it is off unless the published protocol is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import UsageError
from ..seeding import stream
from ..spaces.features import Features
from ..types import Split

Valid = Literal["train", "source", "pair", "all"]
Short = Literal["omit", "all"]
VALIDS: tuple[Valid, ...] = get_args(Valid)
SHORTS: tuple[Short, ...] = get_args(Short)
SHOTS: tuple[int, ...] = (0, 1, 5, 10, 20, 50, 100)

Load = Callable[[str, Split], Features]


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How an aligner is put to the test.

    >>> Protocol(shots=(0, 5), support_draws=3).draws_of(5)
    3
    """

    shots: tuple[int, ...] = SHOTS
    """Numbers of labelled sentences of the target; 0 is zero-shot."""
    support_draws: int = 10
    """Support sets drawn at each number of shots."""
    valid: Valid = "train"
    """Concepts that may be predicted: train (those the aligner knows from its training languages), source
    (those with LEAST training words in the source), pair (as published: in source and target both, which
    looks at the target's training labels even with no support), all. Words of others stay in the test and
    count as errors."""
    least: int = 10
    """Training words without which a concept is not valid in a source or pair."""
    smoothing: bool = False
    """As published: a sentence more for each class that the support lacks."""
    short: Short = "omit"
    """With fewer usable training sentences than shots: omit the rows, or take all there are. Either way it is
    reported."""
    bootstrap: int = 1000
    """Resamples behind the intervals."""
    confidence: float = 0.95
    """Coverage of the intervals."""
    seed: int = 0
    """Seed of everything that is drawn at random."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shots", tuple(self.shots))
        if not self.shots or min(self.shots) < 0 or len(set(self.shots)) < len(self.shots):
            remedy = "give different numbers of sentences, 0 for zero-shot"
            raise UsageError(f"impossible shots {self.shots}", option="shots", remedy=remedy)
        for name, least in (("support_draws", 1), ("bootstrap", 100)):
            if getattr(self, name) < least:
                raise UsageError(
                    f"{getattr(self, name)} is too few", option=name, remedy=f"ask for {least} or more"
                )
        for name, known in (("short", SHORTS), ("valid", VALIDS)):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"unknown value {getattr(self, name)!r}", option=name, remedy=f"use {', '.join(known)}"
                )

    def draws_of(self, shots: int) -> int:
        """Support draws at ``shots``: there is but one empty support, and one whole train split."""
        return self.support_draws if shots > 0 else 1


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Protocol):
    """All options of an evaluation of saved aligners: protocol, target languages, what is compared."""

    aligners: tuple[str, ...] = ()
    """Folders that meta-train wrote, or NAME=FOLDER. Folders that differ in the training seed alone (with one
    NAME, or without) are one learner."""
    store: str = ""
    """Folder that extract wrote."""
    langs: tuple[str, ...] | None = None
    """Target languages: codes, or names of sets. Default: those set aside in training."""
    family_disjoint: bool = False
    """Leave out targets of a family that an aligner has seen."""
    across: bool = False
    """Compare aligners with different features (layers, standardisation) of the same words, each under its
    own name. Default: those with the same features are compared."""
    against: tuple[str, ...] = ()
    """Learners that each is compared with: pooled,proto. Default: all pairs of up to six, else pooled,
    source-probe and proto. p-values are corrected over what is compared."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("aligners", "langs", "against"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))

    @property
    def protocol(self) -> Protocol:
        """How aligners are put to the test, whatever they and their targets are."""
        return Protocol(**{one.name: getattr(self, one.name) for one in fields(Protocol)})


def usable(train: Features) -> NDArray[np.int64]:
    """The sentences that hold a labelled word."""
    return np.flatnonzero(np.diff(train.offsets)).astype(np.int64)


def support_sentences(
    train: Features, shots: int, draw: int, *, seed: int, smoothing: bool = False
) -> NDArray[np.int64]:
    """The sentences of one support set: ``shots`` of them, fewer where there are not so many, more with
    smoothing."""
    order = stream(seed, "support", train.language, draw).permutation(train.sents)
    chosen = order[np.diff(train.offsets)[order] > 0][:shots].astype(np.int64)
    return _smoothed(train, chosen, draw, seed) if smoothing else chosen


def _smoothed(train: Features, chosen: NDArray[np.int64], draw: int, seed: int) -> NDArray[np.int64]:
    sentence = np.repeat(np.arange(train.sents), np.diff(train.offsets))
    y = train.y.numpy()
    have = np.bincount(y[np.isin(sentence, chosen)], minlength=len(train.concepts))
    for code in np.flatnonzero(np.bincount(y, minlength=len(train.concepts))):
        if have[code]:
            continue
        random = stream(seed, "smoothing", train.language, draw, train.concepts[code])
        added = random.choice(np.unique(sentence[y == code]))
        chosen = np.append(chosen, added)
        have += np.bincount(y[sentence == added], minlength=len(train.concepts))
    return chosen


def valid_concepts(protocol: Protocol, source: Features, train: Features | None) -> torch.Tensor | None:
    """bool [concepts]: what may be predicted in the language of ``train``; None leaves it to the aligner."""
    if protocol.valid == "train":
        return None
    if protocol.valid == "all":
        return torch.ones(len(source.concepts), dtype=torch.bool)
    valid = source.counts() >= protocol.least
    if protocol.valid == "pair":
        if train is None:
            message = "concepts of the pair need a training split of the target"
            raise UsageError(message, option="valid", remedy="leave the language out, or use train or source")
        valid &= train.counts() >= protocol.least
    return valid
