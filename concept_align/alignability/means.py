"""Means of alignability over pairs of languages, with intervals over languages.

Pairs that share a language are not independent: languages are resampled, and a pair counts as often as the
product of its languages' counts. A language drawn twice makes no pair with itself.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..seeding import stream

GROUP = ("model", "revision", "layer", "task", "space", "measure", "against")
COLUMNS = (*GROUP, "pairs", "value", "low", "high", "null_mean", "ceiling", "significant", "n", "languages")
LEVEL = 0.05


def means(frame: pd.DataFrame, *, draws: int = 1000, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """A row a measure and layer (and space compared with): the mean ``value`` over the ``n`` pairs scored.

    ``pairs`` is ``different`` languages or, across spaces, the ``same`` language in both. ``significant`` is
    the share of pairs with q < 0.05. The interval is NaN with fewer than three languages.
    """
    rows: list[dict[str, Any]] = []
    for key, group in frame.groupby(list(GROUP), sort=False):
        same = group["source"] == group["target"]
        for pairs, chosen in (("different", group[~same]), ("same", group[same])):
            scored = chosen[chosen["value"].notna()]
            if chosen.empty:
                continue
            low, high = _interval(scored, draws, confidence, seed) if len(scored) else (np.nan, np.nan)
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


def _interval(scored: pd.DataFrame, draws: int, confidence: float, seed: int) -> tuple[float, float]:
    source, target = scored["source"].to_numpy(), scored["target"].to_numpy()
    names, places = np.unique(np.concatenate([source, target]).astype(str), return_inverse=True)
    if len(names) < 3 or draws < 1:
        return float("nan"), float("nan")
    first, second = places[: len(source)], places[len(source) :]
    random = stream(seed, "means", *names.tolist())
    counts = random.multinomial(len(names), np.full(len(names), 1 / len(names)), size=draws).astype(float)
    # A language with itself is one thing that is drawn, not two.
    weights: NDArray[np.float64] = counts[:, first] * np.where(first == second, 1.0, counts[:, second])
    mass = weights.sum(1)
    drawn = (weights @ scored["value"].to_numpy())[mass > 0] / mass[mass > 0]
    tail = 50 * (1 - confidence)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
