"""Planted multilingual concept spaces: what a learner should find is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from concept_align.meta.learners.base import TrainingData
from concept_align.seeding import stream
from concept_align.spaces.features import Features
from concept_align.types import Split

CONCEPTS = ("noun", "verb", "adjective", "pronoun", "particle", "number")


@dataclass(frozen=True)
class Planted:
    """Languages share class means; each moves its words by an affine map of its own of size ``shift``."""

    dim: int = 24
    sents: int = 120
    length: int = 8
    noise: float = 0.35
    shift: float = 0.0  # 0: one space for all
    shuffled: bool = False  # labels without a relation to the words
    seed: int = 0

    def means(self) -> np.ndarray:
        return stream(self.seed, "means").normal(size=(len(CONCEPTS), self.dim))

    def __call__(self, language: str, split: Split) -> Features:
        rng = stream(self.seed, language, split)
        own = stream(self.seed, language, "map")
        turn = np.eye(self.dim) + self.shift * own.normal(size=(self.dim, self.dim)) / np.sqrt(self.dim)
        move = self.shift * own.normal(size=self.dim)
        lengths = rng.integers(1, 2 * self.length, size=self.sents)
        words = int(lengths.sum())
        y = rng.choice(len(CONCEPTS), size=words, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
        x = (self.means()[y] + self.noise * rng.normal(size=(words, self.dim))) @ turn + move
        if self.shuffled:
            y = rng.permutation(y)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Features(
            language, CONCEPTS, torch.from_numpy(x).float(), torch.from_numpy(y.astype(np.int64)), offsets
        )

    def data(self) -> TrainingData:
        cache: dict[tuple[str, Split], Features] = {}

        def load(language: str, split: Split) -> Features:
            if (language, split) not in cache:
                cache[language, split] = self(language, split)
            return cache[language, split]

        return TrainingData("en", ("en", "de", "fr", "ru", "ja"), ("et", "he"), CONCEPTS, load)


@pytest.fixture(scope="session")
def planted() -> Callable[..., Planted]:
    """Make a planted family of languages."""
    return Planted
