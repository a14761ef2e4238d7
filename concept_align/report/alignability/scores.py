"""Scores as a table: one setting of it, its layers, and a layer as a matrix of languages.

A table has the columns of ``alignability.csv``: model, revision, layer, task, space, measure, source,
target, value, low, high, null_mean, null_sd, z, p, q, ceiling, n, left_out, dim, against, note.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...correspondence.table import Alignability
from ...errors import ConceptAlignError, UsageError

Floats = NDArray[np.float64]
SETTING: tuple[str, ...] = ("model", "revision", "task", "space", "measure", "against")


@dataclass(frozen=True, eq=False)
class Matrix:
    """The scores of one layer: rows are sources, columns targets; NaN where there is no value."""

    languages: tuple[str, ...]
    values: Floats  # [langs, langs]
    q: Floats  # [langs, langs]
    notes: tuple[str, ...] = ()  # why there is no value, each reason once

    @property
    def empty(self) -> tuple[str, ...]:
        """Languages without a single value beside the others."""
        beside = np.where(np.eye(len(self.languages), dtype=bool), np.nan, self.values)
        there = np.isfinite(beside) | np.isfinite(beside.T)
        return tuple(code for code, row in zip(self.languages, there, strict=True) if not row.any())

    def ordered(self, order: Sequence[int]) -> "Matrix":
        """The same with languages in ``order``."""
        at = np.ix_(order, order)
        names = tuple(self.languages[place] for place in order)
        return Matrix(names, self.values[at], self.q[at], self.notes)


def one_setting(scores: pd.DataFrame, columns: Sequence[str] = SETTING) -> dict[str, str]:
    """What the rows of ``scores`` have in common.

    Raises UsageError, with what differs, for rows of several settings; ConceptAlignError for none.
    """
    if scores.empty:
        raise ConceptAlignError("no scores to draw", remedy="compare the languages first")
    for column in columns:
        if scores[column].nunique() > 1:
            several = ", ".join(sorted(map(str, scores[column].unique()))[:4])
            raise UsageError(
                f"the scores are of several settings: {column} is {several}",
                remedy=f"choose one: scores[scores[{column!r}] == ...]",
            )
    return {column: str(scores[column].iloc[0]) for column in columns}


def settings(scores: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Every setting of a table with its rows, in the order in which they appear."""
    return [
        (dict(zip(SETTING, map(str, key), strict=True)), rows)
        for key, rows in scores.groupby(list(SETTING), sort=False, dropna=False)
    ]


def layer_numbers(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows whose layer is a single one, with ``layer`` as a number, in its order."""
    rows = scores[scores["layer"].astype(str).str.fullmatch(r"\d+")].copy()
    rows["layer"] = rows["layer"].astype(int)
    return rows.sort_values("layer", kind="stable")


def matrix(scores: pd.DataFrame, languages: Sequence[str] | None = None) -> Matrix:
    """The scores of one layer of one setting, for ``languages`` or for all that are in them.

    A pair that was compared in one direction only has the same value in both, unless two models were
    compared.
    """
    setting = one_setting(scores, (*SETTING, "layer"))
    names = list(languages or dict.fromkeys([*scores["source"], *scores["target"]]))
    rows = scores[scores["source"].isin(names) & scores["target"].isin(names)]
    values, q = (
        Alignability(scores)
        .matrix(setting["measure"], setting["layer"], of)
        .reindex(index=names, columns=names)
        .to_numpy(dtype=np.float64)
        for of in ("value", "q")
    )
    notes = rows.loc[rows["value"].isna(), "note"].fillna("").astype(str)
    return Matrix(tuple(names), values, q, tuple(dict.fromkeys(note for note in notes if note)))
