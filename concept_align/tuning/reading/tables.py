"""Tab-separated tables: a header of language codes, then one row for each meaning.

``sent_id<TAB>doc<TAB>en<TAB>de``: ids and documents are optional, an empty cell is a missing translation.
Quotes are signs like others. ``id`` is the code of Indonesian, so ids stand under ``sent_id``.
"""

from pathlib import Path

from ...errors import UsageError, place
from ..parallel import Parallel
from .rows import code_of, lines_of

ID, DOC = "sent_id", "doc"


def read(path: Path) -> Parallel:
    """The table in ``path``. UsageError, with the line, for a row that does not fit the header."""
    lines = lines_of(path)
    header = _header(lines[0], path)
    texts: dict[str, dict[str, str]] = {name: {} for name in header if name not in (ID, DOC)}
    documents: dict[str, str] = {}
    seen: dict[str, int] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        cells, where = line.split("\t"), place(path, number)
        if len(cells) != len(header):
            what = f"{len(cells)} cells where the header has {len(header)}"
            raise UsageError(what, where=where, remedy="put one tab between cells, and none inside a text")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        one = row.pop(ID, str(number - 1))
        if not one or one in seen:
            what = f"{one!r} was in line {seen[one]} already" if one else "a row without its id"
            raise UsageError(what, where=where, remedy=f"give each row a {ID} of its own")
        seen[one] = number
        if document := row.pop(DOC, ""):
            documents[one] = document
        for language, text in row.items():
            texts[language][one] = text
    if "id" in texts and not any(" " in text for text in texts["id"].values()):
        remedy = f"call ids {ID}; if these are Indonesian texts, call the column ind"
        raise UsageError("the column id does not look like Indonesian", where=place(path, 1), remedy=remedy)
    if "ind" in texts:
        texts = {"id" if name == "ind" else name: own for name, own in texts.items()}
    return Parallel.of(texts, documents=documents, source=str(path))


def _header(line: str, path: Path) -> list[str]:
    where = place(path, 1)
    names = [name.strip() for name in line.split("\t")]
    header = [name if name in (ID, DOC, "ind") else code_of(name, where) for name in names]
    called = ["id" if name == "ind" else name for name in header]
    if twice := [name for name in called if called.count(name) > 1]:
        raise UsageError(f"{twice[0]!r} stands twice", where=where, remedy="name each column once")
    if len(set(called) - {ID, DOC}) < 2:
        remedy = "begin with a line of language codes with tabs between: en<TAB>de"
        raise UsageError("translations need two languages", where=where, remedy=remedy)
    return header
