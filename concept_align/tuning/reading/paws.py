"""PAWS-X (Yang et al. 2019, arXiv 1908.11828): sentences with equal ids are translations of one another.

``de.dev_2k.tsv`` has columns id, sentence1, sentence2 and label. Both sentences of a row belong to one
document. The test split is left alone where there is a dev split: it is what models are tested on. ``NS``
stands for a sentence that was not translated.
"""

import re
from pathlib import Path

from ...errors import UsageError, place
from ..parallel import Parallel
from .rows import code_of, lines_of

_NAME = re.compile(r"([a-z]{2,3})\.(dev|test)_2k\.tsv")
SENTENCES = ("sentence1", "sentence2")
UNTRANSLATED = "NS"


def read(folder: Path) -> Parallel:
    """The dev split (the test split where there is no other) in every language of ``folder``."""
    try:
        found = [match for path in sorted(folder.iterdir()) if (match := _NAME.fullmatch(path.name))]
    except OSError as error:
        what = f"cannot read: {error.strerror or error}"
        raise UsageError(what, where=str(folder), remedy="name the folder of de.dev_2k.tsv") from error
    splits = {match[2] for match in found}
    if not found:
        remedy = "name the folder of en.dev_2k.tsv, de.dev_2k.tsv and the like"
        raise UsageError("no PAWS-X here", where=str(folder), remedy=remedy)
    split = "dev" if "dev" in splits else "test"
    texts: dict[str, dict[str, str]] = {}
    documents: dict[str, str] = {}
    for match in found:
        if match[2] == split:
            own = _read(folder / match[0])
            texts[code_of(match[1], str(folder))] = own
            documents |= {one: one.partition(":")[0] for one in own}
    notes = ["the test split is left out: it is what models are tested on"] if len(splits) == 2 else []
    return Parallel.of(texts, documents=documents, source=f"paws-x:{folder}", notes=notes)


def _read(path: Path) -> dict[str, str]:
    lines = lines_of(path)
    header = lines[0].split("\t")
    if missing := [name for name in ("id", *SENTENCES) if name not in header]:
        remedy = "give PAWS-X as it is published: id, sentence1, sentence2, label"
        raise UsageError(f"no column {missing[0]!r}", where=place(path, 1), remedy=remedy)
    texts: dict[str, str] = {}
    for number, line in enumerate(lines[1:], 2):
        cells, where = line.split("\t"), place(path, number)
        if len(cells) != len(header):
            what = f"{len(cells)} cells where the header has {len(header)}"
            raise UsageError(what, where=where, remedy="get the file anew")
        row = dict(zip(header, cells, strict=True))
        for place_of, name in enumerate(SENTENCES, 1):
            one = f"{row['id'].strip()}:{place_of}"
            if one in texts:
                raise UsageError(f"id {row['id']!r} stands twice", where=where, remedy="get the file anew")
            texts[one] = "" if row[name].strip() == UNTRANSLATED else row[name]
    return texts
