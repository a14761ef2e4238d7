"""Zero- and few-shot evaluation: which sentences support, which concepts count, how often it is drawn.

*Support* of N shots is N sentences of the target's train split that hold at least one labelled word; the
test is the whole test split. Draws are **nested**: draw ``i`` is one random order of the training
sentences, seeded by (seed, "support", language, i), and N shots are its first N. So the five-shot support
contains the one-shot support, a learning curve compares like with like, and the order depends neither on
the task nor on the layer: learners, layers and tasks are compared on the same sentences.

Targets without a train split have no support, unless ``support_from`` says otherwise: then the dev split
stands in for it, or one part of the test split (twice as many sentences as the most shots, at most half of
them), drawn once; the other part is the test for every number of shots, zero too.

*Smoothing* is an option of the published work (Xu et al. 2023): for every concept that the training split
has and the support lacks, one random sentence that has it is added. It uses labels beyond the N sentences,
so it is off unless the published protocol is asked for.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import LearningError, UsageError
from ..seeding import stream
from ..spaces.features import Features
from ..types import Split
from .config import Protocol

Load = Callable[[str, Split], Features]


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


def divided(test: Features, protocol: Protocol) -> tuple[Features, Features]:
    """Sentences of a test split that may be support, and the others, in the order that they stand in.

    They depend neither on the task nor on the layer. LearningError where the two have a sentence in common.
    """
    order = stream(protocol.seed, "support from test", test.language).permutation(test.sents)
    number = min(2 * max(protocol.shots), test.sents // 2)
    parts = np.sort(order[:number]), np.sort(order[number:])
    if len(np.intersect1d(*parts)) or sum(map(len, parts)) != test.sents:
        what = "sentences of the support are among those under test"
        raise LearningError(what, where=f"language {test.language}", remedy="report this as a fault")
    support, rest = map(test.of_sentences, parts)
    return support, rest


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
