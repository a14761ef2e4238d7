"""How well concepts can be read off a target's states, without and with demonstrations before it.

Two ways of reading, both by the nearest prototype or by a probe (logistic regression):

- ``own``: learned from other sentences of the same language and condition, by cross-validation over
  sentences. Does the prompt make concepts more separable?
- ``from CODE``: learned from another language's states without demonstrations. Does the prompt bring concepts
  to where that language has them?

Before and after are tested on the same items with the same folds and resamples, so gains are paired.
"""

from collections.abc import Callable, Iterator
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import LearningError, UsageError
from ..evaluation.resampling import MetricResamples, resample_metrics, sentence_weights
from ..evaluation.results import METRICS
from ..meta.learners.logistic import fit_logistic
from ..seeding import stream
from ..spaces.classify import NearestPrototype
from ..spaces.features import Features
from ..spaces.metrics import sentence_counts
from ..spaces.prototypes import fit_prototypes
from ..statistics import percentile_interval
from .conditions import Conditions, standardised

By = Literal["prototype", "probe"]
Predict = Callable[[torch.Tensor], torch.Tensor]
STRENGTH = 1.0  # of the probe's prior on standardised states


def accuracy_effects(
    given: Conditions,
    *,
    by: By = "prototype",
    folds: int = 5,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """A row a layer, way of reading and metric: ``before``, ``after``, and the gain ``value``, low and high.

    The interval is over sentences of the target (percentiles of a paired bootstrap); ``n`` counts items.
    """
    if by not in get_args(By):
        raise UsageError(f"unknown way {by!r}", remedy=f"use {' or '.join(get_args(By))}")
    rows = []
    for layer in given.layers:
        before, after = standardised(given.before[layer]), standardised(given.after[layer])
        weights = sentence_weights(before.sents, resamples, seed, given.language)
        for read, predicted in _read(given, layer, before, after, by, folds, seed):
            parts = [_cells(codes, before, weights, confidence) for codes in predicted]
            for metric in METRICS:
                one, two = (part[metric] for part in parts)
                low, high = percentile_interval(two.mean - one.mean, confidence)
                numbers: dict[str, Any] = {"read": read, "by": by, "metric": metric}
                numbers |= {"before": one.value, "after": two.value, "value": two.value - one.value}
                rows.append(given.about(layer) | numbers | {"low": low, "high": high, "n": one.words})
    return rows


def _read(
    given: Conditions, layer: str, before: Features, after: Features, by: By, folds: int, seed: int
) -> Iterator[tuple[str, tuple[torch.Tensor, torch.Tensor]]]:
    """Each way of reading, and what it takes the items for in both conditions."""
    fold = _folds(before, folds, seed)
    yield "own", (_crossed(before, fold, by), _crossed(after, fold, by))
    for code, by_layer in given.spaces.items():
        predict = _fitted(standardised(by_layer[layer]), by)
        yield f"from {code}", (predict(before.x), predict(after.x))


def _folds(features: Features, folds: int, seed: int) -> NDArray[np.int64]:
    """[sents] the fold of each sentence."""
    if not 2 <= folds <= features.sents:
        raise LearningError(
            f"{features.sents} sentences cannot be parted in {folds}",
            where=features.language,
            remedy="give more sentences, or two folds or more but no more than sentences",
        )
    return stream(seed, "folds", features.language).permutation(features.sents) % folds


def _crossed(features: Features, fold: NDArray[np.int64], by: By) -> torch.Tensor:
    """int64 [items] what each item is taken for by what was learned from the other folds."""
    found = torch.empty_like(features.y)
    of_item = torch.from_numpy(np.repeat(fold, np.diff(features.offsets)))
    for one in range(int(fold.max()) + 1):
        predict = _fitted(features.of_sentences(np.flatnonzero(fold != one)), by)
        found[of_item == one] = predict(features.x[of_item == one])
    return found


def _fitted(train: Features, by: By) -> Predict:
    if by == "prototype":
        return NearestPrototype.of(fit_prototypes(train.x, train.y, train.concepts)).predict
    offset = torch.where(train.counts() > 0, 0.0, -torch.inf)
    weights = fit_logistic(train.x, train.y, offset, strength=STRENGTH)
    return lambda x: (x @ weights[:-1] + weights[-1] + offset).argmax(1)


def _cells(
    codes: torch.Tensor, gold: Features, weights: NDArray[np.float32], confidence: float
) -> dict[str, MetricResamples]:
    counts = sentence_counts(codes, gold.y, len(gold.concepts), gold.offsets)
    return resample_metrics([counts], weights, np.ones((len(weights), 1)), confidence)
