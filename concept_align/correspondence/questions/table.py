"""The tidy table of scores (a row a pair of languages, layer and measure), as languages x languages.

Columns are those of ``concept_align.correspondence.score.Score``.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ...errors import UsageError

# What one languages x languages table is of; each must have one value.
CONTEXT: tuple[str, ...] = ("model", "revision", "task", "space", "against")
# What can be read off a score. A value depends on the number of concepts and of dimensions; the others
# less: "excess" is value - null_mean, "z" that in units of the null's sd, "share" that of what the ceiling
# leaves room for, (value - null_mean) / (ceiling - null_mean).
QUANTITIES: tuple[str, ...] = ("value", "excess", "z", "share")


def quantity(scores: pd.DataFrame, name: str = "value") -> pd.Series:
    """The column ``name`` (one of ``QUANTITIES``) of the scores, NaN where it cannot be had."""
    if name not in QUANTITIES:
        raise UsageError(
            f"unknown quantity {name!r}", where="scores", remedy=f"one of {', '.join(QUANTITIES)}"
        )
    if name in ("value", "z"):
        return scores[name].astype(float)
    excess = scores["value"].astype(float) - scores["null_mean"]
    if name == "excess":
        return excess
    room = (scores["ceiling"] - scores["null_mean"]).astype(float)
    return (excess / room.where(room > 0)).astype(float)


def matrix(
    scores: pd.DataFrame,
    *,
    measure: str,
    layer: str,
    of: str = "value",
    languages: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Scores of one measure and layer [languages, languages], symmetric, with NaN on the diagonal.

    A measure with a direction is averaged over both. Raises UsageError where there are no such scores, or
    scores of several models, tasks or spaces.
    """
    rows = select(scores, measure=measure, layer=layer)
    rows = rows.assign(quantity=quantity(rows, of))
    rows = rows[rows["source"] != rows["target"]]
    codes = list(languages) if languages is not None else sorted({*rows["source"], *rows["target"]})
    once = rows.groupby(["source", "target"])["quantity"].mean().unstack()
    square = once.reindex(index=codes, columns=codes).to_numpy(dtype=np.float64)
    both = np.stack([square, square.T])
    known = ~np.isnan(both)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, both, 0.0).sum(axis=0) / known.sum(axis=0)
    np.fill_diagonal(mean, np.nan)
    return pd.DataFrame(mean, index=codes, columns=codes)


def select(scores: pd.DataFrame, *, measure: str, layer: str) -> pd.DataFrame:
    """The rows of one measure and layer, which must be of one model, task and space."""
    rows = scores[(scores["measure"] == measure) & (scores["layer"].astype(str) == str(layer))]
    if rows.empty:
        raise UsageError(
            f"there are no scores of {measure} at layer {layer}",
            where="scores",
            remedy=f"measures there: {_list(scores['measure'])}; layers: {_list(scores['layer'])}",
        )
    single(rows)
    return rows


def single(rows: pd.DataFrame) -> None:
    """Raise UsageError where the scores are of several models, revisions, tasks or spaces."""
    for key in CONTEXT:
        if key in rows and rows[key].nunique(dropna=False) > 1:
            raise UsageError(
                f"the scores are of several values of {key}: {_list(rows[key])}",
                where="scores",
                remedy=f"keep the rows of one {key}",
            )


def _list(column: pd.Series) -> str:
    return ", ".join(repr(value) if value == "" else str(value) for value in dict.fromkeys(column)) or "none"
