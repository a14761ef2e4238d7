"""The tidy form of every result: one number a row, with what it is a number of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from ..atomic import replacing
from ..errors import ConceptAlignError

ALL_SHOTS = -1  # trained on, or adapted with, the whole train split


@dataclass(frozen=True)
class Result:
    """One value. ``low`` and ``high`` bound its interval (NaN where there is none); ``n`` is what it is over.

    ``layer`` is text, for inputs may come from several layers ("6+10+13"). ``shots`` -1 stands for the whole
    train split. ``draw`` counts support draws from 0, those of a learner's second training seed after those
    of its first; -1 stands for the mean over draws and seeds, and for zero shots, which know no draw.
    ``language`` is a code, or "mean", "low-resource mean", "worst", "sd" or "max-min" for summaries over
    target languages. ``metric`` is "accuracy", "macro_f1", "f1:CONCEPT" or "ece". ``n`` counts test words for
    a language (of a concept: its gold words), and languages for a summary.
    """

    model: str
    revision: str
    layer: str
    task: str
    source: str
    language: str
    shots: int
    draw: int
    learner: str
    metric: str
    value: float
    low: float
    high: float
    n: int


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(Result))
VALUES: tuple[str, ...] = ("value", "low", "high", "n")
KEYS: tuple[str, ...] = tuple(column for column in COLUMNS if column not in VALUES)


def table(results: Sequence[Any], columns: Sequence[str] = COLUMNS) -> pd.DataFrame:
    """The results (or other flat records) as a table with ``columns``."""
    return pd.DataFrame([vars(result) for result in results], columns=list(columns))


def save_csv(frame: pd.DataFrame, path: str | Path) -> None:
    """Write ``frame`` whole or not at all; equal tables give equal bytes."""
    with replacing(path) as file:
        frame.to_csv(file, index=False, lineterminator="\n")


def save(frame: pd.DataFrame, folder: str | Path) -> None:
    """``results.csv`` and ``results.parquet`` in ``folder``."""
    save_csv(frame, Path(folder) / "results.csv")
    with replacing(Path(folder) / "results.parquet") as file:
        frame.to_parquet(file, index=False)


def read(path: str | Path) -> pd.DataFrame:
    """The table in a ``.csv`` or ``.parquet`` file, or in a folder that holds ``results.parquet``."""
    path = Path(path)
    path = path / "results.parquet" if path.is_dir() else path
    if not path.is_file():
        raise ConceptAlignError("no results here", where=str(path), remedy="run concept-align evaluate first")
    # Codes such as "nan" are names, never missing values; numbers may be.
    text = {key: str for key in KEYS if key not in ("shots", "draw")}
    frame = (
        pd.read_parquet(path)
        if path.suffix == ".parquet"
        else pd.read_csv(path, dtype=text, keep_default_na=False, na_values={key: [""] for key in VALUES})
    )
    if tuple(frame.columns) != COLUMNS:
        raise ConceptAlignError(
            f"columns {', '.join(frame.columns)} are not those of a results table",
            where=str(path),
            remedy=f"they should be {', '.join(COLUMNS)}",
        )
    return frame


def combine(results: Iterable[pd.DataFrame | Sequence[Result] | str | Path]) -> pd.DataFrame:
    """Several runs (other layers, tasks, learners) as one table; equal rows are kept once.

    Raises ConceptAlignError where two runs give different values for the same thing.
    """
    frames = [
        read(part)
        if isinstance(part, str | Path)
        else part
        if isinstance(part, pd.DataFrame)
        else table(part)
        for part in results
    ]
    if not frames:
        return table([])
    merged = pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)
    twice = merged[merged.duplicated(list(KEYS))]
    if len(twice):
        where = ", ".join(f"{key} {twice.iloc[0][key]}" for key in KEYS)
        raise ConceptAlignError(
            f"{len(twice)} results have two values",
            where=where,
            remedy="combine runs that differ in model, layer, task, source or learner, or drop one of them",
        )
    return merged
