"""Which words make the prototypes of a geometry, and what is done to them."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import torch

from ..errors import UsageError
from ..seeding import stream
from ..spaces.features import Features
from ..spaces.probe import ProbeConfig
from ..types import Split

Space = Literal["raw", "probe"]
Unit = Literal["sentences", "words"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Which words make the prototypes, and what is done to them; see :func:`build`."""

    space: Space = "raw"
    whiten: bool = False
    shuffled: bool = False
    min_words: int = 1
    max_sentences: int | None = None
    halves: int = 10
    draws: int = 200
    unit: Unit = "sentences"
    seed: int = 0
    probe: ProbeConfig | None = None

    def __post_init__(self) -> None:
        if self.space not in get_args(Space) or self.unit not in get_args(Unit):
            raise UsageError(
                f"unknown space {self.space!r} or unit {self.unit!r}",
                remedy=f"use {' or '.join(get_args(Space))}, and {' or '.join(get_args(Unit))}",
            )
        cap = 1 if self.max_sentences is None else self.max_sentences
        if min(self.halves, self.draws) < 0 or min(self.min_words, cap) < 1:
            raise UsageError(
                f"halves {self.halves}, draws {self.draws}, min_words {self.min_words}, sentences {cap}",
                remedy="halves and draws are 0 or more, min_words and max_sentences 1 or more",
            )


def sampled(features: Features, chosen: Sampling, split: Split) -> Features:
    """The words of ``features`` that are used, with the labels they are taken to have."""
    if chosen.max_sentences is not None and chosen.max_sentences < features.sents:
        order = stream(chosen.seed, "probe-sentences", features.language).permutation(features.sents)
        features = features.of_sentences(np.sort(order[: chosen.max_sentences]))
    if chosen.shuffled:
        order = stream(chosen.seed, "shuffled", features.language, split).permutation(features.words)
        features = replace(features, y=features.y[torch.from_numpy(order)])
    return features
