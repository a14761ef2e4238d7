"""From states of words to representations of a task's items.

A word class (or a feature) is asked of a word: x_i = h_i. A relation is asked of a word and its gold head:
x_i = h_head - h_i; the head of a root is the sentence-start state, or roots are left out. Which words are
items is decided by the annotations alone, so padding, other sentences and unlabelled words are never read.
Representations of word classes and of relations follow Xu et al. 2023 (arXiv 2310.12794), section 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import TreebankError, UsageError
from ..store.shards import States
from ..treebanks.concepts import Task, labels
from ..treebanks.corpus import Annotations
from ..types import UNLABELLED, MwtPolicy, RootPolicy
from .beside import beside_items
from .standardise import Standardiser

START = -1  # in Items.heads: the sentence-start state stands for the head
CHUNK = 8192  # items gathered at once: bounds the temporary copies of wide states


@dataclass(frozen=True, eq=False)
class Items:
    """Which words a task is asked of, and what it is answered by."""

    rows: NDArray[np.int64]  # [items]: the word
    heads: NDArray[np.int64]  # [items]: the row of its head, START for the sentence-start; [0] where unused
    sentences: NDArray[np.int64]  # [items]
    y: NDArray[np.int64]  # [items], index into the task's concepts
    offsets: NDArray[np.int64]  # [sents + 1]: items of sentence i are offsets[i]:offsets[i + 1]


@dataclass(frozen=True, eq=False)
class Represented:
    """The items of some sentences; every sentence keeps its place, also one without items."""

    x: torch.Tensor  # float32 [items, dim]
    y: torch.Tensor  # int64 [items]
    offsets: NDArray[np.int64]  # [sents + 1]


def select_items(annotations: Annotations, task: Task, *, root: RootPolicy, mwt: MwtPolicy) -> Items:
    """The items of ``annotations`` under the root and multiword-token policies.

    ``share`` keeps every word of a multiword token, ``first`` its first word alone, ``skip`` none; a
    relation whose head is left out is left out too. Raises TreebankError for a head outside its sentence.
    """
    codes = labels(annotations, task)
    sentences = np.repeat(np.arange(annotations.sents, dtype=np.int64), np.diff(annotations.offsets))
    kept = _kept_words(annotations.ranges, mwt)
    keep = kept & (codes != UNLABELLED)
    heads = np.zeros(0, np.int64)
    if task.relational:
        numbers = annotations.heads.astype(np.int64)
        first = annotations.offsets[sentences]
        if (wrong := numbers > np.diff(annotations.offsets)[sentences]).any():
            word = int(np.flatnonzero(wrong)[0])
            raise TreebankError(
                f"word {word - first[word] + 1} has head {numbers[word]}, past the end of its sentence",
                where=f"sentence {sentences[word]} (from 0)",
                remedy="mend the HEAD column, or extract this treebank again",
            )
        heads = np.where(numbers > 0, first + numbers - 1, START)
        head_kept = kept[np.maximum(heads, 0)]  # START reads word 0 here, and is decided on the next line
        keep &= np.where(numbers > 0, head_kept, (numbers == 0) & (root == "start"))
    rows = np.flatnonzero(keep).astype(np.int64)
    counts = np.bincount(sentences[rows], minlength=annotations.sents)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Items(
        rows,
        heads[rows] if task.relational else heads,
        sentences[rows],
        codes[rows].astype(np.int64),
        offsets,
    )


def _kept_words(ranges: NDArray[np.int16], mwt: MwtPolicy) -> NDArray[np.bool_]:
    if mwt == "share":
        return np.ones(len(ranges), dtype=bool)
    if mwt == "first":
        return ranges <= 1
    if mwt == "skip":
        return ranges == 0
    raise UsageError(f"unknown multiword-token policy {mwt!r}", remedy="use share, first or skip")


def represent(
    words: torch.Tensor,
    start: torch.Tensor | None,
    annotations: Annotations,
    task: Task,
    *,
    root: RootPolicy,
    mwt: MwtPolicy,
) -> Represented:
    """Represent the items of ``annotations`` by ``words`` [words, dim] and ``start`` [sents, dim].

    States may have any float dtype and be memory-mapped; the arithmetic is float32. Works for a whole split
    and, with ``annotations.select(...)``, for one batch of it at a time. Raises UsageError when roots need a
    sentence-start state and there is none.
    """
    if root not in ("start", "exclude"):
        raise UsageError(f"unknown root policy {root!r}", remedy="use start or exclude")
    if len(words) != annotations.words:
        raise UsageError(
            f"{len(words)} states for {annotations.words} words",
            remedy="give the states and the annotations of the same sentences",
        )
    if task.relational and root == "start" and start is None:
        raise UsageError(
            "the model has no sentence-start piece to stand for the head of roots",
            remedy="let root be exclude",
        )
    items = select_items(annotations, task, root=root, mwt=mwt)
    return Represented(_gather(words, start, items, task), torch.from_numpy(items.y), items.offsets)


def represent_layers(
    layers: Sequence[States],
    annotations: Annotations,
    task: Task,
    *,
    root: RootPolicy,
    mwt: MwtPolicy,
    standardiser: Standardiser | None,
    beside: Sequence[int] = (),
) -> Represented:
    """The items as :func:`represent` gives them, of several layers side by side, standardised.

    ``beside`` are places in ``layers``: those layers' states of what stands beside an item
    (:mod:`.beside`) come after.
    """
    parts = [
        represent(states.words, states.start, annotations, task, root=root, mwt=mwt) for states in layers
    ]
    x = parts[0].x if len(parts) == 1 else torch.cat([part.x for part in parts], dim=1)
    if standardiser is not None:
        # In place: x is ours alone and may be gigabytes. Of a difference, the mean is gone already.
        x = x if task.relational else x.sub_(standardiser.mean)
        x.div_(standardiser.scale)
    if beside:
        rows = select_items(annotations, task, root=root, mwt=mwt).rows
        further = []
        for place in beside:
            words = layers[place].words
            dims = slice(place * words.shape[1], (place + 1) * words.shape[1])
            mean = None if standardiser is None else standardiser.mean[dims]
            scale = None if standardiser is None else standardiser.scale[dims]
            further.append(beside_items(words, annotations, rows, task, mean=mean, scale=scale))
        x = torch.cat([x, *further], dim=1)
    return Represented(x, parts[0].y, parts[0].offsets)


def _gather(words: torch.Tensor, start: torch.Tensor | None, items: Items, task: Task) -> torch.Tensor:
    x = torch.empty(len(items.rows), words.shape[1], dtype=torch.float32)
    rows, heads = torch.from_numpy(items.rows), torch.from_numpy(items.heads)
    sentences = torch.from_numpy(items.sentences)
    for begin in range(0, len(rows), CHUNK):
        piece = slice(begin, begin + CHUNK)
        state = words[rows[piece]].float()
        if not task.relational:
            x[piece] = state
            continue
        # START reads row 0, overwritten at once: a -1 would silently be the last word of another sentence.
        head = words[heads[piece].clamp(min=0)].float()
        at_start = torch.nonzero(heads[piece] == START)[:, 0]
        if len(at_start) and start is not None:
            head[at_start] = start[sentences[piece][at_start]].float()
        torch.sub(head, state, out=x[piece])
    return x
