"""The words of this room: sentences with questions about their words, prompts, scores of labels.

Structured prompting (Blevins et al. 2023, arXiv 2211.07830): demonstrations are sentences with a label after
each word; a query's words are given one by one, each label is scored where it would stand, and the chosen (or
the gold) one is put there before the next word.

Which words are asked about is decided where representations decide it (``select_items`` of :mod:`..spaces`),
so that the items of a prompt are those of the features of the same corpus, in the same order.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

from .. import hashing
from ..progress import Progress
from ..spaces.represent import START, select_items
from ..treebanks import conllu
from ..treebanks.concepts import Task, closed_columns
from ..treebanks.corpus import Corpus
from ..treebanks.discover import TreebankFile
from ..types import MwtPolicy, RootPolicy
from .wording import LabelSet

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


def tagged_sentences(
    corpus: Corpus,
    task: Task,
    *,
    limit: int | None = None,
    longest: int | None = None,
    root: RootPolicy = "start",
    mwt: MwtPolicy = "share",
) -> list[PromptSentence]:
    """The first ``limit`` sentences of at most ``longest`` words in which ``task`` asks anything.

    Words are UD syntactic words, as they are written in the FORM column. A relation is asked of the
    dependent with its gold head; under ``root="exclude"`` nothing is asked of roots.
    """
    items = select_items(corpus, task, root=root, mwt=mwt)
    lengths, asked = np.diff(corpus.offsets), np.diff(items.offsets)
    fits = (asked > 0) & (lengths <= (longest if longest is not None else lengths.max(initial=0)))
    found = []
    for number in np.flatnonzero(fits)[:limit].tolist():
        words, own = corpus.words_of(number), slice(items.offsets[number], items.offsets[number + 1])
        places = items.rows[own] - words.start
        heads = np.full_like(places, NO_HEAD)
        if task.relational:
            heads = np.where(items.heads[own] == START, ROOT, items.heads[own] - words.start)
        asked_of = tuple(map(Item, places.tolist(), heads.tolist(), items.y[own].tolist()))
        source, forms = corpus.source, tuple(corpus.forms[words])
        found.append(PromptSentence(source.treebank, source.language, number, forms, asked_of))
    return found


def labelled_corpus(file: TreebankFile, task: Task, progress: Progress | None = None) -> Corpus:
    """The sentences of ``file``, with labels that ``task`` can ask for. TreebankError where it has none."""
    corpus = conllu.read(
        file.path,
        language=file.language,
        treebank=file.treebank,
        split=file.split,
        strict=closed_columns([task.name]),
        progress=progress,
    )
    corpus.refuse_withheld()
    return corpus


def digest_of(sentences: Sequence[PromptSentence]) -> str:
    """A hash of their words and labels."""
    return hashing.digest(
        [(one.words, [(item.word, item.head, item.label) for item in one.items]) for one in sentences]
    )


def in_turn(parts: Iterable[Sequence[PromptSentence]], most: int) -> list[PromptSentence]:
    """The first ``most``, one of each part after the other as long as they last."""
    return [one for turn in zip_longest(*parts) for one in turn if one is not None][:most]


@dataclass(frozen=True)
class Prompt:
    """Demonstrations, ready to be put before queries.

    ``sentences`` are those that fitted; ``dropped`` how many did not (the model's context less what the
    longest query takes).
    """

    sentences: tuple[PromptSentence, ...]
    labels: LabelSet
    ids: tuple[int, ...]  # the tokens, the sentence-start token included where the model has one
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
