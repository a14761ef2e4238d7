"""What prompting does to concept spaces: concept accuracy and alignability, before and after.

For each target, from states of the same items without and with demonstrations (:mod:`.conditions`), two
tables of gains by layer with intervals over sentences: how well concepts can be read
(:mod:`.concept_accuracy`), and how alike the target's space is to other languages' (:mod:`.movement`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..errors import LearningError
from ..statistics import jackknife, sign_flip
from .concept_accuracy import By, accuracy_effects
from .conditions import Conditions
from .movement import MEASURES, alignability_effects

MEAN = "mean"


@dataclass(frozen=True)
class Effects:
    """``accuracy``: language, demonstrations, layer, read, by, metric; ``alignability``: ..., to, measure.

    Both: before, after, value (their difference), low, high, n. ``to`` is empty without ``spaces``.
    """

    accuracy: pd.DataFrame
    alignability: pd.DataFrame


def effects(
    given: Iterable[Conditions],
    *,
    by: By = "prototype",
    measures: Sequence[str] = MEASURES,
    folds: int = 5,
    min_count: int = 10,
    resamples: int = 1000,
    draws: int = 200,
    permutations: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Effects:
    """The effects on every target, one after another."""
    accuracy, aligned = [], []
    for one in given:
        accuracy += accuracy_effects(
            one, by=by, folds=folds, resamples=resamples, confidence=confidence, seed=seed
        )
        aligned += alignability_effects(
            one, measures=measures, min_count=min_count, draws=draws, permutations=permutations,
            confidence=confidence, seed=seed,
        )  # fmt: skip
    if not accuracy:
        raise LearningError("no target to look at", where="effects", remedy="give states of one or more")
    return Effects(pd.DataFrame(accuracy), pd.DataFrame(aligned))


def over_languages(table: pd.DataFrame, *, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Means over targets of a table of :class:`Effects`, in rows like its own with language "mean".

    The interval is the jackknife over languages (at least four), ``p`` the sign-flip test's, ``n`` counts
    languages. Sentences add to it what they add to the scatter of languages.
    """
    keys = [
        key for key in ("demonstrations", "layer", "read", "by", "metric", "to", "measure") if key in table
    ]
    rows = []
    # A target without the concepts that a measure needs has no value, and says nothing of the mean.
    for key, part in table[table["value"].notna()].groupby(keys, sort=False):
        value = part["value"].to_numpy(dtype=np.float64)
        n, mean = len(value), float(value.mean())
        without = (value.sum() - value) / max(n - 1, 1)
        low, high = jackknife(mean, without, confidence=confidence)
        means = {"before": part["before"].mean(), "after": part["after"].mean(), "value": mean}
        rest = {"low": low, "high": high, "p": sign_flip(value, seed=seed), "n": n}
        rows.append({"language": MEAN} | dict(zip(keys, key, strict=True)) | means | rest)
    return pd.DataFrame(rows)
