"""What was found of single sentences, and what it says of languages: values, intervals, differences.

An outcome is one row: of ``unit`` (a document, or a sentence where there are no documents) in one language
and layer, ``total`` over its ``count`` sentences or tokens. A value is a ratio, sum of totals / sum of
counts.

Intervals are percentiles of a bootstrap over units in which every unit counts Poisson(1) times. A unit's
counts are drawn from its own name, so that whatever was measured of the same documents (layers, languages,
the model before and after, other seeds) is resampled together, and a difference of two values is paired. Of
means over languages the languages are resampled as well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import UsageError
from ..seeding import stream
from ..statistics import ANY, SHARES, Floats, bounds_over_languages, means_over_drawn, percentile_interval

CONDITION = ("layer", "task", "source", "learner", "metric")
KEYS = (*CONDITION, "language")
COLUMNS = (*KEYS, "unit", "total", "count")
VALUES = (*KEYS, "reference", "value", "low", "high", "n")
SEEN, UNSEEN = "seen mean", "unseen mean"
DRAWS = 1000
Key = tuple[str, ...]  # as KEYS: layer, task, source, learner, metric, language
CONFIDENCE = 0.95


def outcomes_of(keys: tuple[str, ...], units: Sequence[str], totals: Floats, counts: Floats) -> pd.DataFrame:
    """Rows of outcomes: ``totals`` and ``counts`` [n] summed over equal ``units``; ``keys`` as in KEYS."""
    named, place = np.unique(np.asarray(units, dtype=object), return_inverse=True)
    summed = {name: np.bincount(place, own) for name, own in (("total", totals), ("count", counts))}
    return pd.DataFrame({**dict(zip(KEYS, keys, strict=True)), "unit": named, **summed})


@lru_cache(maxsize=100_000)
def _times(unit: str, draws: int) -> NDArray[np.uint8]:
    """[draws] how often ``unit`` counts in each draw."""
    return stream(0, "tune", "bootstrap", unit).poisson(1.0, draws).astype(np.uint8)


@lru_cache(maxsize=64)
def _times_of(units: tuple[str, ...], draws: int) -> Floats:
    """[units, draws], the same for all layers and learners of a language."""
    return np.stack([_times(unit, draws) for unit in units]).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Cells:
    """Every value with its draws: by (layer, task, source, learner, metric, language), in that order."""

    values: Mapping[Key, float]
    counts: Mapping[Key, int]  # sentences or tokens
    drawn: Mapping[Key, Floats]  # [draws] each; NaN where no unit was drawn


def cells_of(outcomes: pd.DataFrame, *, draws: int = DRAWS) -> Cells:
    """The values of ``outcomes``, resampled; what was measured of the same units is resampled at once."""
    values: dict[Key, float] = {}
    counts: dict[Key, int] = {}
    drawn: dict[Key, Floats] = {}
    for (task, source, language), part in outcomes.groupby(["task", "source", "language"], sort=False):
        row, cells = pd.factorize(pd.MultiIndex.from_frame(part[["layer", "learner", "metric"]].astype(str)))
        column, units = pd.factorize(part["unit"])
        total, count = (np.zeros((len(cells), len(units))) for _ in range(2))
        np.add.at(total, (row, column), part["total"].to_numpy(dtype=np.float64))
        np.add.at(count, (row, column), part["count"].to_numpy(dtype=np.float64))
        times = _times_of(tuple(units), draws)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = (total @ times) / (count @ times)
        for place, (layer, learner, metric) in enumerate(cells):
            key: Key = (layer, str(task), str(source), learner, metric, str(language))
            values[key] = float(total[place].sum() / count[place].sum())
            counts[key] = int(count[place].sum())
            drawn[key] = found[place]
    return Cells(values, counts, drawn)


def summary(
    cells: Cells, seen: Sequence[str], *, less: Cells | None = None, pairs: Sequence[tuple[str, str]] = ()
) -> pd.DataFrame:
    """Values of every language, and means of those in ``seen`` and of the others, with their intervals.

    With ``less``, differences: of each learner to its reference there, both named by ``pairs``; only what
    both hold is compared. ``n`` counts sentences or tokens of a language, and languages of a mean. Raises
    UsageError where nothing is left.
    """
    rows: list[dict[str, object]] = []
    found: dict[Key, dict[str, tuple[float, Floats]]] = {}  # by condition and reference
    for reference, key in _asked(cells, less, pairs):
        *condition, language = key
        value, drawn = cells.values[key], cells.drawn[key]
        if less is not None:
            other = (*key[:3], reference, *key[4:])
            value, drawn = value - less.values[other], drawn - less.drawn[other]
        found.setdefault((*condition, reference), {})[language] = value, drawn
        bounds = percentile_interval(drawn, CONFIDENCE)
        rows.append(_row((*condition, reference), language, value, bounds, cells.counts[key]))
    for at, own in found.items():
        known = [code for code in own if code in seen]
        for name, codes in ((SEEN, known), (UNSEEN, [code for code in own if code not in seen])):
            if codes:
                value = float(np.mean([own[code][0] for code in codes]))
                rng = stream(0, "tune", "bootstrap-languages", len(codes))
                drawn = means_over_drawn(np.stack([own[code][1] for code in codes]), rng)
                within = SHARES if at[4] in ("p1", "mrr") and not at[-1] else ANY
                low, high = bounds_over_languages(drawn[:, None], len(codes), CONFIDENCE, within=within)
                rows.append(_row(at, name, value, (float(low[0]), float(high[0])), len(codes)))
    if not rows:
        raise UsageError("nothing was measured of both models", remedy="evaluate both on the same texts")
    return pd.DataFrame(rows, columns=list(VALUES))


def _asked(cells: Cells, less: Cells | None, pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[str, Key]]:
    """(reference, key) of each row, in the order of ``pairs``."""
    if less is None:
        yield from (("", key) for key in cells.values)
        return
    for learner, reference in pairs:
        for key in cells.values:
            if key[3] == learner and (*key[:3], reference, *key[4:]) in less.values:
                yield reference, key


def _row(
    at: tuple[str, ...], language: str, value: float, bounds: tuple[float, float], n: int
) -> dict[str, object]:
    low, high = bounds
    named = dict(zip((*CONDITION, "reference"), at, strict=True))
    return {**named, "language": language, "value": value, "low": low, "high": high, "n": n}
