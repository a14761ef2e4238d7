"""What is said about all pairs of a layer: their mean and its interval, chance, ceiling, what was refused.

Means and intervals are those of :func:`concept_align.correspondence.table.means`: a jackknife over languages,
for pairs share them.
"""

from dataclasses import asdict, dataclass

import pandas as pd

from ...correspondence.table import LEVEL, means
from .scores import layer_numbers, one_setting

_NAN = float("nan")


@dataclass(frozen=True)
class LayerMean:
    """All pairs of one layer. ``significant`` is the share of the pairs with a q below ``LEVEL``.

    ``null_mean`` and ``null_sd`` are means over pairs of what a single pair's permuted labels give.
    """

    layer: str
    pairs: int  # with a value
    refused: int  # without one
    languages: int
    value: float
    low: float
    high: float
    null_mean: float
    null_sd: float
    significant: float
    tested: int  # pairs with a q
    ceiling: float
    dim: int
    concepts: tuple[int, int]  # fewest and most that a pair was compared by


def layer_means(scores: pd.DataFrame) -> list[LayerMean]:
    """One a layer, in order; layers that are not a single number come last.

    A language beside itself, in another model's space, is no pair of languages: such rows are left out, but
    where there are no others.
    """
    one_setting(scores)
    different = scores["source"] != scores["target"]
    scores = scores[different] if different.any() else scores
    names = scores["layer"].astype(str)
    found = list(dict.fromkeys(names))
    numbers = [str(layer) for layer in dict.fromkeys(layer_numbers(scores)["layer"])]
    ordered = numbers + [name for name in found if name not in numbers]
    return [_layer_mean(layer, scores[names == layer]) for layer in ordered]


def _layer_mean(layer: str, scores: pd.DataFrame) -> LayerMean:
    rows = scores[scores["value"].notna()]
    mean = means(rows)
    value, low, high = (
        (float(mean.iloc[0][column]) for column in ("value", "low", "high")) if len(mean) else (_NAN,) * 3
    )
    q = rows["q"].dropna()
    sizes = (int(rows["n"].min()), int(rows["n"].max())) if len(rows) else (0, 0)
    return LayerMean(
        layer=layer,
        pairs=len(rows),
        refused=len(scores) - len(rows),
        languages=len({*rows["source"], *rows["target"]}),
        value=value,
        low=low,
        high=high,
        null_mean=_mean(rows["null_mean"]),
        null_sd=_mean(rows["null_sd"]),
        significant=float((q < LEVEL).mean()) if len(q) else _NAN,
        tested=len(q),
        ceiling=_mean(rows["ceiling"]),
        dim=int(rows["dim"].max()) if len(rows) else 0,
        concepts=sizes,
    )


def means_frame(scores: pd.DataFrame) -> pd.DataFrame:
    """:func:`layer_means` as a table."""
    columns = list(LayerMean.__dataclass_fields__)
    return pd.DataFrame([asdict(mean) for mean in layer_means(scores)], columns=columns)


def best_layer(means: list[LayerMean]) -> LayerMean | None:
    """The layer with the highest mean; the first of equals, None where no pair has a value."""
    known = [mean for mean in means if mean.pairs]
    return max(known, key=lambda mean: mean.value) if known else None


def language_means(scores: pd.DataFrame) -> pd.DataFrame:
    """[layers, languages] mean over the pairs that a language is in, NaN where it has none."""
    rows = layer_numbers(scores)
    sides = [
        rows[["layer", side, "value"]].rename(columns={side: "language"}) for side in ("source", "target")
    ]
    table = pd.concat(sides).groupby(["layer", "language"])["value"].mean().unstack()
    return table.rename(columns=str)


def _mean(column: pd.Series) -> float:
    known = column.dropna()
    return float(known.mean()) if len(known) else _NAN
