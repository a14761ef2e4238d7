"""The tidy form of every result: one number per row, with what it is a number of. Shares run from 0 to 1.

model revision layer task source   what the rows of one condition have in common; ``layer`` is text, for
                                   inputs may come from several layers ("6+10+13")
language                           a code, or a summary over target languages (:data:`SUMMARIES`)
shots                              labelled sentences; -1: trained on, or adapted with, the whole train split
draw                               support draws from 0, those of a learner's second training seed after
                                   those of its first; -1: the mean over draws and seeds, and zero shots,
                                   which know no draw
learner metric                     metrics are "accuracy", "macro_f1", "f1:CONCEPT", "ece"
value low high                     NaN bounds: there is no interval
n                                  test words of a language (of a concept: its gold words); of a summary,
                                   languages
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from ..errors import ConceptAlignError
from ..reading import read_results

ALL_SHOTS = -1
MAJORITY = "majority"  # the learner that is the floor under every table: always the majority class
METRICS: tuple[str, ...] = ("accuracy", "macro_f1")
SUMMARIES: tuple[str, ...] = ("mean", "low-resource mean", "worst", "sd", "max-min")

CONDITION: tuple[str, ...] = ("model", "revision", "layer", "task", "source")
VALUES: tuple[str, ...] = ("value", "low", "high", "n")
KEYS: tuple[str, ...] = (*CONDITION, "language", "shots", "draw", "learner", "metric")
COLUMNS: tuple[str, ...] = (*KEYS, *VALUES)


def read(path: str | Path) -> pd.DataFrame:
    """The table in a ``.csv`` or ``.parquet`` file, or in a folder that holds ``results.parquet``.

    Raises ConceptAlignError where there is none, or one of other columns.
    """
    frame = read_results(path)
    if tuple(frame.columns) != COLUMNS:
        message = f"columns {', '.join(frame.columns)} are not those of a results table"
        raise ConceptAlignError(message, where=str(path), remedy=f"they should be {', '.join(COLUMNS)}")
    return frame


def combine(results: Iterable[pd.DataFrame | str | Path]) -> pd.DataFrame:
    """Several runs (other layers, tasks, learners) as one table; equal rows are kept once.

    Raises ConceptAlignError where two runs give different values for the same thing.
    """
    frames = [part if isinstance(part, pd.DataFrame) else read(part) for part in results]
    if not frames:
        return pd.DataFrame(columns=list(COLUMNS))
    merged = pd.concat(frames, ignore_index=True).drop_duplicates(ignore_index=True)
    twice = merged[merged.duplicated(list(KEYS))]
    if len(twice):
        where = ", ".join(f"{key} {twice.iloc[0][key]}" for key in KEYS)
        remedy = "combine runs that differ in model, layer, task, source or learner, or drop one of them"
        raise ConceptAlignError(f"{len(twice)} results have two values", where=where, remedy=remedy)
    return merged
