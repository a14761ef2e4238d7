"""A user's table of typological features, and how far apart languages are by them.

The table is CSV or TSV. Its first column names the language (code, ISO 639-3 identifier, or any other name,
such as a Glottocode, that ``codes`` maps to a language code); the others are features. Missing values are
allowed: "", "?", "--" (as lang2vec writes them), "NA". The distance of two languages is Gower's (1971, A
general coefficient of similarity, Biometrics 27): the mean over the features both have of 0 or 1 (categories:
same or different) or of the absolute difference divided by the feature's range (numbers).

A column is of numbers where all its values are and some is not whole; whole numbers are taken for names of
categories, as in WALS ("1 SOV, 2 SVO"), unless the feature is listed in ``numeric``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UsageError, place
from .features import Rows, read_rows
from .identifiers import find
from .languages import code as registry_code

MISSING = frozenset({"", "?", "--", "NA", "N/A", "NaN", "nan"})
LEAST_FEATURES = 10


@dataclass(frozen=True, eq=False)
class Typology:
    """Features [languages as the file names them, features] as text or numbers, None where missing."""

    name: str
    values: pd.DataFrame
    numeric: frozenset[str]

    def row(self, code: str, codes: Mapping[str, str]) -> str | None:
        """The name in the table of the language with ``code``; ``codes`` maps names in the table to codes."""
        code = registry_code(code)
        mapped = {language: name for name, language in codes.items() if name in self.values.index}
        return mapped.get(code) or find(code, self.values.index)


def read_typology(
    path: str | Path, *, numeric: Sequence[str] = (), name: str | None = None, delimiter: str | None = None
) -> Typology:
    """The table in ``path``. Raises UsageError, with line and column, for what cannot be read."""
    rows = read_rows(path, delimiter)
    for feature in numeric:
        if feature not in rows.features:
            raise UsageError(
                f"there is no feature {feature!r} to take as numbers",
                where=str(path),
                remedy=f"features there: {', '.join(rows.features[:20])}",
            )
    columns, kinds = {}, set()
    for at, feature in enumerate(rows.features):
        texts = [None if text in MISSING else text for text in (cells[at] for cells in rows.cells)]
        numbers = _numbers(texts)
        if feature in numeric and numbers is None:
            raise _not_a_number(rows, texts, at, path)
        whole = numbers is not None and all(n is None or n == round(n) for n in numbers)
        if numbers is not None and (feature in numeric or not whole):
            kinds.add(feature)
        columns[feature] = pd.Series(texts if numbers is None else numbers, dtype=object)
    values = pd.DataFrame(columns).set_axis(list(rows.languages), axis=0)
    return Typology(name or Path(path).stem, values, frozenset(kinds))


def distance(
    table: Typology,
    languages: Sequence[str],
    *,
    codes: Mapping[str, str] | None = None,
    least: int | None = None,
) -> pd.DataFrame:
    """Gower distances [languages, languages]; NaN where two languages share fewer than ``least`` features.

    By default ``least`` is 10, or all features where there are fewer. Raises UsageError where the table has
    fewer than two of the languages.
    """
    rows = {code: row for code in languages if (row := table.row(code, codes or {})) is not None}
    if len(rows) < 2:
        raise UsageError(
            f"the table has {len(rows)} of the {len(languages)} languages",
            where=table.name,
            remedy="name them by code, ISO 639-3 identifier, or by a mapping of the table's names to codes "
            f"(the table's names begin: {', '.join(map(str, table.values.index[:5]))})",
        )
    features = table.values.shape[1]
    least = min(LEAST_FEATURES, features) if least is None else least
    total = np.zeros((len(rows), len(rows)))
    shared = np.zeros_like(total)
    for feature in table.values.columns:
        column = table.values[feature]
        known = np.array([column[row] is not None for row in rows.values()])
        both = np.outer(known, known)
        total += np.where(both, _apart(column, list(rows.values()), feature in table.numeric), 0.0)
        shared += both
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(shared >= max(least, 1), total / shared, np.nan)
    np.fill_diagonal(apart, 0.0)
    found = pd.DataFrame(apart, index=list(rows), columns=list(rows))
    return found.reindex(index=list(languages), columns=list(languages))


def _apart(column: pd.Series, rows: list[str], numeric: bool) -> np.ndarray:
    """[rows, rows] of 0 to 1; the range of a number is that of the whole table, not of the rows chosen."""
    if not numeric:
        texts = np.array([str(column[row]) for row in rows])
        return (texts[:, None] != texts[None, :]).astype(np.float64)
    every = np.array([np.nan if value is None else value for value in column], dtype=np.float64)
    span = np.nanmax(every) - np.nanmin(every)
    numbers = np.array([np.nan if column[row] is None else column[row] for row in rows], dtype=np.float64)
    return np.abs(np.subtract.outer(numbers, numbers)) / (span if span > 0 else 1.0)


def _numbers(texts: Sequence[str | None]) -> list[float | None] | None:
    """The texts as numbers; None where one is not a finite number, or there is none at all."""
    try:
        numbers = [None if text is None else float(text) for text in texts]
    except ValueError:
        return None
    given = [number for number in numbers if number is not None]
    return numbers if given and all(np.isfinite(given)) else None


def _not_a_number(rows: Rows, texts: Sequence[str | None], at: int, path: str | Path) -> UsageError:
    bad = next((i for i, text in enumerate(texts) if text is not None and _numbers([text]) is None), None)
    if bad is None:
        return UsageError(
            f"feature {rows.features[at]!r} has no values", where=str(path), remedy="leave it out of numeric"
        )
    return UsageError(
        f"{texts[bad]!r} is not a number, in column {at + 2} ({rows.features[at]})",
        where=place(path, rows.lines[bad]),
        remedy="mend it, write ? for a missing value, or leave the feature out of numeric",
    )
