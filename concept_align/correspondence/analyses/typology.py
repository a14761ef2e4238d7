"""A user's table of typological features, and how far apart languages are by them.

The table is CSV or TSV. Its first column names the language (code, ISO 639-3 identifier, or any other name,
such as a Glottocode, that ``codes`` maps to a language code); the others are features. Missing values are
allowed: "", "?", "--" (as lang2vec writes them), "NA". The distance of two languages is Gower's (1971, A
general coefficient of similarity, Biometrics 27): the mean over the features both have of 0 or 1 (categories:
same or different) or of the absolute difference divided by the feature's range (numbers).

The long form of the Cross-Linguistic Data Formats (CLDF; Forkel et al. 2018, Scientific Data 5), in which
Grambank, WALS and others are published, is read too: ``values.csv`` has a row for each language and feature
(Language_ID, Parameter_ID, Value), and ``languages.csv`` beside it says which ISO 639-3 identifier
(ISO639P3code) each Language_ID has, and where the language is spoken. Databases name the individual language
(Mandarin: cmn) where UD names the macrolanguage (Chinese: zh), so the identifiers of each language are tried
one after another.

A column is of numbers where all its values are and some is not whole; whole numbers are taken for names of
categories, as in WALS ("1 SOV, 2 SVO"), unless the feature is listed in ``numeric``.
"""

import csv
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ...errors import UsageError, place
from ...reading import read_text
from ...treebanks.registry import ISO_639_3
from .languages import code as registry_code

MISSING = frozenset({"", "?", "--", "NA", "N/A", "NaN", "nan"})
LEAST_FEATURES = 10
LONG = ("Language_ID", "Parameter_ID", "Value")

Lines = list[tuple[int, list[str]]]  # line of the file, cells


def read_rows(path: str | Path) -> tuple[pd.DataFrame, list[int]]:
    """Cells as text [languages, features], tab-separated if the first line has a tab; and their lines.

    Raises UsageError.
    """
    header, lines = _lines(path)
    if all(column in header for column in LONG):
        return _long(path, header, lines)
    if len(header) < 2:
        remedy = "give a language and at least one feature in each row, separated by commas or tabs"
        raise _broken(path, 1, "one column only", remedy)
    for at, feature in enumerate(header[1:], 2):
        if not feature or feature in header[1 : at - 1]:
            what = f"feature {feature!r} stands twice" if feature else "a feature without a name"
            raise _broken(path, 1, f"{what}, in column {at}", "name each feature once")
    seen: dict[str, int] = {}
    for line, (language, *_) in lines:
        if not language or language in seen:
            twice = f"language {language!r} stands twice, first in line {seen.get(language)}"
            what = twice if language else "a row without a language"
            raise _broken(path, line, what, "keep one row per language, which column 1 names")
        seen[language] = line
    rows = [cells[1:] for _, cells in lines]
    return pd.DataFrame(rows, index=list(seen), columns=header[1:], dtype=object), list(seen.values())


def _long(path: str | Path, header: list[str], lines: Lines) -> tuple[pd.DataFrame, list[int]]:
    places = [header.index(column) for column in LONG]
    cells: dict[str, dict[str, str]] = {}
    first: dict[str, int] = {}
    for line, row in lines:
        language, feature, value = (row[at] for at in places)
        if not language or not feature:
            raise _broken(path, line, "a value without a language or feature", "complete the row")
        first.setdefault(language, line)
        own = cells.setdefault(feature, {})
        # A language may have several values of a feature: none of them is then its value.
        own[language] = value if own.setdefault(language, value) == value else ""
    return pd.DataFrame(cells, index=list(first), dtype=object).fillna(""), list(first.values())


def _lines(path: str | Path) -> tuple[list[str], Lines]:
    """The header, and all other lines that are not empty."""
    text = read_text(path, error=UsageError, remedy="give a CSV or TSV file in UTF-8").removeprefix("\ufeff")
    separator = "\t" if "\t" in text.split("\n", 1)[0] else ","
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    every = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader]
    lines = [(line, cells) for line, cells in every if any(cells)]
    if len(lines) < 2:
        raise UsageError("has no rows", where=str(path), remedy="give a header and one row per language")
    header = lines[0][1]
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            remedy = "give each row as many cells as the header; put cells with separators into quotes"
            raise _broken(path, line, f"{len(cells)} cells where the header has {len(header)}", remedy)
    return header, lines[1:]


def _broken(path: str | Path, line: int, what: str, remedy: str) -> UsageError:
    return UsageError(what, where=place(path, line), remedy=remedy)


def cldf_codes(path: str | Path) -> dict[str, str]:
    """The registry's language codes by Language_ID, from CLDF's ``languages.csv`` and its ISO 639-3."""
    header, lines = _lines(path)
    if not {"ID", "ISO639P3code"} <= set(header):
        raise _broken(path, 1, "there are no columns ID and ISO639P3code", "give CLDF's languages.csv")
    known = {iso: (code, at) for code, names in ISO_639_3.items() for at, iso in enumerate(names)}
    found: dict[str, tuple[int, str]] = {}  # code: (rank, Language_ID), the first of the best rank
    for _, cells in lines:
        row = dict(zip(header, cells, strict=True))
        code, rank = known.get(row["ISO639P3code"], (row["ISO639P3code"], 0))
        if code and (code not in found or rank < found[code][0]):
            found[code] = rank, row["ID"]
    return {name: code for code, (_, name) in found.items()}


