"""Means of alignability over pairs of languages, with intervals over languages.

Pairs that share a language are not independent: intervals are those of the jackknife over languages, as in
all questions asked of pairs (:mod:`.questions.dyads`).
"""

from typing import Any

import numpy as np
import pandas as pd

from ..statistics import jackknife

GROUP = ("model", "revision", "layer", "task", "space", "measure", "against")
COLUMNS = (*GROUP, "pairs", "value", "low", "high", "null_mean", "ceiling", "significant", "n", "languages")
LEVEL = 0.05


def means(frame: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """A row a measure and layer (and space compared with): the mean ``value`` over the ``n`` pairs scored.

    ``pairs`` is ``different`` languages or, across spaces, the ``same`` language in both. ``significant`` is
    the share of pairs with q < 0.05. The interval is NaN with fewer than four languages.
    """
    rows: list[dict[str, Any]] = []
    for key, group in frame.groupby(list(GROUP), sort=False):
        same = group["source"] == group["target"]
        for pairs, chosen in (("different", group[~same]), ("same", group[same])):
            scored = chosen[chosen["value"].notna()]
            if chosen.empty:
                continue
            low, high = _interval(scored, confidence) if len(scored) else (np.nan, np.nan)
            rows.append(
                dict(zip(GROUP, key, strict=True))
                | {
                    "pairs": pairs,
                    "value": scored["value"].mean(),
                    "low": low,
                    "high": high,
                    "null_mean": scored["null_mean"].mean(),
                    "ceiling": scored["ceiling"].mean(),
                    "significant": (scored["q"] < LEVEL).mean() if scored["q"].notna().any() else np.nan,
                    "n": len(scored),
                    "languages": len(set(scored["source"]) | set(scored["target"])),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _interval(scored: pd.DataFrame, confidence: float) -> tuple[float, float]:
    """Of the mean over pairs, from the means without each language."""
    source, target = scored["source"].to_numpy(), scored["target"].to_numpy()
    names, places = np.unique(np.concatenate([source, target]).astype(str), return_inverse=True)
    first, second = places[: len(source)], places[len(source) :]
    value = scored["value"].to_numpy(np.float64)
    has = np.zeros((len(names), len(value)), dtype=bool)
    has[first, np.arange(len(value))] = has[second, np.arange(len(value))] = True
    left = ~has.astype(bool)
    sizes = left.sum(1)
    if not sizes.all():
        return float("nan"), float("nan")
    return jackknife(float(value.mean()), (left @ value) / sizes, confidence=confidence)
