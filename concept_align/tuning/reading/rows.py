"""Lines of text files, and objects of JSON lines: what is wrong with one is said with its place."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...errors import UsageError, place
from ...reading import read_text
from ...treebanks import registry

_CODE = re.compile("[a-z]{2,3}")


def lines_of(path: Path) -> list[str]:
    """The lines of a UTF-8 file, without their ends. A return inside a line is refused.

    Only a line feed ends a line: other signs that Unicode counts as line ends may be in texts.
    """
    text = read_text(path, error=UsageError, remedy="give a file in UTF-8", as_it_is=True)
    lines = [line.removesuffix("\r") for line in text.removeprefix("\ufeff").split("\n")]
    if not lines[-1]:
        del lines[-1]
    for number, line in enumerate(lines, 1):
        if "\r" in line:
            remedy = "write one line feed at the end of each line, and none inside a text"
            raise UsageError("a line end inside a text", where=place(path, number), remedy=remedy)
    if not any(line.strip() for line in lines):
        raise UsageError("no text", where=str(path), remedy="give a file with translations")
    return lines


def objects_of(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line from 1, object) of JSON lines; blank lines are passed over."""
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            remedy = "give one JSON object a line"
            raise UsageError(f"not JSON: {error}", where=place(path, number), remedy=remedy) from error
        if not isinstance(found, dict):
            what = f"a JSON object is expected, not {type(found).__name__}"
            raise UsageError(what, where=place(path, number), remedy="give one object a line")
        yield number, found


def text_of(row: Mapping[str, Any], key: str, where: str) -> str:
    """The text at ``key``; UsageError where there is none, or another thing."""
    if not isinstance(row.get(key), str):
        what = f"{key!r} is not text" if key in row else f"there is no {key!r}"
        raise UsageError(what, where=where, remedy=f"give each row {key} as text")
    return row[key]


def code_of(name: str, where: str, *, option: str | None = None) -> str:
    """The code of the language that ``name`` stands for (``de``, ``deu``). UsageError for what is none."""
    code = registry.of_iso(name.strip())
    if _CODE.fullmatch(code) is None:
        known = registry.known(f"UD_{name.strip().title()}-X")
        remedy = f"say {known.language}" if known else "name languages by their codes: en, de, zh"
        raise UsageError(f"{name!r} is no code of a language", where=where, option=option, remedy=remedy)
    return code
