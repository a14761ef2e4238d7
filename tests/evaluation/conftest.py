"""Languages of known difficulty, and an aligner simple enough to know its answers."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from concept_align.evaluation.tidy import Condition
from concept_align.seeding import stream
from concept_align.spaces.features import Features

CONCEPTS = ("noun", "verb", "adjective", "particle")


@dataclass
class Nearest:
    """Nearest of the ``centres`` [concepts, dim]; with support, of their mean with the support's means."""

    centres: torch.Tensor
    adapted: list[tuple[str | None, int, int]] = field(default_factory=list)
    stop_after: int | None = None

    def adapt(self, support=None, *, unlabelled=None, valid=None, seed=0):
        if self.stop_after is not None and len(self.adapted) >= self.stop_after:
            raise KeyboardInterrupt
        self.adapted.append((support.language if support else None, support.sents if support else 0, seed))
        centres = self.centres.clone()
        if support is not None:
            for code in support.y.unique():
                centres[code] = (centres[code] + support.x[support.y == code].mean(0)) / 2
        return SimpleNamespace(codes=lambda x: self._predict(x, centres, valid))

    @staticmethod
    def _predict(x, centres, valid):
        distances = torch.cdist(x, centres)
        return (distances if valid is None else distances.masked_fill(~valid, torch.inf)).argmin(1)


def make(language, split, *, sents=60, shift=0.0, noise=0.4, seed=0):
    """Words about the unit vectors of R^6, all moved by ``shift``; every seventh sentence holds no word."""
    random = stream(seed, language, split)
    lengths = random.integers(2, 9, size=sents) * (np.arange(sents) % 7 != 3)
    y = random.choice(len(CONCEPTS), size=lengths.sum(), p=[0.45, 0.3, 0.2, 0.05])
    x = np.eye(len(CONCEPTS), 6)[y] * 2 + shift + noise * random.normal(size=(len(y), 6))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Features(language, CONCEPTS, torch.from_numpy(x).float(), torch.from_numpy(y), offsets)


@pytest.fixture
def toy():
    """Languages ``t0 t1 ...``, each harder than the last, the source ``en``, and what tests them."""
    languages = tuple(f"t{number}" for number in range(6))

    def load(language, split):
        shift = 0.0 if language == "en" else 0.25 * int(language[1:])
        return make(language, split, shift=shift, noise=0.4 if language == "en" else 0.7)

    centres = torch.eye(len(CONCEPTS), 6) * 2
    return SimpleNamespace(
        Nearest=Nearest,
        make=make,
        load=load,
        languages=languages,
        centres=centres,
        nearest=Nearest(centres),
        condition=Condition(model="toy", revision="0", layer="3", task="upos"),
        concepts=CONCEPTS,
    )
