"""A task's file: how its questions are put, in the words of each language.

    kind = "choice"                          # or "generate"
    reader = "jsonl"                         # where questions come from
    question = "{prompt}"                    # fields are those of the reader, and words
    answer = "{gap}{answer}"                 # what follows the question; {answer} is each choice in turn
    separator = "\\n"                        # between demonstrations, and before the question
    said = ["answer"]                        # fields that are said in the language's words
    [words.all]                              # of every language, unless its own table says otherwise
    gap = " "
    [words.de]
    yes = "Ja"
    no = "Nein"

A file that has words of some languages is asked in no others. A question's text is its template with the
fields put in; nothing else is added.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...config import from_mapping, read_mapping
from ...errors import ConceptAlignError, UsageError
from ...registration import suggest
from .questions import Question, TaskRow

Wording = Literal["own", "english"]
ALL = "all"  # the table of words of every language
NOTHING = "N/A"  # a field of a question without content
_BUILTIN = Path(__file__).with_name("builtin")
BUILTIN = tuple(sorted(path.stem for path in _BUILTIN.glob("*.toml")))


@dataclass(frozen=True)
class TaskSpec:
    """What a task's file says."""

    kind: Literal["choice", "generate"]
    """choice: of several texts, the likeliest; generate: a text is written."""
    reader: str
    """What reads the questions: paws-x, xcopa, jsonl, translation, lemma, inflection, or one of your own."""
    question: str
    """Template of a question."""
    answer: str = "{gap}{answer}"
    """Template of what follows it; the answer is called answer."""
    separator: str = "\n"
    """What stands between demonstrations, and before the question."""
    compared: str = ""
    """Template of the text that the nearest questions are looked for by. Without, the question's."""
    domain: str = ""
    """Template of a question without content, for calibration where choices are texts of their own.
    Without, the question with N/A in its fields."""
    shared: bool = False
    """Choices are the same labels in every question, place by place."""
    said: tuple[str, ...] = ()
    """Fields whose values are names of words, said in the language's words."""
    metric: Literal["accuracy", "chrf"] = "accuracy"
    """accuracy (of a text that is written: exact match), or chrf."""
    max_tokens: int = 32
    """Tokens of an answer that is written, at most."""
    data: str = ""
    """Path of the questions, from the task's file on; it may be given with the task's name instead."""
    options: dict = field(default_factory=dict)
    """What the reader is told."""
    words: dict = field(default_factory=dict)
    """Words by language and name."""

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that there are words for; none where every language will do."""
        return tuple(code for code in self.words if code != ALL)


@dataclass(frozen=True)
class NamedTask:
    """A task with its name and the path of its questions."""

    name: str
    spec: TaskSpec
    path: Path

    @classmethod
    def of(cls, told: str, settings: Mapping[str, Any] | None = None) -> "NamedTask":
        """From ``NAME:PATH``, NAME a built-in task or a .toml file, which may name the path itself.

        ``settings`` go over the file's, or are told to the reader where the file knows no such key. Raises
        UsageError for an unknown task, a key that is unknown and questions that nobody named.
        """
        name, _, path = told.partition(":")
        file = Path(name) if name.endswith(".toml") else _BUILTIN / f"{name}.toml"
        if not file.is_file():
            raise UsageError(f"no task is called {name!r}", option="task", remedy=_remedy(name))
        values = read_mapping(file)
        for key, value in (settings or {}).items():
            known = key in TaskSpec.__dataclass_fields__
            (values if known else values.setdefault("options", {}))[key] = value
        spec = from_mapping(TaskSpec, values, where=str(file))
        _check(spec, str(file))
        if not path and not spec.data:
            remedy = f"write it as {name}:PATH"
            raise UsageError(f"where are the questions of {name}?", option="task", remedy=remedy)
        return cls(file.stem, spec, Path(path) if path else file.parent / spec.data)

    def questions(self, language: str, split: Literal["dev", "test"], wording: Wording) -> list[Question]:
        """Questions of one language; ``dev`` is what demonstrations are of.

        Raises ConceptAlignError (with file and line) for files that are not what they should be, UsageError
        for a language without words.
        """
        from . import TASK_READERS

        words = self.words("en" if wording == "english" else language)
        rows = TASK_READERS.get(self.spec.reader)(self.path, language, split, self.spec.options)
        return [put(self.spec, row, words) for row in rows]

    def words(self, language: str) -> dict[str, str]:
        """The words of ``language``. UsageError where there are none."""
        known = self.spec.languages
        if known and language not in known:
            what = f"there are no words for {self.name} in {language!r}"
            raise UsageError(what, option="langs", remedy=f"wording english, or one of: {', '.join(known)}")
        return {"gap": " ", **self.spec.words.get(ALL, {}), **self.spec.words.get(language, {})}


def _remedy(name: str) -> str:
    if name.endswith(".toml"):
        return "check the path of the task's file"
    return suggest(name, BUILTIN, f"use {', '.join(BUILTIN)}, or the path of a .toml file")


def _check(spec: TaskSpec, where: str) -> None:
    """UsageError for templates and words that cannot be meant."""
    for name in ("question", "answer", "compared", "domain"):
        _fields(getattr(spec, name), name, where)
    if "answer" not in _fields(spec.answer, "answer", where):
        what = "the template answer does not have {answer} in it"
        raise UsageError(what, where=where, remedy='write answer = "{gap}{answer}"')
    for code, table in spec.words.items():
        if not isinstance(table, dict) or not all(isinstance(word, str) for word in table.values()):
            what = f"words.{code} is not a table of texts"
            raise UsageError(what, where=where, remedy=f'write [words.{code}], below it yes = "Yes"')
    if spec.max_tokens < 1:
        raise UsageError("max_tokens is under 1", where=where, remedy="say 32")


def _fields(template: str, name: str, where: str) -> set[str]:
    """The names in a template."""
    try:
        found = {part[1] for part in string.Formatter().parse(template) if part[1] is not None}
    except ValueError as fault:
        what = f"the template {name} is broken ({fault})"
        raise UsageError(what, where=where, remedy="write {field}, and {{ for a brace") from fault
    if bad := [one for one in found if not one.isidentifier()]:
        what = f"the template {name} names a field {bad[0]!r}"
        raise UsageError(what, where=where, remedy="use letters, digits and underscores")
    return found


def put(spec: TaskSpec, row: TaskRow, words: Mapping[str, str]) -> Question:
    """The text of a question. ConceptAlignError, with file and line, for a field or word that is missing."""

    def word(name: str) -> str:
        if name not in words:
            what = f"there is no word for {name!r}"
            remedy = f"add {name} to the words of the task; it has {', '.join(words)}"
            raise ConceptAlignError(what, where=row.where, remedy=remedy)
        return words[name]

    def filled(template: str, values: Mapping[str, str]) -> str:
        try:
            return template.format_map(values)
        except KeyError as fault:
            what = f"there is no field {fault.args[0]!r} for the template"
            remedy = f"use one of {', '.join(values)}"
            raise ConceptAlignError(what, where=row.where, remedy=remedy) from fault

    own = {name: word(text) if name in spec.said else text for name, text in row.fields.items()}
    fields = {**words, **own}
    answers = [word(one) if "answer" in spec.said else one for one in row.answers]
    blank = {name: fields[name] if name in spec.said else NOTHING for name in own}
    return Question(
        id=row.id,
        language=row.language,
        beginning=filled(spec.question, fields),
        choices=tuple(filled(spec.answer, {**fields, "answer": one}) for one in answers),
        answer=row.right,
        gold=answers[row.right],
        domain=filled(spec.domain or spec.question, fields if spec.domain else {**words, **blank}),
        text=filled(spec.compared or spec.question, fields),
        copied=row.copied,
        answered_in=row.answered_in or row.language,
    )


def limited(questions: Sequence[Question], limit: int | None, seed: int) -> list[Question]:
    """``limit`` of the questions, drawn by their ids: of parallel questions the same in every language."""
    from ...hashing import digest

    order = sorted(range(len(questions)), key=lambda place: digest([seed, questions[place].id]))
    return [questions[place] for place in order[:limit]]
