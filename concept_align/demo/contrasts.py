"""The few differences that the demo speaks of, each tested over the target languages.

A contrast is the mean over languages of a paired difference of accuracies, with a bootstrap interval over
languages and the sign-flip test; Holm's correction is over all contrasts of a demo.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ..evaluation.results import MAJORITY
from ..report.evaluation_tables import per_language
from ..seeding import stream
from ..statistics import bounds_over_languages, holm, sign_flip
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
    few = max(SHOTS)

    def accuracy(place: tuple[str, str], learner: str, shots: int) -> "pd.Series[float]":
        """Accuracy by target language; with shots of -1, of probes of their own training splits."""
        rows = frame if shots >= 0 else probes[probes["layer"] == str(layers[place])]
        rows = rows[(rows["model"] == place[0]) & (rows["task"] == place[1]) & (rows["learner"] == learner)]
        return per_language(rows, "accuracy", shots).set_index("language")["value"]

    found = []
    for place, learner in chosen.items():
        zero_shot = f"{learner}, zero-shot"
        zero = accuracy(place, learner, 0)
        pairs = [(FLOOR, zero, accuracy(place, MAJORITY, 0), zero_shot, "majority")]
        if learner != "source-probe":
            alone = accuracy(place, "source-probe", 0)
            pairs.append((MANY, zero, alone, zero_shot, "source-probe, zero-shot"))
        pairs.append((FEW, accuracy(place, learner, few), zero, f"{learner}, {few} sentences", zero_shot))
        pairs.append((OWN, accuracy(place, "probe", -1), zero, "own probe", zero_shot))
        found += [_contrast(kind, place, a, b, names, seed) for kind, a, b, *names in pairs]
    models = list(dict.fromkeys(model for model, _ in chosen))[:2]
    for task in dict.fromkeys(task for _, task in chosen) if len(models) == 2 else ():
        a, b = (accuracy((model, task), chosen[model, task], 0) for model in models)
        found.append(_contrast(MODELS, (" − ".join(models), task), a, b, models, seed))
    found = [one for one in found if one.n]
    adjusted = holm(np.array([one.p for one in found]))
    return [replace(one, p_holm=float(p)) for one, p in zip(found, adjusted, strict=True)]


def _contrast(
    kind: str,
    place: tuple[str, str],
    a: "pd.Series[float]",
    b: "pd.Series[float]",
    names: list[str],
    seed: int,
) -> Contrast:
    languages = sorted(set(a.index) & set(b.index))
    values = np.asarray(a[languages] - b[languages], dtype=np.float64)
    resampled = np.empty((RESAMPLES, 1))
    if len(values):  # the mean over resampled languages
        drawn = stream(seed, "contrast").integers(0, len(values), size=(RESAMPLES, len(values)))
        resampled = values[drawn].mean(1, keepdims=True)
    low, high = (float(end[0]) for end in bounds_over_languages(resampled, len(values), 0.95))
    p = sign_flip(values, seed=seed)
    better = int((values > 0).sum())
    mean = float(values.mean()) if len(values) else float("nan")
    (model, task), (first, second) = place, names
    return Contrast(kind, task, model, first, second, len(values), mean, low, high, better, p, p)
