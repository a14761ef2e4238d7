"""Inventories of structural concepts, and the labels a task gives to words.

The 17 word classes and 37 relations are those of Universal Dependencies v2.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Int, Int32

from ..errors import UsageError
from ..registration import nearest
from ..types import UNLABELLED
from .annotations import Annotations, TextColumn

UPOS: tuple[str, ...] = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM",
    "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X",
)  # fmt: skip

RELATIONS: tuple[str, ...] = (
    "acl", "advcl", "advmod", "amod", "appos", "aux", "case", "cc", "ccomp", "clf", "compound", "conj",
    "cop", "csubj", "dep", "det", "discourse", "dislocated", "expl", "fixed", "flat", "goeswith", "iobj",
    "list", "mark", "nmod", "nsubj", "nummod", "obj", "obl", "orphan", "parataxis", "punct",
    "reparandum", "root", "vocative", "xcomp",
)  # fmt: skip

# The ten columns of CoNLL-U, those that hold labels of words, and those of them that hold KEY=VALUE pairs.
FIELDS = ("ID", "FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "HEAD", "DEPREL", "DEPS", "MISC")
COLUMNS: tuple[str, ...] = ("FORM", "LEMMA", "UPOS", "XPOS", "FEATS", "DEPREL", "DEPS", "MISC")
PAIRED: tuple[str, ...] = ("FEATS", "MISC")
_FEATURE, _COLUMN = "feature:", "column:"


@dataclass(frozen=True)
class Task:
    """What is asked of a word: ``upos``, ``relation``, ``feature:NAME`` or ``column:NAME``.

    Relations are asked of a word together with its head: their representation is the difference of the
    two states.
    """

    name: str
    concepts: tuple[str, ...]

    @property
    def relational(self) -> bool:
        return is_relational(self.name)

    @property
    def open_ended(self) -> bool:
        """Are its concepts whatever values the data have?"""
        return is_open_ended(self.name)


def is_open_ended(task: str) -> bool:
    """Has the task called ``task`` no inventory of its own?"""
    return task.startswith(("feature:", "column:"))


def is_relational(task: str) -> bool:
    """Is the task called ``task`` asked of a word and its head?"""
    return task == "relation"


def check_task(name: str, *, option: str = "task") -> None:
    """UsageError, for the argument ``option``, with what may be meant, for a ``name`` that is no task."""
    if name in ("upos", "relation") or (name.startswith(_FEATURE) and name != _FEATURE):
        return
    if name.startswith(_COLUMN):
        column, _, key = name.removeprefix(_COLUMN).partition(":")
        fits = not key or (column in PAIRED and re.fullmatch(r"[^\s/|=:]+", key))
        if column in COLUMNS and fits and (key or column != "MISC"):
            return
        known = [f"{_COLUMN}{known}" + (f":{key or 'KEY'}" if known == "MISC" else "") for known in COLUMNS]
    else:
        known = ["upos", "relation", f"{_FEATURE}Case", *(f"{_COLUMN}{column}" for column in COLUMNS)]
    said = {column.casefold(): f"{_COLUMN}{column}" for column in COLUMNS}
    said |= {one.casefold(): one for one in known}
    meant = list(dict.fromkeys(said[one] for one in nearest(name, said, most=2)))
    remedy = "use upos, relation, feature:NAME (feature:Case) or column:NAME (column:XPOS, column:MISC:KEY)"
    if meant:
        remedy = f"did you mean {' or '.join(meant)}? Or {remedy}"
    raise UsageError(f"unknown task {name!r}", option=option, remedy=remedy)


def task_columns(tasks: Iterable[str]) -> tuple[str, ...]:
    """The columns that ``tasks`` need beside what every corpus has: ``XPOS`` of ``column:XPOS``."""
    return tuple(dict.fromkeys(t.removeprefix(_COLUMN) for t in tasks if t.startswith(_COLUMN)))


def closed_columns(tasks: Iterable[str]) -> tuple[str, ...]:
    """The columns in which ``tasks`` look for labels that only UD has: a label of others is a fault there."""
    return tuple({"upos": "UPOS", "relation": "DEPREL"}[t] for t in tasks if t in ("upos", "relation"))


def parse_task(name: str, annotations: Annotations | None = None) -> Task:
    """The task called ``name``.

    The concepts of a feature or of a column are the values that ``annotations`` have, sorted. Raises
    UsageError for a name that is no task, and for a column that was not kept.
    """
    check_task(name)
    if name == "upos":
        return Task(name, UPOS)
    if name == "relation":
        return Task(name, RELATIONS)
    if annotations is None:
        raise UsageError(
            f"the concepts of {name} are those of the data", remedy="give the words' annotations"
        )
    values, _ = _coded(annotations, name)
    return Task(name, tuple(sorted({value for value in values if value})))


def _coded(annotations: Annotations, name: str) -> tuple[tuple[str, ...], Int32[np.ndarray, " words"]]:
    """The values of a task whose concepts are in the data, and each word's place among them."""
    if name.startswith(_COLUMN):
        column = annotations.column(name.removeprefix(_COLUMN))
        return column.names, column.codes
    feature = name.removeprefix(_FEATURE)
    return tuple(value_of(feats, feature) for feats in annotations.feats_names), annotations.feats


