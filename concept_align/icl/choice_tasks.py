"""Tasks that are answered by choosing between texts: PAWS-X and XCOPA, and the formats of their prompts.

A question is a beginning and its choices, which continue it; one of them is right.

*PAWS-X* (Yang et al. 2019, arXiv 1908.11828): do two sentences say the same?

    Paul met Anna in Rome, right?  Yes, Anna was met by Paul in Rome
    Paul met Anna in Rome, right?  No, Anna was met by Paul in Rome

*XCOPA* (Ponti et al. 2020, arXiv 2005.00333): which of two is the cause, or the effect?

    The glass broke because  it fell down         The glass broke because  it was blue

Words between the parts are of the question's language (``own``) or English. The formats have the shape of
those that multilingual decoders are tested with (Lin et al. 2021, arXiv 2112.10668); wordings are ours.
Files are read from folders in the layout of the data sets: ``de.test_2k.tsv`` with the columns id,
sentence1, sentence2, label, and ``test.et.jsonl`` with premise, choice1, choice2, question, label.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..errors import ConceptAlignError, UsageError
from ..reading import read_text
from ..registration import suggest

ChoiceTask = Literal["paws-x", "xcopa"]
ChoiceSplit = Literal["dev", "test"]
Wording = Literal["own", "english"]

# language: (question tag, yes, no)
SAME: dict[str, tuple[str, str, str]] = {
    "en": (", right?", "Yes", "No"),
    "de": (", richtig?", "Ja", "Nein"),
    "es": (", ¿verdad?", "Sí", "No"),
    "fr": (", n'est-ce pas ?", "Oui", "Non"),
    "ja": ("、そうですよね？", "はい", "いいえ"),
    "ko": (", 그렇죠?", "예", "아니요"),
    "zh": ("，对吗？", "是", "不是"),
}
# language: (because, so)
WHY: dict[str, tuple[str, str]] = {
    "en": ("because", "so"),
    "et": ("sest", "seega"),
    "id": ("karena", "maka"),
    "it": ("perché", "quindi"),
    "ta": ("ஏனென்றால்", "எனவே"),
    "tr": ("çünkü", "bu yüzden"),
    "vi": ("bởi vì", "cho nên"),
    "zh": ("因为", "所以"),
}
_STOPS = ".。!?！？।"
_UNSPACED = ("zh", "ja")
_MISSING = "NS"  # what PAWS-X writes for a sentence that nobody translated


@dataclass(frozen=True)
class Question:
    """``beginning`` is continued by one of ``choices``; the right one is ``choices[answer]``."""

    id: str
    language: str
    beginning: str
    choices: tuple[str, ...]
    answer: int

    @property
    def solved(self) -> str:
        """The beginning with the right choice: what a demonstration shows."""
        return self.beginning + self.choices[self.answer]


def read_choices(
    task: ChoiceTask,
    folder: str | Path,
    language: str,
    split: ChoiceSplit = "test",
    *,
    wording: Wording = "own",
) -> list[Question]:
    """Questions of ``task`` in ``language``; those with a sentence that is missing are left out.

    Raises UsageError for an unknown task or language, ConceptAlignError (with file and line) for files that
    are not what they should be.
    """
    if task not in _READERS:
        remedy = suggest(task, tuple(_READERS))
        raise UsageError(f"no task is called {task!r}", option="task", remedy=remedy)
    name, words, read = _READERS[task]
    said = "en" if wording == "english" else language
    if said not in words:
        what = f"there are no words for {task} in {language!r}"
        raise UsageError(what, option="langs", remedy=f"english wording, or one of: {', '.join(words)}")
    known = {"dev": "val" if task == "xcopa" else "dev", "test": "test"}
    path = Path(folder) / name.format(language=language, split=known[split])
    return read(path, language, said)


def languages_of(task: ChoiceTask, folder: str | Path) -> tuple[str, ...]:
    """Languages whose test questions are in ``folder``, sorted."""
    name, words, _ = _READERS[task]
    return tuple(
        sorted(code for code in words if (Path(folder) / name.format(language=code, split="test")).is_file())
    )


def _bad(path: Path, line: int, what: str) -> ConceptAlignError:
    return ConceptAlignError(what, where=f"{path}, line {line}", remedy="fetch the file again")


def _lines(path: Path) -> list[str]:
    """Lines that end in LF or CRLF; other line ends of Unicode may be in a sentence."""
    return [line.removesuffix("\r") for line in read_text(path).removesuffix("\n").split("\n")]


def _paws_x(path: Path, language: str, said: str) -> list[Question]:
    tag, *answers = SAME[said]
    found = []
    # Quotation marks are part of the sentences, so this is no CSV.
    for line, text in enumerate(_lines(path), start=1):
        row = text.split("\t")
        if line == 1:
            if row != ["id", "sentence1", "sentence2", "label"]:
                raise _bad(path, line, "its columns are not id, sentence1, sentence2, label")
            continue
        if len(row) != 4 or row[3] not in ("0", "1"):
            raise _bad(path, line, f"{len(row)} cells, or a label that is not 0 or 1")
        first, second = row[1].strip(), row[2].strip()
        if {first, second} & {"", _MISSING}:
            continue
        gap = "" if said in _UNSPACED else " "
        comma = "、" if said == "ja" else "，" if said == "zh" else ", "
        choices = tuple(f"{gap}{answer}{comma}{second}" for answer in answers)
        found.append(Question(row[0], language, first.rstrip(_STOPS) + tag, choices, 1 - int(row[3])))
    return found


def _xcopa(path: Path, language: str, said: str) -> list[Question]:
    found = []
    for line, text in enumerate(_lines(path), start=1):
        try:
            row: Any = json.loads(text)
            premise, kind, label = row["premise"].strip(), row["question"], row["label"]
            choices = [row["choice1"].strip(), row["choice2"].strip()]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
            raise _bad(
                path, line, f"not a question with premise, choices, question, label ({fault})"
            ) from fault
        if kind not in ("cause", "effect") or label not in (0, 1) or not all([premise, *choices]):
            raise _bad(path, line, "an empty text, or a question or label that is unknown")
        if choices[0] == choices[1]:
            raise _bad(path, line, "both choices are the same")
        gap = "" if said in _UNSPACED else " "
        beginning = premise.rstrip(_STOPS) + gap + WHY[said][kind == "effect"]
        found.append(
            Question(
                str(row.get("idx", line)), language, beginning,
                tuple(gap + _lowered(choice) for choice in choices), int(label),
            )
        )  # fmt: skip
    return found


def _lowered(text: str) -> str:
    """A sentence as it stands after a word; names that begin one are not told apart."""
    return text[:1].lower() + text[1:]


_READERS: dict[str, tuple[str, dict[str, Any], Callable[[Path, str, str], list[Question]]]] = {
    "paws-x": ("{language}.{split}_2k.tsv", SAME, _paws_x),
    "xcopa": ("{split}.{language}.jsonl", WHY, _xcopa),
}
