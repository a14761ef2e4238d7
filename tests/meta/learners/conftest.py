"""Small configurations of every learner, and what is asked of each."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from counted_bars import CountedBars

from concept_align.meta.episodes import Pool
from concept_align.meta.learners import registry
from concept_align.meta.learners.base import Aligner, TrainingData
from concept_align.spaces.features import Features

GRADIENT = {
    "rank": 8, "hidden": 32, "pooled_epochs": 3, "batch": 128, "pooled_lr": 3e-3, "epochs": 1, "episodes": 6,
    "queries": 6, "lr": 1e-3, "steps": 3, "shots": [0, 5, 20], "validation_shots": [0, 10], "adapt_steps": 30,
}  # fmt: skip
SMALL: dict[str, dict[str, Any]] = {
    "source-probe": {"rank": 8, "preset": "fast"},
    "pooled": {"hidden": 32, "epochs": 4, "batch": 128},
    "proto": {
        "rank": 8, "hidden": 32, "probe_preset": "fast", "epochs": 4, "episodes": 15, "queries": 10,
        "lr": 3e-3, "adapt_lr": 1e-2,
    },
    "shrink": {
        "rank": 8, "hidden": 32, "pooled_epochs": 3, "batch": 128, "epochs": 2, "episodes": 10, "queries": 10,
        "pooled_lr": 3e-3,
    },
    "self-train": {"hidden": 32, "epochs": 4, "batch": 128, "adapt_lr": 1e-2},
    "tagger": {
        "hidden": 32, "reads": 8, "epochs": 3, "batch": 16, "lr": 1e-2, "adapt_lr": 1e-2, "rounds": 1,
        "adapt_steps": [0, 5, 20, 50], "adapt_sentences": [10, 50],
    },
    "closed-form": {
        "rank": 8, "hidden": 32, "pooled_epochs": 3, "batch": 128, "epochs": 2, "episodes": 10, "queries": 10,
        "pooled_lr": 3e-3,
    },
    **dict.fromkeys(("maml", "fomaml", "anil", "meta-sgd", "reptile"), GRADIENT),
    "procrustes": {"rank": 8, "preset": "fast"},
    "ridge": {"rank": 8, "preset": "fast"},
    "target-only": {"strengths": [1.0, 10.0], "validation_shots": [1, 10]},
    "oracle": {"hidden": 32, "strengths": [10.0], "chooses_on": 1, "least_steps": 100},
}  # fmt: skip


@pytest.fixture(scope="session")
def small() -> dict[str, dict[str, Any]]:
    return SMALL


@pytest.fixture(scope="session")
def fitted() -> Callable[[str, TrainingData], Aligner]:
    """Fit a small configuration of a learner, once for each data."""
    cache: dict[tuple[str, int], tuple[TrainingData, Aligner]] = {}

    def fit(name: str, data: TrainingData) -> Aligner:
        if (name, id(data)) not in cache:
            learner, progress = registry.create(name, options=SMALL[name]), CountedBars()
            cache[name, id(data)] = (data, learner.fit(data, seed=0, progress=progress))
            assert progress.bars == learner.bars
        return cache[name, id(data)][1]

    return fit


@pytest.fixture(scope="session")
def shared(planted: Any) -> TrainingData:
    """All languages in one space."""
    data: TrainingData = planted.Planted().data()
    return data


@pytest.fixture(scope="session")
def apart(planted: Any) -> TrainingData:
    """Each language in an affine image of the space."""
    data: TrainingData = planted.Planted(shift=0.8).data()
    return data


@pytest.fixture(scope="session")
def shuffled(planted: Any) -> TrainingData:
    """Labels that have nothing to do with the words."""
    data: TrainingData = planted.Planted(shuffled=True).data()
    return data


@pytest.fixture(scope="session")
def accuracy() -> Callable[..., float]:
    """Accuracy of an aligner in the unseen language "zz" of a data, after so many support sentences."""

    def measure(aligner: Aligner, data: TrainingData, shots: int = 0) -> float:
        train, test = data.load("zz", "train"), data.load("zz", "test")
        support: Features | None = None
        if shots:
            draw = Pool(train).draw(np.random.default_rng(0), shots=shots, queries=0)
            support = train.of_sentences(draw.support)
        return float((aligner.adapt(support).codes(test.sentences) == test.y).double().mean())

    return measure
