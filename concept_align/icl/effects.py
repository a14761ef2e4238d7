r"""What prompting does to concept spaces: concept accuracy and alignability, without and with demonstrations.

For each target, from states of the same items in both conditions, two tables of differences by layer:

*How well can concepts be read off* (:func:`accuracy_effects`)? By the nearest prototype or by a probe
(logistic regression), learned either from other sentences of the same language and condition ("own", by
cross-validation over sentences: does the prompt make concepts more separable?) or from another language's
states without demonstrations ("from CODE": does the prompt bring concepts to where that language has them?).
Both conditions are tested on the same items with the same folds and resamples, so gains are paired.

*Do they move towards the demonstrations' language* (:func:`alignability_effects`)? The alignability of the
target's space with another language's, by measures of :mod:`concept_align.correspondence.measures` with their
null of relabelled concepts. The interval of the difference comes from bootstrap draws of the sentences of
both languages, the target's being the same in both conditions, by the rule for scores themselves
(:mod:`concept_align.correspondence.intervals`). For 9 concepts of some 50 items each, moved by 0, 0.3 or 0.7
of the way to another language, nominal 95 % hold the true difference (that of 6,000 sentences) in 95 % of 300
simulated cases of CKA and retrieval.

Spaces of few items look less alike than they are; as many are in both conditions, but if prompts make the
items of a concept scatter less, the space is better measured and looks more alike, least by CKA, which is
invariant to the prototypes' lengths. A movement towards the demonstrations' language means something next to
that towards languages that were not in the prompt: give some in ``spaces``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from .. import ragged
from ..correspondence.geometry import Geometry
from ..correspondence.intervals import interval
from ..correspondence.measures import Measure, resolve_measures
from ..correspondence.moments import MomentStack, bootstrap_weights, space_moments
from ..correspondence.pairs import compare_geometries
from ..correspondence.scoring import compare_all
from ..errors import LearningError, UsageError
from ..evaluation.resampling import resample_metrics, sentence_weights
from ..evaluation.results import METRICS
from ..meta.solvers import fit_logistic
from ..seeding import stream
from ..spaces.classify import NearestPrototype
from ..spaces.features import Features
from ..spaces.metrics import sentence_counts
from ..spaces.prototypes import fit_prototypes
from ..spaces.standardise import StandardiserFitter
from ..statistics import mean_over_languages, percentile_interval

By = Literal["prototype", "probe"]
ByLayer = Mapping[str, Features]

MEAN = "mean"
BEFORE, AFTER = "before", "after"
MEASURES = ("cka", "retrieval-p1")
CONFIDENCE = 0.95
STRENGTH = 1.0  # of the probe's prior on standardised states


@dataclass(frozen=True)
class Effects:
    """``accuracy``: language, demonstrations, layer, read, by, metric; ``alignability``: ..., to, measure.

    Both: before, after, value (their difference), low, high, n. ``to`` is empty without ``spaces``.
    """

    accuracy: pd.DataFrame
    alignability: pd.DataFrame


@dataclass(frozen=True, eq=False)
class PairedStates:
    """States of one target's items by layer: ``before`` without demonstrations, ``after`` them.

    Both hold the same items, sentence by sentence. ``spaces`` are states of other languages' items by
    language and layer, read without demonstrations: of the demonstrations' own, to which the target may have
    moved, and best of some more, to see whether it moved to that one. LearningError where they do not fit.
    """

    language: str
    demonstrations: str  # their language
    before: ByLayer
    after: ByLayer
    spaces: Mapping[str, ByLayer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.before or self.before.keys() != self.after.keys():
            here, there = (", ".join(side) or "none" for side in (self.before, self.after))
            what = f"layers {here} without demonstrations and {there} with them"
            raise LearningError(what, where=self.language, remedy="give states of the same layers")
        for layer, one in self.before.items():
            other = self.after[layer]
            if not (torch.equal(one.y, other.y) and np.array_equal(one.offsets, other.offsets)):
                what = "the items without and with demonstrations are not the same"
                remedy = "give the same items of the same sentences in the same order"
                raise LearningError(what, where=f"{self.language}, layer {layer}", remedy=remedy)
            for code, by_layer in self.spaces.items():
                if layer not in by_layer or by_layer[layer].concepts != one.concepts:
                    what = f"no states of {code} at layer {layer}, or of other concepts"
                    remedy = "give every language the same layers and task"
                    raise LearningError(what, where=self.language, remedy=remedy)

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.before)

    def about(self, layer: str) -> dict[str, str]:
        """What rows of tables are of."""
        return {"language": self.language, "demonstrations": self.demonstrations, "layer": layer}


def standardised(features: Features) -> Features:
    """Zero mean and unit variance in each dimension over all items, labels unseen.

    Each language and condition by itself: a prompt that moves all states alike has moved no concept.
    """
    x = features.x
    return replace(features, stored=StandardiserFitter(features.dim).update(x).finish().states(x))


def accuracy_effects(
    given: PairedStates,
    *,
    by: By = "prototype",
    folds: int = 5,
    resamples: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """One row per layer, way of reading and metric: ``before``, ``after``, the gain ``value``, low and high.

    The interval is over sentences of the target (percentiles of a paired bootstrap); ``n`` counts items.
    """
    if by not in get_args(By):
        raise UsageError(f"unknown way {by!r}", option="by", remedy=f"use {' or '.join(get_args(By))}")
    rows = []
    for layer in given.layers:
        before, after = standardised(given.before[layer]), standardised(given.after[layer])
        weights = sentence_weights(before.sents, resamples, seed, given.language)
        for read, predicted in _read(given, layer, before, after, by, folds, seed):
            one_draw, parts = np.ones((resamples, 1)), []
            for codes in predicted:
                counts = sentence_counts(codes, before.y, len(before.concepts), before.offsets)
                parts.append(resample_metrics([counts], weights, one_draw, CONFIDENCE)[0])
            for metric in METRICS:
                one, two = (part[metric] for part in parts)
                low, high = percentile_interval(two.mean - one.mean, CONFIDENCE)
                numbers: dict[str, Any] = {"read": read, "by": by, "metric": metric}
                numbers |= {"before": one.value, "after": two.value, "value": two.value - one.value}
                rows.append(given.about(layer) | numbers | {"low": low, "high": high, "n": one.words})
    return rows


def _read(
    given: PairedStates, layer: str, before: Features, after: Features, by: By, folds: int, seed: int
) -> Iterator[tuple[str, tuple[torch.Tensor, torch.Tensor]]]:
    """Each way of reading, and what it takes the items for in both conditions."""
    if not 2 <= folds <= before.sents:
        what = f"{before.sents} sentences cannot be parted in {folds}"
        remedy = "give more sentences, or two folds or more but no more than sentences"
        raise LearningError(what, where=before.language, remedy=remedy)
    fold = stream(seed, "folds", before.language).permutation(before.sents) % folds
    yield "own", (_crossed(before, fold, by), _crossed(after, fold, by))
    for code, by_layer in given.spaces.items():
        predict = _fitted(standardised(by_layer[layer]), by)
        yield f"from {code}", (predict(before.x), predict(after.x))


def _crossed(features: Features, fold: NDArray[np.int64], by: By) -> Int[torch.Tensor, " items"]:
    """What each item is taken for by what was learned from the other folds."""
    found = torch.empty_like(features.y)
    of_item = torch.from_numpy(fold[ragged.sentence_of(features.offsets)])
    for one in range(int(fold.max()) + 1):
        predict = _fitted(features.of_sentences(np.flatnonzero(fold != one)), by)
        found[of_item == one] = predict(features.x[of_item == one])
    return found


def _fitted(train: Features, by: By) -> Callable[[torch.Tensor], torch.Tensor]:
    if by == "prototype":
        return NearestPrototype.of(fit_prototypes(train.x, train.y, train.concepts)).predict
    offset = torch.where(train.counts() > 0, 0.0, -torch.inf)
    weights = fit_logistic(train.x, train.y, offset, strength=STRENGTH)
    return lambda x: (x @ weights[:-1] + weights[-1] + offset).argmax(1)


def alignability_effects(
    given: PairedStates,
    *,
    measures: Sequence[str] = MEASURES,
    min_count: int = 10,
    draws: int = 200,
    permutations: int = 1000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """One row per layer, measure and language ``to`` of ``given.spaces``: ``before``, ``after``, their nulls.

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
                    numbers |= {at + name: float(found.at[to, at]) for at in (BEFORE, AFTER)}
                value = numbers[AFTER] - numbers[BEFORE]
                freedom = 2 * max(min_count - 1, 1)
                low, high = interval(value, drawn[:, row], CONFIDENCE, freedom=freedom, scale=None)
                bounds = {"value": value, "low": float(low), "high": float(high), "n": len(shared)}
                rows.append(given.about(layer) | numbers | bounds)
    return rows


