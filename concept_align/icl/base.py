"""The words of this room: sentences with questions about their words, prompts, and scores of labels.

Structured prompting (Blevins et al. 2023, arXiv 2211.07830): demonstrations are sentences with a label after
each word; a query's words are given one by one, each label is scored where it would stand, and the chosen (or
the gold) one is put there before the next word.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

# What is put after a query's word before the next word: what the model chose, or the gold label.
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
class PromptSentence:
    """A sentence of a treebank with the questions that a task asks of it, in the order of its words."""

    treebank: str
    language: str
    number: int  # its place in the split, from 0
    words: tuple[str, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True)
class LabelSet:
    """How a prompt calls the concepts: one string each, all different; ``kind``: as ``labels`` names it."""

    kind: str
    concepts: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class Prompt:
    """Demonstrations, ready to be put before queries.

    ``sentences`` are those that fitted; ``dropped`` how many did not (the model's context less what the
    longest query takes).
    """

    sentences: tuple[PromptSentence, ...]
    labels: LabelSet
    ids: tuple[int, ...]  # the tokens, the sentence-start token included where the model has one
    places: tuple[tuple[int, int], ...]  # (place of the token before the label, label) of every item
    dropped: int = 0


@dataclass(frozen=True, eq=False)
class LabelScores:
    """A query's items: the scores of every label, what was chosen, and the states it was chosen from.

    A score is the mean log-probability of the label's tokens; a state, by layer, that of the last token
    before the label.
    """

    scores: Float32[torch.Tensor, "items concepts"]
    predicted: Int64[np.ndarray, " items"]
    states: Mapping[int, Float[torch.Tensor, "items dim"]] = field(default_factory=dict)


class Scorer(Protocol):
    """A causal language model that scores labels in prompts."""

    name: str
    revision: str
    layers: int
    dim: int
    context_length: int  # tokens

    def prompt(self, sentences: Sequence[PromptSentence], labels: LabelSet, *, room: int) -> Prompt:
        """The demonstrations: as many of ``sentences``, in their order, as leave ``room`` tokens."""
        ...

    def room(self, query: PromptSentence, labels: LabelSet) -> int:
        """The tokens that ``query`` takes at most, whatever labels are put into it."""
        ...

    def score(
        self,
        prompt: Prompt,
        queries: Sequence[PromptSentence],
        *,
        feedback: Feedback = "predicted",
        layers: Sequence[int] = (),
    ) -> list[LabelScores]:
        """Scores of every query after ``prompt``; with ``layers``, the states they were read off too.

        Neither the order of queries, nor how they are batched, nor the order of labels changes a score.
        """
        ...


# What a choice depends on besides the candidates: of "nothing", one choice serves all queries and ``select``
# may be given None; of "language", all queries of a language; else the "query" itself.
LooksAt = Literal["nothing", "language", "query"]


class Selector(Protocol):
    """Chooses demonstrations for a query; for all queries of a language where it does not look at them.

    A selector may say what it ``looks_at`` (LooksAt; "nothing" where it does not say), and that it is not
    ``seeded``: then draws are all the same, and asked once. What its choices depend on besides sentences
    and their labels, it tells by ``made_from`` (anything that JSON holds): answers are kept with it.
    """

    name: str

    def select(
        self, query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, seed: int
    ) -> list[int]:
        """The places in ``candidates`` of ``k`` demonstrations, in the order they are to stand."""
        ...
