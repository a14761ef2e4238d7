"""Scores of pairs that share the same concepts: value, null, interval and ceiling, all layers at once.

The null is that of the same scores after the concepts of one language were relabelled at random,

    p = (1 + #{null >= value}) / (1 + P),

in which the identity counts as one relabelling, so that p is valid for every P and never zero (Phipson &
Smyth 2010).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from ..seeding import stream
from ..statistics import Floats
from .geometry import AnyFloats, Geometry
from .intervals import interval
from .measures import Measure, MeasureScores

NULL_ELEMENTS = 1 << 26  # of the null scores held at once (float32)
GRAM_ELEMENTS = 1 << 24  # of the replicates' inner products held at once (float64)
ROWS = 48  # spaces that are compared in one call, at least
# Null scores are float32 and good to 1e-6; a score that is equal in truth must count as as large.
TOLERANCE = 2e-6

Place = NDArray[np.int64]
SCORES = ("value", "low", "high", "null_mean", "null_sd", "z", "p", "ceiling")


@dataclass(frozen=True, eq=False)
class ComparedSide:
    """The spaces on one side of the comparison: a geometry and the places of its layers."""

    geometry: Geometry
    at: Place  # [layers]

    def grams(self, rows: Place, concepts: Place) -> torch.Tensor:
        """float64 [layers, rows, concepts, concepts]."""
        return torch.from_numpy(self.geometry.gram[np.ix_(self.at, rows, concepts, concepts)])

    def stacked(self, arrays: AnyFloats, rows: Place, concepts: Place) -> torch.Tensor:
        """float64 [items * layers, rows, concepts, concepts] of ``arrays``, replicates or halves."""
        found = arrays[np.ix_(np.arange(len(arrays)), self.at, rows, concepts, concepts)]
        return torch.from_numpy(found.astype(np.float64).reshape(-1, *found.shape[2:]))


Sides = tuple[ComparedSide, ComparedSide]


@dataclass(frozen=True, eq=False)
class PairGroup:
    """Pairs of languages that share the same concepts; rows and concepts are places on either side."""

    at: Place  # [pairs]: which of all pairs they are
    rows: tuple[Place, Place]
    concepts: tuple[Place, Place]
    pairs: torch.Tensor  # int64 [pairs, 2]: places in rows
    same: bool  # one space on both sides: what is taken of it is taken once

    @classmethod
    def of(
        cls, sides: Sides, at: Place, source: Place, target: Place, concepts: tuple[Place, Place]
    ) -> "PairGroup":
        """The pairs ``at``, of the languages ``source`` and ``target`` [pairs]."""
        same = sides[0].geometry is sides[1].geometry and all(
            np.array_equal(*both) for both in ((sides[0].at, sides[1].at), concepts)
        )
        if same:
            row, places = np.unique(np.stack([source, target], axis=1), return_inverse=True)
            return cls(at, (row, row), concepts, torch.from_numpy(places.reshape(-1, 2)), same)
        ends = [np.unique(one, return_inverse=True) for one in (source, target)]
        pairs = torch.from_numpy(np.stack([ends[0][1], ends[1][1]], axis=1))
        return cls(at, (ends[0][0], ends[1][0]), concepts, pairs, same)

    def both(
        self, sides: Sides, take: Callable[[ComparedSide, Place, Place], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What ``take`` gives for either side's rows and concepts."""
        source = take(sides[0], self.rows[0], self.concepts[0])
        return source, source if self.same else take(sides[1], self.rows[1], self.concepts[1])


