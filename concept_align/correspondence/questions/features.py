"""Reading tables of features: a row a language, or the long form of the Cross-Linguistic Data Formats.

CLDF (Forkel et al. 2018, Scientific Data 5) is how Grambank, WALS and others are published: ``values.csv``
has a row for each language and feature (Language_ID, Parameter_ID, Value), ``languages.csv`` says which
ISO 639-3 identifier (ISO639P3code) and Glottocode each Language_ID has, and where the language is spoken.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError, place
from .identifiers import ISO_639_3

LONG = ("Language_ID", "Parameter_ID", "Value")


@dataclass(frozen=True)
class Rows:
    """Cells as text; ``lines[i]`` is where the row of ``languages[i]`` stands in the file."""

    languages: tuple[str, ...]
    features: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]  # [languages][features]
    lines: tuple[int, ...]


def read_rows(path: str | Path, delimiter: str | None = None) -> Rows:
    """The table in ``path``, tab-separated if its first line has a tab. Raises UsageError."""
    header, lines = _lines(path, delimiter)
    if all(column in header for column in LONG):
        return _long(path, header, lines)
    if len(header) < 2:
        raise UsageError(
            "one column only",
            where=place(path, 1),
            remedy="give a language and at least one feature in each row, separated by commas or tabs",
        )
    for at, feature in enumerate(header[1:], 2):
        if not feature or feature in header[1 : at - 1]:
            what = f"feature {feature!r} stands twice" if feature else "a feature without a name"
            raise UsageError(f"{what}, in column {at}", where=place(path, 1), remedy="name each feature once")
    seen: dict[str, int] = {}
    for line, cells in lines:
        language = cells[0]
        if not language:
            raise UsageError(
                "a row without a language", where=place(path, line), remedy="name it in column 1"
            )
        if language in seen:
            raise UsageError(
                f"language {language!r} stands twice, first in line {seen[language]}",
                where=place(path, line),
                remedy="keep one row a language",
            )
        seen[language] = line
    return Rows(
        tuple(seen), tuple(header[1:]), tuple(tuple(cells[1:]) for _, cells in lines), tuple(seen.values())
    )


def cldf_codes(path: str | Path) -> dict[str, str]:
    """The registry's language codes by Language_ID, from CLDF's ``languages.csv`` and its ISO 639-3."""
    header, lines = _lines(path, None)
    for column in ("ID", "ISO639P3code"):
        if column not in header:
            raise UsageError(
                f"there is no column {column}", where=place(path, 1), remedy="give CLDF's languages.csv"
            )
    by_iso = {iso: code for code, names in ISO_639_3.items() for iso in reversed(names)}
    rank = {iso: at for names in ISO_639_3.values() for at, iso in enumerate(names)}
    found: dict[str, tuple[int, str]] = {}  # code: (rank, Language_ID)
    for _, cells in lines:
        row = dict(zip(header, cells, strict=True))
        iso = row["ISO639P3code"]
        code = by_iso.get(iso, iso)
        here = (rank.get(iso, 0), row["ID"])
        if code and (code not in found or here[0] < found[code][0]):
            found[code] = here
    return {name: code for code, (_, name) in found.items()}


def places(path: str | Path) -> dict[str, tuple[float, float]]:
    """(latitude, longitude) by the first column, from columns Latitude and Longitude (as in CLDF)."""
    header, lines = _lines(path, None)
    titles = [column.casefold() for column in header]
    if "latitude" not in titles or "longitude" not in titles:
        raise UsageError(
            "there are no columns Latitude and Longitude",
            where=place(path, 1),
            remedy="give a table of language, latitude, longitude, in degrees",
        )
    columns = titles.index("latitude"), titles.index("longitude")
    found = {}
    for line, cells in lines:
        texts = [cells[at] for at in columns]
        if not all(texts):
            continue
        try:
            found[cells[0]] = (float(texts[0]), float(texts[1]))
        except ValueError:
            raise UsageError(
                f"({', '.join(texts)}) are not two numbers", where=place(path, line), remedy="give degrees"
            ) from None
    return found


def _lines(path: str | Path, delimiter: str | None) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and (line, cells) of all other lines that are not empty."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="give a CSV or TSV file"
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError("is not UTF-8", where=str(path), remedy="save the table as UTF-8") from error
    first = text.split("\n", 1)[0]
    separator = delimiter or ("\t" if "\t" in first else ",")
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    header: list[str] | None = None
    lines = []
    for cells in reader:
        stripped = [cell.strip() for cell in cells]
        if not any(stripped):
            continue
        if header is None:
            header = stripped
        elif len(stripped) != len(header):
            raise UsageError(
                f"{len(stripped)} cells where the header has {len(header)}",
                where=place(path, reader.line_num),
                remedy="give each row as many cells as the header; put cells with separators into quotes",
            )
        else:
            lines.append((reader.line_num, stripped))
    if header is None or not lines:
        raise UsageError("has no rows", where=str(path), remedy="give a header and a row a language")
    return header, lines


def _long(path: str | Path, header: list[str], lines: list[tuple[int, list[str]]]) -> Rows:
    language, feature, value = (header.index(column) for column in LONG)
    cells: dict[tuple[str, str], str] = {}
    first: dict[str, int] = {}
    for line, row in lines:
        key = row[language], row[feature]
        if not all(key):
            raise UsageError(
                "a value without a language or feature", where=place(path, line), remedy="complete the row"
            )
        first.setdefault(key[0], line)
        # A language may have several values of a feature: none of them is then its value.
        cells[key] = row[value] if cells.setdefault(key, row[value]) == row[value] else ""
    features = tuple(dict.fromkeys(name for _, name in cells))
    rows = tuple(tuple(cells.get((name, of), "") for of in features) for name in first)
    return Rows(tuple(first), features, rows, tuple(first.values()))
