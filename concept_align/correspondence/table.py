"""Scores of pairs of concept spaces: the tidy table, and views of it."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..atomic import save_csv, save_table, write_json
from ..errors import ConceptAlignError, UsageError
from ..reading import read_json_object, read_table
from ..showing import Showable, reporter
from ..statistics import Floats, jackknife

NAME = "alignability"


@dataclass(frozen=True)
class Score:
    """One row: how alike two languages' concept spaces are, and what that is worth.

    ``null_mean`` ... ``p`` come from relabelling the target's concepts at random; ``q`` is p after
    Benjamini and Hochberg over all pairs and layers of the measure. ``low`` and ``high`` bound the interval
    over resampled sentences. The ceiling is the geometric mean of what either language scores against
    itself, with prototypes from disjoint halves of its sentences.
    """

    model: str
    revision: str
    layer: str
    task: str
    space: str
    measure: str
    source: str
    target: str
    value: float
    low: float  # NaN without replicates
    high: float
    null_mean: float  # NaN without permutations, as the next four
    null_sd: float
    z: float
    p: float
    q: float
    ceiling: float  # NaN without halves
    n: int  # concepts compared
    left_out: str  # concepts that one of both has too few words of: "INTJ;SYM"
    dim: int
    against: str = ""  # across spaces, "MODEL@REVISION:LAYER" of the target
    note: str = ""  # why there is no value


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Score))
TEXT: tuple[str, ...] = tuple(field.name for field in fields(Score) if field.type in (str, "str"))
VALUES: tuple[str, ...] = tuple(field.name for field in fields(Score) if field.type in (float, "float"))
# What can be read off a score. A value depends on the number of concepts and of dimensions; the others
# less: "excess" is value - null_mean, "z" that in units of the null's sd, "share" that of what the ceiling
# leaves room for, (value - null_mean) / (ceiling - null_mean).
QUANTITIES: tuple[str, ...] = ("value", "excess", "z", "share")
# What one languages x languages matrix is of; each must have one value.
CONTEXT: tuple[str, ...] = ("model", "revision", "task", "space", "against")
GROUP: tuple[str, ...] = ("model", "revision", "layer", "task", "space", "measure", "against")
MEAN_COLUMNS: tuple[str, ...] = (
    *GROUP, "pairs", "value", "low", "high", "null_mean", "ceiling", "significant", "n", "languages",
)  # fmt: skip
LEVEL = 0.05  # of q, below which a pair counts as significant


@dataclass(frozen=True, eq=False, repr=False)
class Alignability(Showable):
    """Scores of pairs of languages: one row per pair, layer and measure (see :class:`Score`)."""

    table: pd.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)

    report_maker = "alignability:alignability_report"

    def report(self) -> Any:
        """Findings, tables and figures, as a :class:`concept_align.report.builder.Report`."""
        return reporter(self.report_maker)(self.table)

    def plot_layers(
        self, measure: str | None = None, *, path: str | Path | None = None, **options: Any
    ) -> Any:
        """The mean of ``measure`` (default: the first) by layer, with null and ceiling: a Matplotlib
        figure."""
        rows = self.table[self.table["measure"] == (measure or self.measures[0])]
        series = {str(model): part for model, part in rows.groupby("model", sort=False)}
        return self._plot("alignability_figures:sweep_figure", series, path=path, **options)

    def plot_pairs(
        self,
        measure: str | None = None,
        layer: str | int | None = None,
        *,
        path: str | Path | None = None,
        **options: Any,
    ) -> Any:
        """Every pair by ``measure`` (default: the first) in ``layer`` (default: its best), similar
        languages side by side: a Matplotlib figure."""
        measure = measure or self.measures[0]
        layer = str(layer if layer is not None else self.best_layer(measure))
        chosen = (self.table["measure"] == measure) & (self.table["layer"].astype(str) == layer)
        return self._plot("alignability:pairs_figure", self.table[chosen], path=path, **options)

    def frame(self) -> pd.DataFrame:
        """The tidy table, with the columns of :class:`Score`."""
        return self.table

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(self.table["measure"].unique())

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.table["layer"].astype(str).unique())

    @property
    def languages(self) -> tuple[str, ...]:
        """Of sources and targets, in the order in which they were compared."""
        return tuple(dict.fromkeys([*self.table["source"].unique(), *self.table["target"].unique()]))

    def matrix(
        self,
        measure: str,
        layer: str | int,
        value: str = "value",
        *,
        against: str | None = None,
        both: bool = False,
        langs: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        """``value`` as sources x targets; NaN where there is none.

        ``value`` is a column (z, p, q, ...) or one of :data:`QUANTITIES`. Within one space, a pair compared
        in one direction only fills both triangles. With ``both`` the matrix is symmetric: a measure with a
        direction is averaged over both, and the diagonal is NaN. ``against`` chooses among several spaces
        that one layer was compared with, ``langs`` the languages and their order.

        Raises UsageError where there are no such scores, or scores of several models, tasks or spaces.
        """
        rows = self.table
        rows = rows[(rows["measure"] == measure) & (rows["layer"].astype(str) == str(layer))]
        if against is not None:
            rows = rows[rows["against"] == against]
        if rows.empty:
            message = f"no scores of {measure} at layer {layer}" + (f" against {against}" if against else "")
            remedy = f"there are {', '.join(self.measures)}; layers {', '.join(self.layers)}"
            raise UsageError(message, remedy=remedy)
        for key in CONTEXT:
            if key in rows and rows[key].nunique(dropna=False) > 1:
                several = ", ".join(str(one) or "''" for one in rows[key].unique())
                remedy = "choose one with against" if key == "against" else f"keep the rows of one {key}"
                raise UsageError(f"the scores are of several values of {key}: {several}", remedy=remedy)
        rows = rows.assign(shown=quantity(rows, value))
        within = "against" not in rows or rows["against"].iloc[0] == ""
        wide = rows.pivot(index="source", columns="target", values="shown")
        names = tuple(langs or dict.fromkeys([*rows["source"], *rows["target"]]))
        if both:
            names = names if langs else tuple(sorted(names))
            there = wide.reindex(index=names, columns=names).astype(np.float64)
            mean = ((there.fillna(there.T) + there.T.fillna(there)) / 2).to_numpy(copy=True)
            np.fill_diagonal(mean, np.nan)
            return pd.DataFrame(mean, index=list(names), columns=list(names))
        if not within:
            chosen = (rows[side].unique() if langs is None else list(langs) for side in ("source", "target"))
            return wide.reindex(**dict(zip(("index", "columns"), chosen, strict=True)))
        wide = wide.reindex(index=names, columns=names)
        return wide.where(wide.notna(), wide.T)

    def means(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """The mean over pairs for each measure and layer, with an interval over languages: :func:`means`."""
        return means(self.table, confidence=confidence)

    def best_layer(self, measure: str | None = None) -> str:
        """The layer with the highest mean of ``measure`` (default: the first); the first of equals."""
        table = self.means()
        table = table[table["measure"] == (measure or self.measures[0])]
        return str(table["layer"].iloc[int(table["value"].argmax())])

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Write ``alignability.csv``, ``.parquet``, ``.json`` (provenance) and ``means.csv``; their paths."""
        folder = Path(folder)
        files = [folder / f"{NAME}.{suffix}" for suffix in ("csv", "parquet", "json")]
        save_table(self.table, folder, NAME)
        write_json(files[2], dict(self.provenance))
        save_csv(self.means(), folder / "means.csv")
        return (*files, folder / "means.csv")

    @classmethod
    def load(cls, folder: str | Path) -> "Alignability":
        """What :meth:`save` wrote to ``folder``. Raises ConceptAlignError for anything else."""
        path = Path(folder) / f"{NAME}.parquet"
        if not path.is_file():
            raise ConceptAlignError(
                "no alignability here", where=str(path), remedy="run concept-align alignability first"
            )
        table = read_table(path)
        if tuple(table.columns) != COLUMNS:
            message = f"columns {', '.join(table.columns)} are not those of alignability"
            raise ConceptAlignError(message, where=str(path), remedy=f"they should be {', '.join(COLUMNS)}")
        about = path.with_suffix(".json")
        return cls(table, read_json_object(about, error=ConceptAlignError) if about.is_file() else {})

    def __repr__(self) -> str:
        if self.table.empty:
            return "<Alignability: no pairs>"
        first = self.table.iloc[0]
        pairs = len(self.table[["source", "target"]].drop_duplicates())
        where = f"{len(self.layers)} layer" + ("" if len(self.layers) == 1 else "s")
        other = " across models" if (self.table["against"] != "").any() else ""
        return (
            f"<Alignability{other} of {first['model']}: {first['task']}, {first['space']} space, {pairs} "
            f"pairs of {len(self.languages)} languages, {where}; {', '.join(self.measures)}>"
        )

    def _repr_html_(self) -> str:
        shown = self.means()[
            ["measure", "layer", "pairs", "value", "low", "high", "null_mean", "significant"]
        ]
        return f"<p>{escape(repr(self))}</p>" + str(shown.round(3).to_html(index=False))