def _geometry(given: PairedStates, draws: int, seed: int) -> Geometry:
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
            unit = ragged.sentence_of(one.offsets)
            stack.put(row, place, space_moments(standardised(one), weights=weights, unit=unit))
    return Geometry(
        model="", revision="", task="", space="raw",
        layers=given.layers, languages=(*given.spaces, BEFORE, AFTER), concepts=first.concepts,
        dims=tuple(given.before[layer].dim for layer in given.layers), **stack.arrays,
    )  # fmt: skip


def _differences(
    geometry: Geometry, measure: Measure, place: int, shared: NDArray[np.intp]
) -> Float[np.ndarray, "draws layers"]:
    """After - before of the space at ``place`` in every draw, over ``shared`` concepts."""
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


def over_languages(table: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Means over targets of a table of :class:`Effects`, in rows like its own with language "mean".

    The interval is the jackknife over languages (at least five), ``p`` the sign-flip test's, ``n`` counts
    languages. Sentences add to it what they add to the scatter of languages.
    """
    of = ("demonstrations", "layer", "read", "by", "metric", "to", "measure")
    keys = [key for key in of if key in table]
    rows = []
    # A target without the concepts that a measure needs has no value, and says nothing of the mean.
    for key, part in table[table["value"].notna()].groupby(keys, sort=False):
        means = {at: part[at].mean() for at in (BEFORE, AFTER)}
        found = mean_over_languages(part["value"].to_numpy(dtype=np.float64), seed=seed)
        rows.append({"language": MEAN} | dict(zip(keys, key, strict=True)) | means | found)
    return pd.DataFrame(rows)
