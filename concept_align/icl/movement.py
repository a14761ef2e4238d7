r"""Do demonstrations move the target's concept space towards that of their language?

The alignability of the target's space with another language's is measured without and with demonstrations, on
the same items, by measures of :mod:`concept_align.alignability.measures` with their null of relabelled
concepts. The interval of the difference d comes from bootstrap draws of the sentences of both languages, the
target's being the same in both conditions. Draws have the errors of prototypes twice, the sample's and their
own, so that their mean m lies off d by about as much as d off the truth; as for scores themselves
(:mod:`concept_align.alignability.intervals`), with the draws' standard deviation s:

    2 d - m  +-  t sqrt(s^2 + (d - m)^2).

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

from ..alignability.clouds import Stack, cloud
from ..alignability.geometry import Geometry
from ..alignability.measures import Measure, parse_measures
from ..alignability.pairs import alignability
from ..alignability.resamples import bootstrap_weights
from ..alignability.scoring import compare_all
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
    ``min_count`` items. Raises UsageError where they share too few.
    """
    rows = []
    for to in given.spaces:
        geometry = _geometry(given, to, draws, seed)
        shared = np.flatnonzero(geometry.valid(min_count).all(axis=0))
        for measure in (one for name in measures for one in parse_measures(name)):
            scores = alignability(
                replace(geometry, replicates=None),
                measures=[measure],
                min_count=min_count,
                permutations=permutations,
                seed=seed,
                pairs=[(to, BEFORE), (to, AFTER)],
            )
            drawn = _differences(geometry, measure, shared)
            for row, layer in enumerate(given.layers):
                numbers: dict[str, Any] = {"to": to, "measure": measure.name}
                for column, name in (("value", ""), ("null_mean", "_null"), ("p", "_p")):
                    found = scores.matrix(measure.name, layer, column)
                    numbers |= {
                        at + name: float(found.loc[[to], [at]].to_numpy()[0, 0]) for at in (BEFORE, AFTER)
                    }
                value = numbers[AFTER] - numbers[BEFORE]
                low, high = _interval(value, drawn[:, row], confidence)
                bounds = {"value": value, "low": low, "high": high, "n": len(shared)}
                rows.append(given.about(layer) | numbers | bounds)
    return rows


def _geometry(given: Conditions, to: str, draws: int, seed: int) -> Geometry:
    """The spaces of another language and of the target in both conditions, all layers, with draws."""
    first, target = given.before[given.layers[0]], f"{given.language}, target"
    stack = Stack(len(given.layers), 3)
    weights: dict[str, torch.Tensor] = {}
    for row, layer in enumerate(given.layers):
        sides = ((f"{to}, space", given.spaces[to]), (target, given.before), (target, given.after))
        for place, (purpose, by_layer) in enumerate(sides):
            one = by_layer[layer]
            if purpose not in weights:
                weights[purpose] = bootstrap_weights(one.sents, draws, seed, purpose)
            unit = np.repeat(np.arange(one.sents), np.diff(one.offsets))
            stack.put(row, place, cloud(standardised(one), weights=weights[purpose], unit=unit))
    return Geometry(
        model="", revision="", task="", space="raw",
        layers=given.layers, languages=(to, BEFORE, AFTER), concepts=first.concepts,
        dims=tuple(given.before[layer].dim for layer in given.layers), **stack.arrays,
    )  # fmt: skip


def _differences(geometry: Geometry, measure: Measure, shared: NDArray[np.intp]) -> Floats:
    """[draws, layers] after - before in every bootstrap draw, over the concepts ``shared``."""
    geometry = geometry.debiased() if geometry.errors_known else geometry
    if geometry.replicates is None:
        return np.empty((0, len(geometry.layers)))
    draws, layers = geometry.replicates.shape[:2]
    grams = geometry.replicates[..., shared[:, None], shared].astype(np.float64)
    all_draws = torch.from_numpy(grams.reshape(draws * layers, 3, len(shared), len(shared)))
    pairs, nothing = torch.tensor([[0, 1], [0, 2]]), torch.empty(0, len(shared), dtype=torch.int64)
    values = compare_all(measure, all_draws, all_draws, pairs, nothing).values.numpy()
    return np.asarray((values[:, 1] - values[:, 0]).reshape(draws, layers))


def _interval(value: float, drawn: Floats, confidence: float, freedom: float = 18) -> tuple[float, float]:
    """Bounds of a difference with its bootstrap draws [draws]; draws without a score are left out."""
    from scipy.stats import t

    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) < 2:
        return float("nan"), float("nan")
    excess = value - float(drawn.mean())
    half = float(t.isf((1 - confidence) / 2, freedom) * np.sqrt(drawn.var(ddof=1) + excess**2))
    return value + excess - half, value + excess + half