def quantity(scores: pd.DataFrame, name: str = "value") -> pd.Series:
    """The column ``name`` of the scores, or one of :data:`QUANTITIES`; NaN where it cannot be had."""
    if name not in (*VALUES, *QUANTITIES):
        remedy = f"use one of {', '.join(dict.fromkeys((*QUANTITIES, *VALUES)))}"
        raise UsageError(f"unknown quantity {name!r}", option="value", remedy=remedy)
    if name in VALUES:
        return scores[name].astype(float)
    excess = scores["value"].astype(float) - scores["null_mean"]
    if name == "excess":
        return excess
    room = (scores["ceiling"] - scores["null_mean"]).astype(float)
    return (excess / room.where(room > 0)).astype(float)


def means(table: pd.DataFrame, *, confidence: float = 0.95) -> pd.DataFrame:
    """One row per measure and layer (and space compared with): the mean ``value`` over the ``n`` pairs
    scored.

    ``pairs`` is ``different`` languages or, across spaces, the ``same`` language in both. ``significant`` is
    the share of pairs with q < 0.05. Pairs that share a language are not independent: the interval is that of
    the jackknife over languages, and NaN with fewer than five; it stays within what the measure can
    score.
    """
    rows: list[dict[str, Any]] = []
    for key, group in table.groupby(list(GROUP), sort=False):
        same = group["source"] == group["target"]
        for pairs, chosen in (("different", group[~same]), ("same", group[same])):
            scored = chosen[chosen["value"].notna()]
            if chosen.empty:
                continue
            low, high = _interval(scored, confidence) if len(scored) else (np.nan, np.nan)
            rows.append({
                **dict(zip(GROUP, key, strict=True)), "pairs": pairs, "low": low, "high": high,
                **scored[["value", "null_mean", "ceiling"]].mean(),
                "significant": (scored["q"] < LEVEL).mean() if scored["q"].notna().any() else np.nan,
                "n": len(scored), "languages": len(set(scored["source"]) | set(scored["target"])),
            })  # fmt: skip
    return pd.DataFrame(rows, columns=list(MEAN_COLUMNS))


