r"""Do demonstrations move the target's concept space towards that of their language?

The alignability of the target's space with another language's is measured without and with demonstrations, on
the same items, by measures of :mod:`concept_align.correspondence.measures` with their null of relabelled
concepts. The interval of the difference d comes from bootstrap draws of the sentences of both languages, the
target's being the same in both conditions. Draws have the errors of prototypes twice, the sample's and their
own, so that their mean m lies off d by about as much as d off the truth; as for scores themselves
(:mod:`concept_align.correspondence.intervals`), with the draws' standard deviation s:

    2 d - m  +-  t sqrt(s^2 + (d - m)^2).

For 9 concepts of some 50 items each, moved by 0, 0.3 or 0.7 of the way to another language, nominal 95 % hold
the true difference (that of 6,000 sentences) in 95 % of 300 simulated cases of CKA and retrieval.

Spaces of few items look less alike than they are; as many are in both conditions, but if prompts make the
items of a concept scatter less, the space is better measured and looks more alike. ``debias`` and CKA, which
leaves the prototypes' own lengths out, are there for this. A movement towards the demonstrations' language
means something beside that towards languages that were not in the prompt: give some in ``spaces``.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..correspondence.geometry import Geometry
from ..correspondence.measures import Measure, resolve_measures
from ..correspondence.moments import MomentStack, bootstrap_weights, space_moments
from ..correspondence.pairs import compare_geometries
from ..correspondence.scoring import compare_all
from .conditions import Conditions, standardised

BEFORE, AFTER = "before", "after"
MEASURES = ("cka", "retrieval-p1")
Floats = NDArray[np.float64]


def alignability_effects(
    given: Conditions,
    *,
    measures: Sequence[str] = MEASURES,
    min_count: int = 10,
    draws: int = 200,
    permutations: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """A row a layer, measure and language ``to`` of ``given.spaces``: ``before``, ``after`` and their nulls.

    ``value`` is after - before, with low and high; ``n`` counts concepts of which both languages have
    ``min_count`` items. A language that shares too few has NaN; UsageError where all do.
    """
    if not given.spaces:
        return []
    geometry = _geometry(given, draws, seed)
    known = geometry.valid(min_count)
    rows = []
    for measure in resolve_measures(measures):
        scores = compare_geometries(
            replace(geometry, replicates=None),
            measures=[measure],
            min_count=min_count,
            permutations=permutations,
            seed=seed,
            pairs=[(to, at) for to in given.spaces for at in (BEFORE, AFTER)],
        )
        for place, to in enumerate(given.spaces):
            shared = np.flatnonzero(known[[place, -2, -1]].all(axis=0))
            drawn = _differences(geometry, measure, place, shared)
            for row, layer in enumerate(given.layers):
                numbers: dict[str, Any] = {"to": to, "measure": measure.name}
                for column, name in (("value", ""), ("null_mean", "_null"), ("p", "_p")):
                    found = scores.matrix(measure.name, layer, column)
                    numbers |= {
                        at + name: float(found.loc[[to], [at]].to_numpy()[0, 0]) for at in (BEFORE, AFTER)
                    }
                value = numbers[AFTER] - numbers[BEFORE]
                low, high = _interval(value, drawn[:, row], confidence, freedom=2 * max(min_count - 1, 1))
                bounds = {"value": value, "low": low, "high": high, "n": len(shared)}
                rows.append(given.about(layer) | numbers | bounds)
    return rows


def _geometry(given: Conditions, draws: int, seed: int) -> Geometry:
    """All layers of the other languages' spaces, then the target's before and after, with draws.

    The target's draws are the same in both conditions.
    """
    first, target = given.before[given.layers[0]], f"{given.language}, target"
    sides = [(f"{code}, space", by_layer) for code, by_layer in given.spaces.items()]
    sides += [(target, given.before), (target, given.after)]
    stack = MomentStack(len(given.layers), len(sides))
    for place, (purpose, by_layer) in enumerate(sides):
        weights = bootstrap_weights(by_layer[given.layers[0]].sents, draws, seed, purpose)
        for row, layer in enumerate(given.layers):
            one = by_layer[layer]
            unit = np.repeat(np.arange(one.sents), np.diff(one.offsets))
            stack.put(row, place, space_moments(standardised(one), weights=weights, unit=unit))
    return Geometry(
        model="", revision="", task="", space="raw",
        layers=given.layers, languages=(*given.spaces, BEFORE, AFTER), concepts=first.concepts,
        dims=tuple(given.before[layer].dim for layer in given.layers), **stack.arrays,
    )  # fmt: skip


def _differences(geometry: Geometry, measure: Measure, place: int, shared: NDArray[np.intp]) -> Floats:
    """[draws, layers] after - before of the space at ``place`` in every draw, over ``shared`` concepts."""
    if geometry.replicates is None or len(shared) < measure.least:
        return np.empty((0, len(geometry.layers)))
    geometry = geometry.debiased() if geometry.errors_known else geometry
    assert geometry.replicates is not None
    draws, layers, spaces = geometry.replicates.shape[:3]
    three = geometry.replicates[:, :, [place, spaces - 2, spaces - 1]]
    grams = three[..., shared[:, None], shared].astype(np.float64)
    all_draws = torch.from_numpy(grams.reshape(draws * layers, 3, len(shared), len(shared)))
    pairs, nothing = torch.tensor([[0, 1], [0, 2]]), torch.empty(0, len(shared), dtype=torch.int64)
    values = compare_all(measure, all_draws, all_draws, pairs, nothing).values.numpy()
    return np.asarray((values[:, 1] - values[:, 0]).reshape(draws, layers))


def _interval(value: float, drawn: Floats, confidence: float, *, freedom: float) -> tuple[float, float]:
    """Bounds of a difference with its bootstrap draws [draws]; draws without a score are left out."""
    from scipy.stats import t

    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < 2:
        return float("nan"), float("nan")
    excess = value - float(drawn.mean())
    half = float(t.isf((1 - confidence) / 2, freedom) * np.sqrt(drawn.var(ddof=1) + excess**2))
    return value + excess - half, value + excess + half
