"""What was found of single sentences, and what it says of languages: values, intervals, differences.

An outcome is one row: of ``unit`` (a document, or a sentence where there are no documents) in one language
and layer, ``total`` over its ``count`` sentences or tokens. A value is a ratio, sum of totals / sum of
counts.

Intervals are percentiles of a bootstrap over units in which every unit counts Poisson(1) times. A unit's
counts are drawn from its own name, so that whatever was measured of the same documents (layers, languages,
the model before and after, other seeds) is resampled together, and a difference of two values is paired. Of
means over languages the languages are resampled as well.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import UsageError
from ..seeding import stream
from ..statistics import Floats, bounds_over_languages, percentile_interval

CONDITION = ("layer", "task", "source", "learner", "metric")
KEYS = (*CONDITION, "language")
COLUMNS = (*KEYS, "unit", "total", "count")
VALUES = (*KEYS, "reference", "value", "low", "high", "n")
SEEN, UNSEEN = "seen mean", "unseen mean"
DRAWS = 1000
CONFIDENCE = 0.95


def outcomes_of(keys: tuple[str, ...], units: Sequence[str], totals: Floats, counts: Floats) -> pd.DataFrame:
    """Rows of outcomes: ``totals`` and ``counts`` [n] summed over equal ``units``; ``keys`` as in KEYS."""
    frame = pd.DataFrame({"unit": list(units), "total": totals, "count": counts})
    frame = frame.groupby("unit", sort=True, as_index=False).sum()
    return frame.assign(**dict(zip(KEYS, keys, strict=True)))[list(COLUMNS)]


@lru_cache(maxsize=100_000)
def _times(unit: str, draws: int) -> NDArray[np.uint8]:
    """[draws] how often ``unit`` counts in each draw."""
    return stream(0, "tune", "bootstrap", unit).poisson(1.0, draws).astype(np.uint8)


@lru_cache(maxsize=64)
def _times_of(units: tuple[str, ...], draws: int) -> Floats:
    """[units, draws], the same for all layers and learners of a language."""
    return np.stack([_times(unit, draws) for unit in units]).astype(np.float64)


def _resampled(own: pd.DataFrame, draws: int) -> Floats:
    """[draws] values of the outcomes of one language; NaN where none of its units was drawn."""
    times = _times_of(tuple(own["unit"]), draws)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((own["total"].to_numpy() @ times) / (own["count"].to_numpy() @ times))


def summary(
    outcomes: pd.DataFrame,
    seen: Sequence[str],
    *,
    less: pd.DataFrame | None = None,
    reference: str = "",
    draws: int = DRAWS,
) -> pd.DataFrame:
    """Values of every language, and means of those in ``seen`` and of the others, with their intervals.

    With ``less``, outcomes whose learner is ``reference``: differences to them, paired by units; only what
    both hold is compared. ``n`` counts sentences or tokens of a language, and languages of a mean. Raises
    UsageError where nothing is left.
    """
    known: dict[tuple[str, ...], pd.DataFrame] = {}
    if less is not None:
        others = less[less["learner"] == reference].drop(columns="learner")
        shared = [key for key in KEYS if key != "learner"]
        known = {tuple(map(str, key)): own for key, own in others.groupby(shared, sort=False)}
    rows: list[dict[str, object]] = []
    for condition, part in outcomes.groupby(list(CONDITION), sort=False):
        at = dict(zip(CONDITION, map(str, condition), strict=True))
        found: dict[str, tuple[float, Floats]] = {}
        for code, own in part.groupby("language", sort=False):
            language = str(code)
            value, drawn = own["total"].sum() / own["count"].sum(), _resampled(own, draws)
            if less is not None:
                key = tuple({**at, "language": language}[name] for name in KEYS if name != "learner")
                if key not in known:
                    continue
                value -= known[key]["total"].sum() / known[key]["count"].sum()
                drawn = drawn - _resampled(known[key], draws)
            found[language] = float(value), drawn
            bounds = percentile_interval(drawn, CONFIDENCE)
            rows.append(_row(at, language, reference, float(value), bounds, int(own["count"].sum())))
        for name, codes in (
            (SEEN, [code for code in found if code in seen]),
            (UNSEEN, [code for code in found if code not in seen]),
        ):
            if codes:
                value = float(np.mean([found[code][0] for code in codes]))
                drawn = _over_languages(np.stack([found[code][1] for code in codes]))
                low, high = bounds_over_languages(drawn[:, None], len(codes), CONFIDENCE)
                rows.append(_row(at, name, reference, value, (float(low[0]), float(high[0])), len(codes)))
    if not rows:
        raise UsageError("nothing was measured of both models", remedy="evaluate both on the same texts")
    return pd.DataFrame(rows, columns=list(VALUES))


def _over_languages(drawn: Floats) -> Floats:
    """[draws] means of ``drawn`` [langs, draws], of languages drawn with replacement."""
    langs, draws = drawn.shape
    chosen = stream(0, "tune", "bootstrap-languages", langs).integers(0, langs, size=(langs, draws))
    return np.asarray(np.take_along_axis(drawn, chosen, axis=0).mean(axis=0))


def _row(
    at: dict[str, str], language: str, reference: str, value: float, bounds: tuple[float, float], n: int
) -> dict[str, object]:
    known = {
        "language": language,
        "reference": reference,
        "value": value,
        "low": bounds[0],
        "high": bounds[1],
    }
    return {**at, **known, "n": n}