def _interval(scored: pd.DataFrame, confidence: float) -> tuple[float, float]:
    """Of the mean over pairs, from the means without each language."""
    source, target = scored["source"].to_numpy(), scored["target"].to_numpy()
    names, places = np.unique(np.concatenate([source, target]).astype(str), return_inverse=True)
    first, second = places[: len(source)], places[len(source) :]
    value: Floats = scored["value"].to_numpy(np.float64)
    left = np.ones((len(names), len(value)), dtype=bool)
    left[first, np.arange(len(value))] = left[second, np.arange(len(value))] = False
    sizes = left.sum(1)
    if not sizes.all():
        return float("nan"), float("nan")
    within = _possible(str(scored["measure"].iloc[0]), value)
    return jackknife(float(value.mean()), (left @ value) / sizes, confidence=confidence, within=within)


def _possible(measure: str, values: Floats) -> tuple[float, float]:
    """The scores that a measure can give; of one that is not known here, what its scale would be."""
    from .measures import find_measure

    if np.abs(values).max() > 1:
        return -np.inf, np.inf
    with suppress(UsageError):
        return (0.0, 1.0) if find_measure(measure).scale == "share" else (-1.0, 1.0)
    return -1.0, 1.0


def framed(columns: Mapping[str, Any]) -> pd.DataFrame:
    """The table with the columns of :class:`Score`, in their order and types."""
    types = {name: str if name in TEXT else np.float64 if name in VALUES else np.int64 for name in COLUMNS}
    return pd.DataFrame({name: columns[name] for name in COLUMNS}).astype(types)
