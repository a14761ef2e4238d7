"""Inventories of structural concepts, and the labels a task gives to words.

The 17 word classes and 37 relations are those of Universal Dependencies v2.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..types import UNLABELLED
from .corpus import Annotations

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


@dataclass(frozen=True)
class Task:
    """What is asked of a word: ``upos``, ``relation`` or ``feature:NAME``.

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


def parse_task(name: str, annotations: Annotations | None = None) -> Task:
    """The task called ``name``. A feature's values are read off ``annotations``.

    Raises UsageError for a name that is no task.
    """
    if name == "upos":
        return Task(name, UPOS)
    if name == "relation":
        return Task(name, RELATIONS)
    feature = name.removeprefix("feature:")
    if feature != name and feature and annotations is not None:
        return Task(name, tuple(sorted({value for value in _values(annotations, feature) if value})))
    raise UsageError(
        f"unknown task {name!r}", remedy="use upos, relation or feature:NAME, for instance feature:Case"
    )


def _values(annotations: Annotations, feature: str) -> list[str]:
    """The value of ``feature`` in each FEATS string, "" where it has none."""
    found = []
    for feats in annotations.feats_names:
        pairs = dict(pair.split("=", 1) for pair in feats.split("|") if "=" in pair)
        found.append(pairs.get(feature, ""))
    return found


def labels(annotations: Annotations, task: Task) -> NDArray[np.int16]:
    """[words] index of each word's concept in ``task.concepts``, -1 where it has none."""
    if task.name == "upos":
        return annotations.upos.astype(np.int16)
    if task.name == "relation":
        return annotations.relations.astype(np.int16)
    index = {value: code for code, value in enumerate(task.concepts)}
    values = _values(annotations, task.name.removeprefix("feature:"))
    codes = np.array([index.get(value, UNLABELLED) for value in values], dtype=np.int16)
    return codes[annotations.feats]
