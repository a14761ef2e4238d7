"""Gains with a truth planted in them, and features of the sentences that they are of."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from concept_align.icl.base import NO_HEAD, Item, PromptSentence
from concept_align.icl.selectors.features import SelectionFeatures
from concept_align.icl.selectors.helping import Gains

DIM, CONCEPTS = 16, 6
LANGS = ("fr", "ru", "ar", "et", "hi")
Truth = Callable[[SelectionFeatures, SelectionFeatures], np.ndarray]


class PlantedSide(NamedTuple):
    features: SelectionFeatures
    sentences: tuple[PromptSentence, ...]


def side(count: int, seed: int, langs: tuple[str, ...] = LANGS, name: str = "q") -> PlantedSide:
    """``count`` sentences in ``langs`` in turn, of normal states and random shares."""
    rng = np.random.default_rng([seed, *name.encode()])
    shares = rng.dirichlet(np.ones(CONCEPTS), count)
    size = np.stack([np.log(rng.integers(4, 12, count)), rng.integers(1, CONCEPTS, count)], axis=1)
    sentences = tuple(
        PromptSentence(
            f"UD_{code}-Planted", code, place, (f"{name}{place}",), (Item(0, NO_HEAD, place % CONCEPTS),)
        )
        for place, code in enumerate((langs * count)[:count])
    )
    return PlantedSide(
        SelectionFeatures(shares, rng.normal(size=(count, DIM)), size.astype(np.float64)), sentences
    )


def gains_of(queries: PlantedSide, candidates: PlantedSide, gain: np.ndarray) -> Gains:
    nothing = np.zeros_like(gain)
    return Gains(
        queries.sentences, candidates.sentences, gain, nothing, nothing, nothing, np.zeros(len(gain))
    )


def bilinear(seed: int) -> Truth:
    """q'Wc of rank 4, with a standard deviation of 1."""
    rng = np.random.default_rng([seed, 7])
    whole = rng.normal(size=(DIM, 4)) @ rng.normal(size=(4, DIM)) / (2 * DIM)
    return lambda q, c: q.states @ whole @ c.states.T


def cosine(seed: int) -> Truth:
    """A cosine of states, with a standard deviation of 1."""
    return lambda q, c: np.sqrt(DIM) * q.likeness(c, "states")


def candidate_only(seed: int) -> Truth:
    """What a candidate is worth for anybody."""
    direction = np.random.default_rng([seed, 8]).normal(size=DIM) / np.sqrt(DIM)
    return lambda q, c: np.tile(c.states @ direction, (len(q), 1))


def nothing(seed: int) -> Truth:
    return lambda q, c: np.zeros((len(q), len(c)))
