"""The tidy form of every result: one number a row, with what it is a number of."""

from dataclasses import asdict, dataclass, fields

import pandas as pd


@dataclass(frozen=True)
class Result:
    """One value. ``low`` and ``high`` bound its interval (NaN where there is none); ``n`` is what it is over.

    ``layer`` is text, for inputs may come from several layers ("6+10+13"). ``draw`` counts support draws
    from 0; -1 stands for the mean over draws. ``language`` is a code, or "mean", "low-resource mean",
    "worst" or "sd" for summaries over target languages.
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


def table(results: list[Result]) -> pd.DataFrame:
    """The results as a table with columns :data:`COLUMNS`."""
    return pd.DataFrame([asdict(result) for result in results], columns=list(COLUMNS))
