"""The Tatoeba test sets (Artetxe & Schwenk 2019, arXiv 1812.10464): each language against English.

``tatoeba.deu-eng.deu`` and ``tatoeba.deu-eng.eng`` are aligned by line. English sides differ, so an id is the
language with the line, ``de:17``; a sentence is a document by itself.
"""

import re
from pathlib import Path

from ...errors import UsageError
from ..parallel import Parallel
from .lines import aligned
from .rows import code_of

PIVOT = "eng"
_NAME = re.compile(rf"tatoeba\.([a-z]{{3}})-{PIVOT}\.\1")


def read(folder: Path) -> Parallel:
    """Every language in ``folder`` against English."""
    try:
        found = sorted(match[1] for path in folder.iterdir() if (match := _NAME.fullmatch(path.name)))
    except OSError as error:
        what = f"cannot read: {error.strerror or error}"
        raise UsageError(what, where=str(folder), remedy="name the folder of tatoeba.*-eng.*") from error
    if not found:
        remedy = "name the folder of tatoeba.deu-eng.deu, tatoeba.deu-eng.eng and the like"
        raise UsageError("no test set of Tatoeba here", where=str(folder), remedy=remedy)
    english = code_of(PIVOT, str(folder))
    texts: dict[str, dict[str, str]] = {english: {}}
    for name in found:
        code = code_of(name, str(folder))
        paths = [folder / f"tatoeba.{name}-{PIVOT}.{side}" for side in (name, PIVOT)]
        sides = aligned(paths, (code, english), prefix=f"{code}:")
        texts[code] = texts.get(code, {}) | sides[code]
        texts[english] |= sides[english]
    return Parallel.of(texts, source=f"tatoeba:{folder}")