def score_group(
    measure: Measure, group: PairGroup, sides: Sides, options: Mapping[str, Any]
) -> dict[str, Floats]:
    """The :data:`SCORES` of the group's pairs under ``measure``, each [layers, pairs].

    ``options`` are min_count, permutations, seed and confidence of
    :func:`concept_align.correspondence.pairs.compare_geometries`.
    """
    layers, number = len(sides[0].at), len(group.at)
    found = {name: np.full((layers, number), np.nan) for name in SCORES}
    relabelled = permutations(len(group.concepts[0]), options["permutations"], options["seed"])
    step = max(1, NULL_ELEMENTS // max(1, len(relabelled) * layers))
    a, b = group.both(sides, ComparedSide.grams)
    for begin in range(0, number, step):
        piece = slice(begin, begin + step)
        compared = compare_all(measure, a, b, group.pairs[piece], relabelled)
        against = p_values(compared.values, compared.null)
        shown = {"value": compared.values, "null_mean": against.mean, "null_sd": against.sd}
        for name, part in (shown | {"z": against.z, "p": against.p}).items():
            found[name][:, piece] = part.numpy()
    if (values := _drawn(measure, group, sides)) is not None:
        freedom = 2 * max(options["min_count"] - 1, 1)
        found["low"], found["high"] = interval(
            found["value"], values, options["confidence"], freedom=freedom, scale=measure.scale
        )
    own = group.both(sides, lambda side, row, at: torch.from_numpy(_reliability(measure, side, row, at)))
    ends = [half[:, group.pairs[:, end]].numpy() for end, half in enumerate(own)]
    found["ceiling"] = np.sqrt(np.maximum(ends[0], 0) * np.maximum(ends[1], 0))
    return found


def compare_all(
    measure: Measure,
    a: Float[torch.Tensor, "items sources concepts concepts"],
    b: Float[torch.Tensor, "items targets concepts concepts"],
    pairs: Int[torch.Tensor, "pairs 2"],
    relabelled: Int[torch.Tensor, "draws concepts"],
) -> MeasureScores:
    """``measure.compare`` of all items, whatever they are (layers, draws), in place of layers.

    With few languages, several items stand side by side as if they were languages of one: a call of the
    measure costs about the same for two languages as for fifty.
    """
    items, number = len(a), len(pairs)
    side_by_side = max(1, min(items, ROWS // max(a.shape[1], b.shape[1])))
    values = torch.empty(items, number, dtype=torch.float64)
    null = torch.empty(len(relabelled), items, number)
    for begin in range(0, items, side_by_side):
        count = min(side_by_side, items - begin)
        some = slice(begin, begin + count)
        wide = [one[some].flatten(0, 1)[None] for one in ((a,) if a is b else (a, b))]
        places = torch.arange(count)[:, None, None] * torch.tensor([a.shape[1], b.shape[1]])
        found = measure.compare(wide[0], wide[-1], (places + pairs).flatten(0, 1), relabelled)
        values[some] = found.values.reshape(count, number)
        null[:, some] = found.null.reshape(len(relabelled), count, number)
    return MeasureScores(values, null)


def _drawn(measure: Measure, group: PairGroup, sides: Sides) -> Floats | None:
    """[draws, layers, pairs] scores of replicates: draw r of one language with draw r of the other."""
    stored = [side.geometry.replicates for side in sides]
    if stored[0] is None or stored[1] is None:
        return None
    number, layers, k = min(len(stored[0]), len(stored[1])), len(sides[0].at), len(group.concepts[0])
    values = np.empty((number, layers, len(group.pairs)))
    none = torch.zeros(0, k, dtype=torch.int64)
    step = max(1, GRAM_ELEMENTS // (layers * sum(map(len, group.rows)) * k * k))
    for begin in range(0, number, step):
        some = slice(begin, min(begin + step, number))

        def drawn(side: ComparedSide, row: Place, at: Place, some: slice = some) -> torch.Tensor:
            assert side.geometry.replicates is not None
            return side.stacked(side.geometry.replicates[some], row, at)

        a, b = group.both(sides, drawn)
        compared = compare_all(measure, a, b, group.pairs, none)
        values[some] = compared.values.numpy().reshape(-1, layers, len(group.pairs))
    return values


def _reliability(measure: Measure, side: ComparedSide, rows: Place, concepts: Place) -> Floats:
    """[layers, rows]: the mean score of one half against the other; NaN without halves.

    A split that leaves a concept without words in one half says nothing of these concepts and is left out.
    """
    layers, halves = len(side.at), side.geometry.halves
    if halves is None:
        return np.full((layers, len(rows)), np.nan)
    one, other = (side.stacked(halves[:, half], rows, concepts) for half in (0, 1))
    gap = ~(one.isfinite() & other.isfinite()).all(-1).all(-1)  # [splits * layers, rows]
    one[gap] = other[gap] = torch.eye(len(concepts), dtype=one.dtype)
    itself = torch.arange(len(rows))
    none = torch.zeros(0, len(concepts), dtype=torch.int64)
    values = compare_all(measure, one, other, torch.stack([itself, itself], dim=1), none).values
    values[gap] = torch.nan
    by_split = values.numpy().reshape(-1, layers, len(rows))
    there = np.isfinite(by_split)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(there, by_split, 0).sum(0) / there.sum(0))


@dataclass(frozen=True, eq=False)
class Significance:
    """How scores stand to their null (float64); NaN where there is no value or no relabelling."""

    p: Float[torch.Tensor, "*shape"]
    mean: Float[torch.Tensor, "*shape"]  # of the null
    sd: Float[torch.Tensor, "*shape"]  # of the null
    z: Float[torch.Tensor, "*shape"]  # (value - mean) / sd


def permutations(concepts: int, number: int, seed: int = 0) -> Int[torch.Tensor, "number concepts"]:
    """Random relabellings, each row an order of the concepts.

    They depend on the seed and the number of concepts alone and the first n are the same for every
    ``number >= n``, so all pairs that share a set of concepts are compared under the same relabellings.
    """
    random = stream(seed, "relabelling", concepts)
    places = np.tile(np.arange(concepts), (number, 1))
    return torch.from_numpy(random.permuted(places, axis=1))


def p_values(
    values: Float[torch.Tensor, "*shape"], null: Float[torch.Tensor, "draws *shape"]
) -> Significance:
    """Significance of ``values`` (float64) against their ``null``, one-sided: larger is more alike."""
    draws = len(null)
    nothing = torch.full_like(values, torch.nan)
    if draws == 0:
        return Significance(nothing, nothing, nothing, nothing)
    # MeasureScores in float64 row by row: a float64 copy of the whole null would be twice its size.
    total, large = torch.zeros_like(values), torch.zeros_like(values)
    for row in null:
        total += row
        large += row >= values - TOLERANCE
    mean = total / draws
    squares = torch.zeros_like(values)
    for row in null:
        squares += (row - mean) ** 2
    sd = (squares / (draws - 1)).sqrt() if draws > 1 else nothing
    p = torch.where(values.isfinite(), (1 + large) / (1 + draws), nothing)
    z = torch.where(sd > 0, (values - mean) / sd, nothing)
    return Significance(p, mean, sd, z)
