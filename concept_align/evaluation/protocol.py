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
from dataclasses import dataclass
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

    ``valid`` says which concepts a classifier may predict: ``train``, those the aligner knows from its
    training languages; ``source``, those with ``least`` training words in the source; ``pair``, in source
    and target both, as published (it looks at the target's training labels even with no support); ``all``,
    every concept. Words of other concepts stay in the test and count as errors.

    ``short`` is what happens where a target has fewer usable training sentences than shots: ``omit`` the
    rows, or take ``all`` there are. Either way it is reported.
    """

    shots: tuple[int, ...] = SHOTS
    draws: int = 10
    seed: int = 0
    smoothing: bool = False
    valid: Valid = "train"
    least: int = 10
    short: Short = "omit"
    bootstrap: int = 1000
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if not self.shots or min(self.shots) < 0 or len(set(self.shots)) < len(self.shots):
            raise UsageError(
                f"impossible shots {self.shots}",
                remedy="give different numbers of sentences, 0 for zero-shot",
            )
        if self.draws < 1:
            raise UsageError(f"{self.draws} support draws", remedy="ask for one or more; ten are usual")
        if self.bootstrap < 100:
            raise UsageError(
                f"{self.bootstrap} bootstrap resamples bound nothing", remedy="ask for 100 or more"
            )
        if self.short not in SHORTS:
            raise UsageError(f"unknown treatment {self.short!r}", remedy=f"use {' or '.join(SHORTS)}")
        if self.valid not in VALIDS:
            raise UsageError(f"unknown set of concepts {self.valid!r}", remedy=f"use {', '.join(VALIDS)}")

    def draws_of(self, shots: int) -> int:
        """Support draws at ``shots``: there is but one empty support."""
        return self.draws if shots else 1


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
            raise UsageError(
                "concepts of the pair need a training split of the target",
                where=source.language,
                remedy="leave the language out, or use --valid train or source",
            )
        valid &= train.counts() >= protocol.least
    return valid