def value_of(pairs: str, key: str) -> str:
    """What ``KEY=VALUE|KEY=VALUE`` says of ``key``, "" where it says nothing."""
    found = dict(pair.split("=", 1) for pair in pairs.split("|") if "=" in pair)
    return found.get(key, "")


def with_label(cells: list[str], task: str, label: str | None) -> None:
    """Write ``label`` (None: none) into a word's ten columns, where ``task`` has its labels."""
    column, key = field_of(task)
    place, ordered = FIELDS.index(column), column == "FEATS"
    cells[place] = (_with_value(cells[place], key, label, ordered=ordered) if key else label) or "_"


def field_of(task: str) -> tuple[str, str]:
    """The column of CoNLL-U in which ``task`` has its labels, and the key there, if any."""
    column, _, key = {"upos": "UPOS", "relation": "DEPREL"}.get(task, task).partition(":")
    if task.startswith(_FEATURE):
        return "FEATS", key
    if task.startswith(_COLUMN):
        column, _, key = key.partition(":")
    return column, key


def _with_value(pairs: str, key: str, value: str | None, *, ordered: bool) -> str:
    """``KEY=VALUE|KEY=VALUE`` with ``key`` set to ``value``, or without it where that is none."""
    given = pairs.split("|") if pairs not in ("", "_") else []
    items = [item for item in given if item.partition("=")[0] != key]
    items += [f"{key}={value}"] if value else []
    return "|".join(sorted(items, key=str.casefold) if ordered else items)


def unseen(task: str, among: Iterable[Annotations]) -> UsageError:
    """The error that no word of ``among`` has a label of ``task``, with the features that they have."""
    features = {
        pair.partition("=")[0] for one in among for f in one.feats_names for pair in f.split("|") if f
    }
    remedy = "use upos or relation"
    if features and task.startswith(_FEATURE):  # the names alone are compared: all begin alike
        meant = nearest(task.removeprefix(_FEATURE), features)
        said = [_FEATURE + name for name in meant or sorted(features)]
        remedy = f"did you mean {said[0]!r}?" if meant else f"use {', '.join(said)}"
    return UsageError(f"no word has a label of {task}", option="task", remedy=remedy)


def labels(annotations: Annotations, task: Task) -> Int[np.ndarray, " words"]:
    """[words] index of each word's concept in ``task.concepts``, -1 where it has none."""
    if task.name == "upos":
        return annotations.upos.astype(np.int16)
    if task.name == "relation":
        return annotations.relations.astype(np.int16)
    index = {value: code for code, value in enumerate(task.concepts)}
    values, places = _coded(annotations, task.name)
    codes = np.array([index.get(value, UNLABELLED) for value in values], dtype=np.int32)[places]
    return codes.astype(np.int16) if len(index) <= np.iinfo(np.int16).max else codes  # lemmas are many


Labelled = TypeVar("Labelled", bound=Annotations)


def relabel(annotations: Labelled, task: Task, codes: Int[np.ndarray, " words"]) -> Labelled:
    """``annotations`` where the label of every word for ``task`` is ``codes`` [words], -1 for none."""
    if task.name == "upos":
        return replace(annotations, upos=codes.astype(np.int8))
    if task.relational:
        none = np.zeros(annotations.words, np.int16)
        return replace(annotations, relations=codes.astype(np.int8), subtypes=none)
    if task.name.startswith(_COLUMN):
        column = TextColumn(codes.astype(np.int32) + 1, ("", *task.concepts))
        return replace(annotations, columns={**annotations.columns, task.name.removeprefix(_COLUMN): column})
    both = np.stack([annotations.feats.astype(np.int64), codes.astype(np.int64)])
    pairs, places = np.unique(both, axis=1, return_inverse=True)
    feature, concepts = task.name.removeprefix(_FEATURE), (*task.concepts, None)  # -1 is the last
    names = [
        _with_value(annotations.feats_names[feats], feature, concepts[code], ordered=True)
        for feats, code in pairs.T.tolist()
    ]
    feats = places.reshape(-1).astype(np.int32) + 1
    return replace(annotations, feats=feats, feats_names=("", *names))
