"""Readers of questions in files: PAWS-X, XCOPA, and any JSON lines.

*PAWS-X* (Yang et al. 2019, arXiv 1908.11828): do two sentences say the same?

    Paul met Anna in Rome, right?  Yes, Anna was met by Paul in Rome
    Paul met Anna in Rome, right?  No, Anna was met by Paul in Rome

*XCOPA* (Ponti et al. 2020, arXiv 2005.00333): which of two is the cause, or the effect?

    The glass broke because  it fell down         The glass broke because  it was blue

The formats have the shape of those that multilingual decoders are tested with (Lin et al. 2021, arXiv
2112.10668); wordings are ours. Files are read from folders in the layout of the data sets:
``de.test_2k.tsv`` with the columns id, sentence1, sentence2, label, and ``test.et.jsonl`` with premise,
choice1, choice2, question, label.

*JSON lines*: an object a line, with ``language``, ``answer``, ``choices`` (of tasks whose answers are
chosen) and any fields of text. ``answer`` is a text, or the place of a choice from 0. Lines whose ``split``
is ``dev`` are what demonstrations are of; in a file without any, all lines are (never the question itself).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import ConceptAlignError
from ...reading import read_text
from . import QuestionSplit
from .questions import TaskRow

_STOPS = ".。!?！？।"
_MISSING = "NS"  # what PAWS-X writes for a sentence that nobody translated
_FETCH = "fetch the file again"
_KNOWN = ("id", "language", "choices", "answer", "split")


def _bad(path: Path, line: int, what: str, remedy: str = _FETCH) -> ConceptAlignError:
    return ConceptAlignError(what, where=f"{path}, line {line}", remedy=remedy)


def _lines(path: Path) -> list[str]:
    """Lines that end in LF or CRLF; other line ends of Unicode may be in a sentence."""
    text = read_text(path, error=ConceptAlignError).removesuffix("\n")
    return [line.removesuffix("\r") for line in text.split("\n")]


def read_paws_x(path: Path, language: str, split: QuestionSplit, options: Mapping[str, Any]) -> list[TaskRow]:
    """Pairs of sentences; those with a sentence that is missing are left out."""
    file = path / f"{language}.{split}_2k.tsv"
    found = []
    # Quotation marks are part of the sentences, so this is no CSV.
    for line, text in enumerate(_lines(file), start=1):
        row = text.split("\t")
        if line == 1:
            if row != ["id", "sentence1", "sentence2", "label"]:
                raise _bad(file, line, "its columns are not id, sentence1, sentence2, label")
            continue
        if len(row) != 4 or row[3] not in ("0", "1"):
            raise _bad(file, line, f"{len(row)} cells, or a label that is not 0 or 1")
        first, second = row[1].strip(), row[2].strip()
        if {first, second} & {"", _MISSING}:
            continue
        fields = {"sentence1": first.rstrip(_STOPS), "sentence2": second}
        where = f"{file}, line {line}"
        found.append(TaskRow(row[0], language, fields, ("yes", "no"), 1 - int(row[3]), where=where))
    return found


def read_xcopa(path: Path, language: str, split: QuestionSplit, options: Mapping[str, Any]) -> list[TaskRow]:
    """Premises with two choices each."""
    file = path / f"{'val' if split == 'dev' else split}.{language}.jsonl"
    found = []
    for line, text in enumerate(_lines(file), start=1):
        try:
            row: Any = json.loads(text)
            premise, kind, label = row["premise"].strip(), row["question"], row["label"]
            choices = [row["choice1"].strip(), row["choice2"].strip()]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
            what = f"not a question with premise, choices, question, label ({fault})"
            raise _bad(file, line, what) from fault
        if kind not in ("cause", "effect") or label not in (0, 1) or not all([premise, *choices]):
            raise _bad(file, line, "an empty text, or a question or label that is unknown")
        if choices[0] == choices[1]:
            raise _bad(file, line, "both choices are the same")
        fields = {"premise": premise.rstrip(_STOPS), "link": kind}
        answers = tuple(map(_lowered, choices))
        name = str(row.get("idx", line))
        found.append(TaskRow(name, language, fields, answers, int(label), where=f"{file}, line {line}"))
    return found


def _lowered(text: str) -> str:
    """A sentence as it stands after a word; names that begin one are not told apart."""
    return text[:1].lower() + text[1:]


def read_jsonl(path: Path, language: str, split: QuestionSplit, options: Mapping[str, Any]) -> list[TaskRow]:
    """The lines in ``language``. ConceptAlignError where a line is no question, or there is none."""
    rows = {"dev": [], "test": []}  # type: dict[str, list[TaskRow]]
    languages: dict[str, None] = {}
    for line, text in enumerate(_lines(path), start=1):
        if not text.strip():
            continue
        try:
            row: Any = json.loads(text)
            own = str(row["language"])
        except (ValueError, TypeError, KeyError, RecursionError) as fault:
            remedy = 'write {"language": "en", "prompt": "...", "answer": "..."}'
            raise _bad(path, line, "not a JSON object with a language and an answer", remedy) from fault
        languages[own] = None
        kind = row.get("split", "test")
        if kind not in rows:
            raise _bad(path, line, f"split {kind!r}", "write dev or test")
        if own == language:
            rows[kind].append(_json_row(path, line, row))
    found = rows[split] or (rows["test"] if split == "dev" else [])
    if not found:
        what = f"no question in {language!r}"
        raise ConceptAlignError(what, where=str(path), remedy=f"it has {', '.join(languages) or 'none'}")
    return found


def _json_row(path: Path, line: int, row: Mapping[str, Any]) -> TaskRow:
    answer: Any = row.get("answer")
    choices: Any = row.get("choices")
    if choices is None:
        if not isinstance(answer, str) or not answer.strip():
            raise _bad(path, line, "its answer is no text", "write the answer, or choices and the answer")
        choices, right = [answer], 0
    else:
        texts = isinstance(choices, list) and all(isinstance(one, str) and one.strip() for one in choices)
        if not texts or len(set(choices)) < max(2, len(choices)):
            raise _bad(path, line, "its choices are not different texts", 'write "choices": ["a", "b"]')
        number = isinstance(answer, int) and not isinstance(answer, bool)
        if (number and not 0 <= answer < len(choices)) or (not number and answer not in choices):
            remedy = "write one of the choices, or its place from 0"
            raise _bad(path, line, f"the answer {answer!r} is none of the choices", remedy)
        right = answer if number else choices.index(answer)
    fields = {key: value for key, value in row.items() if key not in _KNOWN and isinstance(value, str)}
    where = f"{path}, line {line}"
    return TaskRow(
        str(row.get("id", line)), str(row["language"]), fields, tuple(choices), int(right), where=where
    )
