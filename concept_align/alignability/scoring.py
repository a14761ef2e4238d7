"""Scores of pairs that share the same concepts: value, null, interval and ceiling, all layers at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from .geometry import Floats, Geometry
from .intervals import Scale, interval
from .measures import Measure
from .permutations import p_values, permutations

NULL_ELEMENTS = 1 << 26  # of the null scores held at once (float32)
GRAM_ELEMENTS = 1 << 24  # of the replicates' inner products held at once (float64)

Place = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Side:
    """The spaces on one side of the comparison: a geometry and the places of its layers."""

    geometry: Geometry
    at: Place  # [layers]

    def grams(self, rows: Place, concepts: Place) -> torch.Tensor:
        """float64 [layers, rows, concepts, concepts]."""
        return torch.from_numpy(self.geometry.gram[np.ix_(self.at, rows, concepts, concepts)])

    def drawn(self, draws: Place, rows: Place, concepts: Place) -> torch.Tensor:
        """float64 [draws * layers, rows, concepts, concepts]: replicates."""
        assert self.geometry.replicates is not None
        found = self.geometry.replicates[np.ix_(draws, self.at, rows, concepts, concepts)]
        return torch.from_numpy(found.astype(np.float64).reshape(-1, *found.shape[2:]))

    def halves(self, half: int, rows: Place, concepts: Place) -> torch.Tensor:
        """float64 [splits * layers, rows, concepts, concepts]: those of one half of each split."""
        assert self.geometry.halves is not None
        found = self.geometry.halves[:, half][
            np.ix_(np.arange(len(self.geometry.halves)), self.at, rows, concepts, concepts)
        ]
        return torch.from_numpy(found.astype(np.float64).reshape(-1, *found.shape[2:]))


@dataclass(frozen=True, eq=False)
class Group:
    """Pairs of languages (their places on either side) that share the same concepts, by name."""

    pairs: Place  # [pairs]: which of all pairs they are
    source: Place  # [pairs]
    target: Place  # [pairs]
    source_concepts: Place  # [shared] places on the source's side
    target_concepts: Place  # [shared] places of the same concepts on the target's side


@dataclass(frozen=True, eq=False)
class Scored:
    """What a measure gives a group (or all pairs), each [layers, pairs]."""

    value: Floats
    low: Floats
    high: Floats
    null_mean: Floats
    null_sd: Floats
    z: Floats
    p: Floats
    ceiling: Floats

    @classmethod
    def empty(cls, layers: int, pairs: int) -> "Scored":
        return cls(*(np.full((layers, pairs), np.nan) for _ in cls.__dataclass_fields__))

    def put(self, layers: Place, pairs: Place, part: "Scored") -> None:
        """Write ``part`` to the given places."""
        for name, array in vars(self).items():
            array[np.ix_(layers, pairs)] = getattr(part, name)


def score_group(
    measure: Measure,
    group: Group,
    sides: tuple[Side, Side],
    *,
    relabellings: int,
    seed: int,
    confidence: float,
    min_count: int,
) -> Scored:
    """Scores of the group's pairs under ``measure``."""
    rows = [np.unique(places, return_inverse=True) for places in (group.source, group.target)]
    concepts = (group.source_concepts, group.target_concepts)
    pairs = torch.from_numpy(np.stack([places for _, places in rows], axis=1))
    a, b = (side.grams(row, at) for side, (row, _), at in zip(sides, rows, concepts, strict=True))
    found = Scored.empty(len(a), len(pairs))
    relabelled = permutations(len(concepts[0]), relabellings, seed)
    step = max(1, NULL_ELEMENTS // max(1, relabellings * len(a)))
    for begin in range(0, len(pairs), step):
        piece = slice(begin, begin + step)
        compared = measure.compare(a, b, pairs[piece], relabelled)
        against = p_values(compared.values, compared.null)
        found.value[:, piece] = compared.values.numpy()
        found.null_mean[:, piece], found.null_sd[:, piece] = against.mean.numpy(), against.sd.numpy()
        found.z[:, piece], found.p[:, piece] = against.z.numpy(), against.p.numpy()
    _intervals(measure, sides, [row for row, _ in rows], concepts, pairs, found, confidence, min_count)
    own = [
        _reliability(measure, side, row, at)[:, places]
        for side, (row, places), at in zip(sides, rows, concepts, strict=True)
    ]
    found.ceiling[:] = np.sqrt(np.maximum(own[0], 0) * np.maximum(own[1], 0))
    return found


def _intervals(
    measure: Measure,
    sides: tuple[Side, Side],
    rows: Sequence[Place],
    concepts: Sequence[Place],
    pairs: torch.Tensor,
    found: Scored,
    confidence: float,
    min_count: int,
) -> None:
    """Fill ``low`` and ``high`` from the replicates: draw r of one language with draw r of the other."""
    drawn = [side.geometry.replicates for side in sides]
    if drawn[0] is None or drawn[1] is None:
        return
    number, layers, k = min(len(drawn[0]), len(drawn[1])), len(sides[0].at), len(concepts[0])
    none = torch.zeros(0, k, dtype=torch.int64)
    values = np.empty((number, layers, len(pairs)))
    step = max(1, GRAM_ELEMENTS // (layers * (len(rows[0]) + len(rows[1])) * k * k))
    for begin in range(0, number, step):
        some = np.arange(begin, min(begin + step, number))
        a, b = (side.drawn(some, row, at) for side, row, at in zip(sides, rows, concepts, strict=True))
        compared = measure.compare(a, b, pairs, none)
        values[begin : begin + step] = compared.values.numpy().reshape(len(some), layers, -1)
    # Ranks of the right concept are shares of concepts; all else is a correlation, or scaled like one.
    scale: Scale = "share" if measure.name.startswith("retrieval") else "correlation"
    found.low[:], found.high[:] = interval(
        found.value, values, confidence, freedom=2 * max(min_count - 1, 1), scale=scale
    )


def _reliability(measure: Measure, side: Side, rows: Place, concepts: Place) -> Floats:
    """[layers, rows]: the mean score of one half against the other; NaN without halves.

    A split that leaves a concept without words in one half says nothing of these concepts and is left out.
    """
    layers = len(side.at)
    if side.geometry.halves is None:
        return np.full((layers, len(rows)), np.nan)
    one, other = (side.halves(half, rows, concepts) for half in (0, 1))
    gap = ~(one.isfinite() & other.isfinite()).all(-1).all(-1)  # [splits * layers, rows]
    one[gap] = other[gap] = torch.eye(len(concepts), dtype=one.dtype)
    itself = torch.arange(len(rows))
    none = torch.zeros(0, len(concepts), dtype=torch.int64)
    values = measure.compare(one, other, torch.stack([itself, itself], dim=1), none).values
    values[gap] = torch.nan
    by_split = values.numpy().reshape(-1, layers, len(rows))
    there = np.isfinite(by_split)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, by_split, 0).sum(0) / there.sum(0))