def read_places(path: str | Path) -> dict[str, tuple[float, float]]:
    """(latitude, longitude) by language, from columns Latitude and Longitude.

    The first column names the language; in CLDF's ``languages.csv`` its ISO 639-3 identifier does.
    """
    header, lines = _lines(path)
    titles = [column.casefold() for column in header]
    if not {"latitude", "longitude"} <= set(titles):
        remedy = "give a table of language, latitude, longitude, in degrees"
        raise _broken(path, 1, "there are no columns Latitude and Longitude", remedy)
    codes = cldf_codes(path) if {"ID", "ISO639P3code"} <= set(header) else {}
    found = {}
    for line, cells in lines:
        north, east = (cells[titles.index(name)] for name in ("latitude", "longitude"))
        try:
            if north and east:
                found[codes.get(cells[0], cells[0])] = (float(north), float(east))
        except ValueError:
            raise _broken(path, line, f"({north}, {east}) are not two numbers", "give degrees") from None
    return found


@dataclass(frozen=True, eq=False)
class Typology:
    """Features [languages as the file names them, features] as text or numbers, None where missing."""

    name: str
    values: pd.DataFrame
    numeric: frozenset[str]
    codes: Mapping[str, str] = field(default_factory=dict)  # language codes by names in the table

    def row(self, code: str) -> str | None:
        """The name in the table of the language with ``code``."""
        code = registry_code(code)
        mapped = {language: name for name, language in self.codes.items() if name in self.values.index}
        return mapped.get(code) or identified(code, self.values.index)


def read_typology(
    path: str | Path, *, numeric: Sequence[str] = (), codes: Mapping[str, str] | None = None
) -> Typology:
    """The table in ``path``. Raises UsageError, with line and column, for what cannot be read.

    ``codes`` are language codes by the table's names of languages; for CLDF's ``values.csv`` they are taken
    from ``languages.csv`` beside it.
    """
    (rows, lines), beside = read_rows(path), Path(path).with_name("languages.csv")
    if codes is None:
        codes = cldf_codes(beside) if Path(path).name == "values.csv" and beside.is_file() else {}
    if unknown := [feature for feature in numeric if feature not in rows]:
        message = f"there is no feature {unknown[0]!r} to take as numbers"
        raise UsageError(message, where=str(path), remedy=f"features there: {', '.join(rows.columns[:20])}")
    rows = rows.mask(rows.isin(MISSING), None)
    kinds = set()
    for at, feature in enumerate(rows):
        texts = list(rows[feature])
        numbers = _numbers(texts)
        if feature in numeric and numbers is None:
            bad = next((i for i, text in enumerate(texts) if text and _numbers([text]) is None), None)
            what, where = f"feature {feature!r} has no values", str(path)
            if bad is not None:
                what = f"{texts[bad]!r} is not a number, in column {at + 2} ({feature})"
                where = place(path, lines[bad])
            remedy = "correct it, write ? for a missing value, or leave the feature out of numeric"
            raise UsageError(what, where=where, remedy=remedy)
        if numbers is not None:
            rows[feature] = pd.Series(numbers, index=rows.index, dtype=object)
            if feature in numeric or any(n is not None and n != round(n) for n in numbers):
                kinds.add(feature)
    return Typology(Path(path).stem, rows, frozenset(kinds), codes)


def distances_by(table: Typology, languages: Sequence[str], *, least: int | None = None) -> pd.DataFrame:
    """Gower distances [languages, languages]; NaN where two languages share fewer than ``least`` features.

    By default ``least`` is 10, or all features where there are fewer. Raises UsageError where the table has
    fewer than two of the languages.
    """
    rows = {code: row for code in languages if (row := table.row(code)) is not None}
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
    for feature, column in table.values.items():
        own = column.loc[list(rows.values())]
        both = np.outer(own.notna(), own.notna())
        total += np.where(both, _apart(own, column if feature in table.numeric else None), 0.0)
        shared += both
    with np.errstate(invalid="ignore", divide="ignore"):
        apart = np.where(shared >= max(least, 1), total / shared, np.nan)
    np.fill_diagonal(apart, 0.0)
    found = pd.DataFrame(apart, index=list(rows), columns=list(rows))
    return found.reindex(index=list(languages), columns=list(languages))


def _apart(own: pd.Series, numbers: pd.Series | None) -> np.ndarray:
    """[rows, rows] of 0 to 1; the range of ``numbers`` is that of the whole table, not of the rows chosen."""
    if numbers is None:
        texts = own.astype(str).to_numpy(dtype=object)
        return (texts[:, None] != texts[None, :]).astype(np.float64)
    values = own.to_numpy(dtype=np.float64)
    span = numbers.astype(float).max() - numbers.astype(float).min()
    return np.abs(np.subtract.outer(values, values)) / (span if span > 0 else 1.0)


def _numbers(texts: Sequence[str | None]) -> list[float | None] | None:
    """The texts as numbers; None where one is not a finite number, or there is none at all."""
    try:
        numbers = [None if text is None else float(text) for text in texts]
    except ValueError:
        return None
    given = [number for number in numbers if number is not None]
    return numbers if given and all(np.isfinite(given)) else None


def identified(code: str, there: Container[str]) -> str | None:
    """The name ``there`` of the language with ``code``: the code itself or an ISO 639-3 identifier."""
    return next((name for name in (code, *ISO_639_3.get(code, ())) if name in there), None)
