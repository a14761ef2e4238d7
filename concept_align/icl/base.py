"""The words of this room: sentences with questions about their words, prompts, and scores of labels.

Structured prompting (Blevins et al. 2023, arXiv 2211.07830): demonstrations are sentences with a label after
each word; a query's words are given one by one, each label is scored where it would stand, and the chosen (or
the right) one is put there before the next word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from numpy.typing import NDArray

# What is put after a query's word before the next word: what the model chose, or the right label.
Feedback = Literal["predicted", "gold"]
FEEDBACKS: tuple[Feedback, ...] = get_args(Feedback)

ROOT = -1  # in Item.head: the word is the root
NO_HEAD = -2  # in Item.head: the task asks nothing of heads


@dataclass(frozen=True)
class Item:
    """One question: the class of a word, or its relation to its head."""

    word: int  # its place in the sentence, from 0
    head: int  # the place of its head; ROOT, or NO_HEAD
    label: int  # index into the task's concepts


@dataclass(frozen=True)
class Sentence:
    """A sentence of a treebank with the questions that a task asks of it, in the order of its words."""

    treebank: str
    language: str
    number: int  # its place in the split, from 0
    words: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True)
class LabelSet:
    """How a prompt calls the concepts: one string each, all different; ``kind`` as ``--labels`` names it."""

    kind: str
    concepts: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """Demonstrations, ready to be put before queries.

    ``sentences`` are those that fitted; ``dropped`` how many did not (the model's window less what the
    longest query takes).
    """

    sentences: tuple[Sentence, ...]
    labels: LabelSet
    ids: tuple[int, ...]  # the pieces, the sentence-start piece included where the model has one
    places: tuple[tuple[int, int], ...]  # (piece before the label, label) of every demonstrated item
    dropped: int = 0


@dataclass(frozen=True, eq=False)
class Scored:
    """A query's items: the scores of every label, what was chosen, and the states it was chosen from."""

    scores: torch.Tensor  # float32 [items, concepts]: mean log-probability of the pieces of each label
    predicted: NDArray[np.int64]  # [items]
    states: Mapping[int, torch.Tensor] = field(
        default_factory=dict
    )  # layer -> [items, dim], last piece before the label


class Scorer(Protocol):
    """A causal language model that scores labels in prompts."""

    name: str
    revision: str
    layers: int
    dim: int
    window: int  # pieces

    def prompt(self, sentences: Sequence[Sentence], labels: LabelSet, *, room: int) -> Prompt:
        """The demonstrations: as many of ``sentences``, in their order, as leave ``room`` pieces."""
        ...

    def room(self, query: Sentence, labels: LabelSet) -> int:
        """The pieces that ``query`` takes at most, whatever labels are put into it."""
        ...

    def score(
        self,
        prompt: Prompt,
        queries: Sequence[Sentence],
        *,
        feedback: Feedback = "predicted",
        layers: Sequence[int] = (),
    ) -> list[Scored]:
        """Scores of every query after ``prompt``; with ``layers``, the states they were read off too.

        Neither the order of queries, nor how they are batched, nor the order of labels changes a score.
        """
        ...


class Selector(Protocol):
    """Chooses demonstrations for a query; for all queries of a language where it does not look at them."""

    name: str

    def select(
        self, query: Sentence | None, candidates: Sequence[Sentence], k: int, *, seed: int
    ) -> list[int]:
        """The places in ``candidates`` of ``k`` demonstrations, in the order they are to stand."""
        ...
