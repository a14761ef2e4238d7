"""Scores of alignability as a matrix of languages, and the order in which similar languages are adjacent.

A table of scores has the columns of ``alignability.csv``: model, revision, layer, task, space, measure,
source, target, value, low, high, null_mean, null_sd, z, p, q, ceiling, n, left_out, dim, against, note.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import dendrogram, leaves_list, linkage, to_tree
from scipy.spatial.distance import squareform

from ..correspondence.table import Alignability
from ..errors import ConceptAlignError, UsageError

CONDITION: tuple[str, ...] = ("model", "revision", "task", "space", "measure", "against")


@dataclass(frozen=True, eq=False)
class ScoreMatrix:
    """The scores of one layer: rows are sources, columns targets; NaN where there is no value."""

    languages: tuple[str, ...]
    values: Float[np.ndarray, "langs langs"]
    q: Float[np.ndarray, "langs langs"]
    notes: tuple[str, ...] = ()  # why there is no value, each reason once

    @property
    def empty(self) -> tuple[str, ...]:
        """Languages without a single value with another one."""
        others = np.where(np.eye(len(self.languages), dtype=bool), np.nan, self.values)
        there = np.isfinite(others) | np.isfinite(others.T)
        return tuple(code for code, row in zip(self.languages, there, strict=True) if not row.any())

    def ordered(self, order: Sequence[int]) -> "ScoreMatrix":
        """The same with languages in ``order``."""
        at = np.ix_(order, order)
        names = tuple(self.languages[place] for place in order)
        return ScoreMatrix(names, self.values[at], self.q[at], self.notes)


def one_condition(scores: pd.DataFrame, columns: Sequence[str] = CONDITION) -> dict[str, str]:
    """What the rows of ``scores`` have in common.

    Raises UsageError, with what differs, for rows of several conditions; ConceptAlignError for none.
    """
    if scores.empty:
        raise ConceptAlignError("no scores to draw", remedy="compare the languages first")
    for column in columns:
        if scores[column].nunique() > 1:
            several = ", ".join(sorted(map(str, scores[column].unique()))[:4])
            raise UsageError(
                f"the scores are of several conditions: {column} is {several}",
                remedy=f"choose one: scores[scores[{column!r}] == ...]",
            )
    return {column: str(scores[column].iloc[0]) for column in columns}


def conditions(scores: pd.DataFrame) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Every condition of a table with its rows, in the order in which they appear."""
    return [
        (dict(zip(CONDITION, map(str, key), strict=True)), rows)
        for key, rows in scores.groupby(list(CONDITION), sort=False, dropna=False)
    ]


def rows_of(scores: pd.DataFrame, wanted: Mapping[str, Any]) -> pd.DataFrame:
    """The rows whose columns have, as text, the values that are ``wanted`` by their names."""
    there = scores[list(wanted)].astype(str) == [str(value) for value in wanted.values()]
    return scores[there.all(axis=1)]


def layer_numbers(scores: pd.DataFrame) -> pd.DataFrame:
    """The rows whose layer is a single one, with ``layer`` as a number, in its order."""
    rows = scores[scores["layer"].astype(str).str.fullmatch(r"\d+")].copy()
    rows["layer"] = rows["layer"].astype(int)
    return rows.sort_values("layer", kind="stable")


def matrix(scores: pd.DataFrame) -> ScoreMatrix:
    """The scores of one layer of one condition, for all languages that are in them.

    A pair that was compared in one direction only has the same value in both, unless two models were
    compared.
    """
    condition = one_condition(scores, (*CONDITION, "layer"))
    whole = Alignability(scores)
    names = list(whole.languages)
    values, q = (
        whole.matrix(condition["measure"], condition["layer"], column).reindex(index=names, columns=names)
        for column in ("value", "q")
    )
    notes = scores.loc[scores["value"].isna(), "note"].fillna("").astype(str)
    kept = tuple(dict.fromkeys(note for note in notes if note))
    return ScoreMatrix(tuple(names), values.to_numpy(np.float64), q.to_numpy(np.float64), kept)


class TreeLink(NamedTuple):
    """Two sides of the tree that join: the bracket to be drawn, and what is below it."""

    places: Float[np.ndarray, "4"]  # along the languages in order
    heights: Float[np.ndarray, "4"]
    members: tuple[int, ...]  # places in the matrix of all languages below


@dataclass(frozen=True, eq=False)
class LanguageTree:
    """A tree over some languages, and the order in which all are shown.

    ``linkage`` [leaves - 1, 4] is scipy's, of the languages ``leaves``. ``order`` are places in the matrix,
    with languages that have no value, and so no place in the tree, last.
    """

    order: tuple[int, ...]
    leaves: tuple[int, ...]  # leaf i of the linkage -> place in the matrix
    linkage: Float[np.ndarray, "links 4"]

    def links(self) -> list[TreeLink]:
        """Every link of the tree as scipy draws it; a language is at its place in ``order``."""
        if not len(self.linkage):
            return []
        drawn = dendrogram(self.linkage, no_plot=True, link_color_func=str)
        nodes = to_tree(self.linkage, rd=True)[1]  # a link's "colour" is its place here
        return [
            TreeLink(
                (np.array(across) - 5) / 10,
                np.array(up),
                tuple(self.leaves[leaf] for leaf in nodes[int(node)].pre_order()),
            )
            for across, up, node in zip(drawn["icoord"], drawn["dcoord"], drawn["color_list"], strict=True)
        ]


def distances(grid: ScoreMatrix) -> tuple[Int[np.ndarray, "kept"], Float[np.ndarray, "kept kept"]]:
    """Places of the languages that have a value, and [kept, kept] 1 - score of each two of them.

    Scores of both directions are averaged. Where two languages were not compared, their distance is the mean
    of both languages' mean distances to the others: it takes no side in the order.
    """
    kept = np.array([at for at, name in enumerate(grid.languages) if name not in grid.empty], np.int64)
    values = grid.values[np.ix_(kept, kept)]
    apart = np.ma.maximum(1 - np.ma.masked_invalid(np.stack([values, values.T])).mean(0), 0)
    apart[np.diag_indices(len(kept))] = np.ma.masked
    of = apart.mean(1).filled(0)
    whole = np.where(np.ma.getmaskarray(apart), (of[:, None] + of) / 2, apart.data)
    np.fill_diagonal(whole, 0)
    return kept, whole


def language_tree(grid: ScoreMatrix) -> LanguageTree:
    """The languages by average linkage (UPGMA) on 1 - score, neighbours as similar as the tree allows."""
    kept, apart = distances(grid)
    rest = tuple(at for at in range(len(grid.languages)) if at not in set(kept.tolist()))
    if len(kept) < 2:
        return LanguageTree((*kept.tolist(), *rest), tuple(kept.tolist()), np.empty((0, 4)))
    links = linkage(squareform(apart, checks=False), method="average", optimal_ordering=True)
    order = tuple(int(kept[leaf]) for leaf in leaves_list(links))
    return LanguageTree((*order, *rest), tuple(kept.tolist()), links)
