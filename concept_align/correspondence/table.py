"""What :func:`concept_align.correspondence.pairs.alignability` gives: a table, with views of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..atomic import replacing, write_json
from ..errors import ConceptAlignError, UsageError
from .means import means
from .score import COLUMNS, TEXT, VALUES, Score

NAME = "alignability"


@dataclass(frozen=True, eq=False, repr=False)
class Alignability:
    """Scores of pairs of languages: ``frame`` has a row a :class:`Score`."""

    frame: pd.DataFrame
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def scores(self) -> tuple[Score, ...]:
        columns = [self.frame[name].tolist() for name in COLUMNS]
        return tuple(Score(*row) for row in zip(*columns, strict=True))

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(self.frame["measure"].unique())

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.frame["layer"].unique())

    @property
    def languages(self) -> tuple[str, ...]:
        """Of sources and targets, in the order in which they were compared."""
        return tuple(dict.fromkeys([*self.frame["source"].unique(), *self.frame["target"].unique()]))

    def matrix(
        self, measure: str, layer: str | int, value: str = "value", *, against: str | None = None
    ) -> pd.DataFrame:
        """``value`` (or z, p, q, ...) as sources x targets; NaN where there is none.

        Within one space, a symmetric measure fills both triangles. ``against`` chooses among several spaces
        that one layer was compared with.
        """
        rows = self.frame[(self.frame["measure"] == measure) & (self.frame["layer"] == str(layer))]
        rows = rows if against is None else rows[rows["against"] == against]
        if rows.empty or value not in VALUES:
            raise UsageError(
                f"no {value} of {measure} in layer {layer}" + (f" against {against}" if against else ""),
                remedy=f"there are {', '.join(self.measures)}; layers {', '.join(self.layers)}; values "
                f"{', '.join(VALUES)}",
            )
        others = tuple(rows["against"].unique())
        if len(others) > 1:
            raise UsageError(
                f"layer {layer} was compared with several spaces",
                remedy=f"choose one with against=: {', '.join(others)}",
            )
        wide = rows.pivot(index="source", columns="target", values=value)
        if others == ("",):
            wide = wide.reindex(index=self.languages, columns=self.languages)
            wide = wide.where(wide.notna(), wide.T)
        else:
            wide = wide.reindex(index=rows["source"].unique(), columns=rows["target"].unique())
        return wide

    def means(self, *, confidence: float = 0.95) -> pd.DataFrame:
        """The mean over pairs for each measure and layer, with an interval over languages: ``means.py``."""
        return means(self.frame, confidence=confidence)

    def save(self, folder: str | Path) -> tuple[Path, ...]:
        """Write ``alignability.csv``, ``.parquet``, ``.json`` (provenance) and ``means.csv``; their paths."""
        folder = Path(folder)
        files = [folder / f"{NAME}.{suffix}" for suffix in ("csv", "parquet", "json")]
        _save_csv(self.frame, files[0])
        with replacing(files[1]) as file:
            self.frame.to_parquet(file, index=False)
        write_json(files[2], dict(self.provenance))
        _save_csv(self.means(), folder / "means.csv")
        return (*files, folder / "means.csv")

    def __repr__(self) -> str:
        if self.frame.empty:
            return "<Alignability: no pairs>"
        first = self.frame.iloc[0]
        pairs = len(self.frame[["source", "target"]].drop_duplicates())
        where = f"{len(self.layers)} layer" + ("" if len(self.layers) == 1 else "s")
        other = " across models" if (self.frame["against"] != "").any() else ""
        return (
            f"<Alignability{other} of {first['model']}: {first['task']}, {first['space']} space, {pairs} "
            f"pairs of {len(self.languages)} languages, {where}; {', '.join(self.measures)}>"
        )

    def _repr_html_(self) -> str:
        shown = self.means()[
            ["measure", "layer", "pairs", "value", "low", "high", "null_mean", "significant"]
        ]
        return f"<p>{escape(repr(self))}</p>" + str(shown.round(3).to_html(index=False))


def read(folder: str | Path) -> Alignability:
    """What :meth:`Alignability.save` wrote to ``folder``."""
    path = Path(folder) / f"{NAME}.parquet"
    if not path.is_file():
        raise ConceptAlignError(
            "no alignability here", where=str(path), remedy="run concept-align alignability first"
        )
    frame = pd.read_parquet(path)
    if tuple(frame.columns) != COLUMNS:
        raise ConceptAlignError(
            f"columns {', '.join(frame.columns)} are not those of alignability",
            where=str(path),
            remedy=f"they should be {', '.join(COLUMNS)}",
        )
    about = path.with_suffix(".json")
    return Alignability(frame, json.loads(about.read_text()) if about.is_file() else {})


def framed(columns: Mapping[str, Any]) -> pd.DataFrame:
    """The table with the columns of :class:`Score`, in their order and types."""
    types = {name: str if name in TEXT else np.float64 if name in VALUES else np.int64 for name in COLUMNS}
    return pd.DataFrame({name: columns[name] for name in COLUMNS}).astype(types)


def _save_csv(frame: pd.DataFrame, path: Path) -> None:
    with replacing(path) as file:
        frame.to_csv(file, index=False, lineterminator="\n")
