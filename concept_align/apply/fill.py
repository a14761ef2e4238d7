"""CoNLL-U with the predictions filled in, and their probabilities in MISC (``Prob=0.93``).

Of a CoNLL-U file everything else stays as it was: comments, multiword tokens, empty nodes, other columns.
A word that could not be classified gets ``_`` and no ``Prob``.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from ..errors import TreebankError
from ..treebanks.concepts import Task, with_label
from ..treebanks.reader import open_bytes
from .classified import Classified
from .text import is_conllu

_MISC = 9


def fill(classified: Classified) -> Iterator[str]:
    """The lines of the text that was classified, each with its line end."""
    yield from _filled(classified) if is_conllu(classified.corpus.source.path) else _made(classified)


def _filled(classified: Classified) -> Iterator[str]:
    """The file it was read from, again."""
    path, words = Path(classified.corpus.source.path), _words(classified)
    with io.TextIOWrapper(io.BufferedReader(open_bytes(path)), encoding="utf-8-sig") as file:  # type: ignore[type-var]
        for line in file:
            fields = line.rstrip("\r\n").split("\t")
            if not fields[0].isdecimal():  # a comment, an end, a multiword token, an empty node
                yield line.rstrip("\r\n") + "\n"
                continue
            found = next(words, None)
            if found is None:
                raise TreebankError("the file changed while it was read", where=str(path))
            yield _line(fields, classified.task, *found)


def _made(classified: Classified) -> Iterator[str]:
    """Lines for text that came without any."""
    corpus, words = classified.corpus, _words(classified)
    for place in range(corpus.sents):
        sentence = corpus.sentence(place)
        yield f"# sent_id = {sentence.id}\n# text = {sentence.text}\n"
        ends = [int(end) for _, end in sentence.spans]
        begins = [*(int(begin) for begin, _ in sentence.spans[1:]), -1]
        for number, (form, end, after) in enumerate(zip(sentence.forms, ends, begins, strict=True), 1):
            fields = [str(number), form, *["_"] * 8]
            if end == after:
                fields[_MISC] = "SpaceAfter=No"
            yield _line(fields, classified.task, *next(words))
        yield "\n"


def _words(classified: Classified) -> Iterator[tuple[str | None, float]]:
    yield from zip(classified.names(), classified.probabilities.tolist(), strict=True)


def _line(fields: list[str], task: Task, label: str | None, probability: float) -> str:
    with_label(fields, task.name, label)
    with_label(fields, "column:MISC:Prob", None if label is None else f"{probability:.2f}")
    return "\t".join(fields) + "\n"
