"""The few differences that the demo speaks of, each tested over the target languages.

A contrast is the mean over languages of a paired difference of accuracies, with a bootstrap interval over
languages and the sign-flip test; Holm's correction is over all contrasts of a demo.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..evaluation.results import MAJORITY, SUMMARIES
from ..seeding import stream
from ..statistics import holm, sign_flip
from .settings import SHOTS

RESAMPLES = 2000
LEVEL = 0.05
# What is compared; each kind is one sentence of the text and one block of the page.
FLOOR, MANY, FEW, OWN, MODELS = "floor", "many languages", "few shots", "own probe", "models"


@dataclass(frozen=True)
class Contrast:
    """``a`` less ``b``, in shares of words; ``better_in`` of ``n`` languages a is above b."""

    kind: str
    task: str
    model: str  # for MODELS: both
    a: str
    b: str
    n: int
    difference: float
    low: float
    high: float
    better_in: int
    p: float
    p_holm: float

    @classmethod
    def columns(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    @property
    def clear(self) -> bool:
        return self.p_holm < LEVEL


def contrasts(
    frame: pd.DataFrame,
    probes: pd.DataFrame,
    layers: dict[tuple[str, str], int],
    chosen: dict[tuple[str, str], str],
    *,
    seed: int = 0,
) -> list[Contrast]:
    """The contrasts of every model and task (``chosen``: its learner), and of the first two models.

    ``frame`` and ``probes`` are tidy tables with the models' short names; both hold the targets.
    """
    found, few = [], max(SHOTS)
    for (model, task), learner in chosen.items():
        zero = _accuracy(frame, model, task, learner, 0)
        floor = _accuracy(frame, model, task, MAJORITY, 0)
        found.append(_contrast(zero, floor, FLOOR, task, model, (f"{learner}, zero-shot", "majority"), seed))
        if learner != "source-probe":
            alone = _accuracy(frame, model, task, "source-probe", 0)
            names = (f"{learner}, zero-shot", "source-probe, zero-shot")
            found.append(_contrast(zero, alone, MANY, task, model, names, seed))
        shots = _accuracy(frame, model, task, learner, few)
        names = (f"{learner}, {few} sentences", f"{learner}, zero-shot")
        found.append(_contrast(shots, zero, FEW, task, model, names, seed))
        own = _own(probes, model, task, layers[model, task])
        names = ("own probe", f"{learner}, zero-shot")
        found.append(_contrast(own, zero, OWN, task, model, names, seed))
    models = list(dict.fromkeys(model for model, _ in chosen))[:2]
    for task in dict.fromkeys(task for _, task in chosen):
        if len(models) == 2:
            a, b = (_accuracy(frame, model, task, chosen[model, task], 0) for model in models)
            found.append(_contrast(a, b, MODELS, task, " − ".join(models), (models[0], models[1]), seed))
    found = [one for one in found if one.n]
    adjusted = holm(np.array([one.p for one in found]))
    return [replace(one, p_holm=float(p)) for one, p in zip(found, adjusted, strict=True)]


def _accuracy(frame: pd.DataFrame, model: str, task: str, learner: str, shots: int) -> "pd.Series[float]":
    """Accuracy by target language."""
    rows = frame[
        (frame["model"] == model)
        & (frame["task"] == task)
        & (frame["learner"] == learner)
        & (frame["shots"] == shots)
        & (frame["metric"] == "accuracy")
        & (frame["draw"] == -1)
        & ~frame["language"].isin(SUMMARIES)
    ]
    return rows.set_index("language")["value"]


def _own(probes: pd.DataFrame, model: str, task: str, layer: int) -> "pd.Series[float]":
    """Accuracy by language of probes of the languages' own training splits."""
    rows = probes[probes["layer"] == str(layer)]
    return _accuracy(rows, model, task, "probe", -1)


def _contrast(
    a: "pd.Series[float]",
    b: "pd.Series[float]",
    kind: str,
    task: str,
    model: str,
    names: tuple[str, str],
    seed: int,
) -> Contrast:
    languages = sorted(set(a.index) & set(b.index))
    values: NDArray[np.float64] = np.asarray(a[languages] - b[languages], dtype=np.float64)
    low, high = _interval(values, seed)
    p = sign_flip(values, seed=seed)
    better = int((values > 0).sum())
    mean = float(values.mean()) if len(values) else float("nan")
    return Contrast(kind, task, model, *names, len(values), mean, low, high, better, p, p)


def _interval(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """Percentile interval of the mean over resampled languages; NaN for fewer than two."""
    if len(values) < 2:
        return float("nan"), float("nan")
    drawn = stream(seed, "contrast").integers(0, len(values), size=(RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return float(low), float(high)
