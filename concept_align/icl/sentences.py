"""A treebank's sentences with the questions of a task, for prompts.

Which words are asked about is decided where representations decide it (``select_items`` of :mod:`..spaces`),
so that the items of a prompt are those of the features of the same corpus, in the same order.
"""

import numpy as np

from ..spaces.represent import START, select_items
from ..treebanks.concepts import Task
from ..treebanks.corpus import Corpus
from ..types import MwtPolicy, RootPolicy
from .base import NO_HEAD, ROOT, Item, PromptSentence


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
        first = words.start
        heads = items.heads[own].tolist() if task.relational else [None] * int(asked[number])
        found.append(
            PromptSentence(
                treebank=corpus.source.treebank,
                language=corpus.source.language,
                number=number,
                words=tuple(corpus.forms[words]),
                items=tuple(
                    Item(word=row - first, head=_head(head, first), label=label)
                    for row, head, label in zip(
                        items.rows[own].tolist(), heads, items.y[own].tolist(), strict=True
                    )
                ),
            )
        )
    return found


def _head(row: int | None, first: int) -> int:
    if row is None:
        return NO_HEAD
    return ROOT if row == START else row - first
