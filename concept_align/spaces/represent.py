"""From states of words to representations of a task's items.

A word class (or a feature) is asked of a word: x_i = h_i. A relation is asked of a word and its gold head:
x_i = h_head - h_i; the head of a root is the sentence-start state, or roots are left out. Which words are
items is decided by the annotations alone, so padding, other sentences and unlabelled words are never read.
Representations of word classes and of relations follow Xu et al. 2023 (arXiv 2310.12794), section 3.

Context may be put next to them: the states around a word, or the dependent of a relation. A decoder's state
of a word has not seen what follows; the state of the next word has. And a difference of head and dependent is
the same for all pairs of words that lie equally far apart; the dependent tells them apart.

    word class    x_i = [h_i; h_(i-1); h_(i+1)]        0, the mean, past either end of the sentence
    relation      x_i = [h_head - h_i; h_i]
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32, Int64
from numpy.typing import NDArray

from .. import ragged
from ..errors import TreebankError, UsageError
from ..store.shards import States
from ..treebanks.concepts import Task, labels
from ..treebanks.corpus import Annotations
from ..types import UNLABELLED, MwtPolicy, RootPolicy
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
class RepresentedItems:
    """The items of some sentences; every sentence keeps its place, also one without items."""

    x: Float32[torch.Tensor, "items dim"]
    y: Int64[torch.Tensor, " items"]
    offsets: NDArray[np.int64]  # [sents + 1]


def select_items(annotations: Annotations, task: Task, *, root: RootPolicy, mwt: MwtPolicy) -> Items:
    """The items of ``annotations`` under the root and multiword-token policies.

    ``share`` keeps every word of a multiword token, ``first`` its first word alone, ``skip`` none; a
    relation whose head is left out is left out too. Raises TreebankError for a head outside its sentence.
    """
    codes = labels(annotations, task)
    sentences = ragged.sentence_of(annotations.offsets)
    kept = _kept_words(annotations.ranges, mwt)
    keep = kept & (codes != UNLABELLED)
    heads = np.zeros(0, np.int64)
    if task.relational:
        numbers = annotations.heads.astype(np.int64)
        first = annotations.offsets[sentences]
        if (wrong := numbers > ragged.lengths(annotations.offsets)[sentences]).any():
            word = int(np.flatnonzero(wrong)[0])
            what = f"word {word - first[word] + 1} has head {numbers[word]}, past the end of its sentence"
            remedy = "mend the HEAD column, or extract this treebank again"
            raise TreebankError(what, where=f"sentence {sentences[word]} (from 0)", remedy=remedy)
        heads = np.where(numbers > 0, first + numbers - 1, START)
        head_kept = kept[np.maximum(heads, 0)]  # START reads word 0 here, and is decided on the next line
        keep &= np.where(numbers > 0, head_kept, (numbers == 0) & (root == "start"))
    rows = np.flatnonzero(keep).astype(np.int64)
    offsets = ragged.offsets_of(np.bincount(sentences[rows], minlength=annotations.sents))
    heads = heads[rows] if task.relational else heads
    return Items(rows, heads, sentences[rows], codes[rows].astype(np.int64), offsets)


def _kept_words(ranges: NDArray[np.int16], mwt: MwtPolicy) -> NDArray[np.bool_]:
    most = {"share": np.iinfo(ranges.dtype).max, "first": 1, "skip": 0}
    if mwt not in most:
        raise UsageError(f"unknown multiword-token policy {mwt!r}", remedy="use share, first or skip")
    return ranges <= most[mwt]


def context_parts(task: Task) -> int:
    """How many states of each context layer are put next to an item of ``task``."""
    return 1 if task.relational else 2


def represent(
    layers: Sequence[States],
    annotations: Annotations,
    task: Task,
    *,
    root: RootPolicy,
    mwt: MwtPolicy,
    standardiser: Standardiser | None = None,
    context: Sequence[int] = (),
) -> RepresentedItems:
    """The items of ``annotations``, of several layers side by side, standardised where that is asked for.

    ``context`` are places in ``layers``: those layers' states of the context come after, standardised too.
    States may have any float dtype and be memory-mapped; the arithmetic is float32. Works for a whole split
    and, with ``annotations.select(...)``, for one batch of it at a time. Raises UsageError when roots need a
    sentence-start state and there is none.
    """
    if root not in ("start", "exclude"):
        raise UsageError(f"unknown root policy {root!r}", option="root", remedy="use start or exclude")
    for states in layers:
        if len(states.words) != annotations.words:
            raise UsageError(
                f"{len(states.words)} states for {annotations.words} words",
                remedy="give the states and the annotations of the same sentences",
            )
        if task.relational and root == "start" and states.start is None:
            what = "the model has no sentence-start token to stand for the head of roots"
            raise UsageError(what, option="root", remedy="let root be exclude")
    items = select_items(annotations, task, root=root, mwt=mwt)
    parts = [_gather(states, items, task) for states in layers]
    x = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
    del parts
    if standardiser is not None:
        # In place: x is ours alone and may be gigabytes. Of a difference, the mean is gone already.
        x = x if task.relational else x.sub_(standardiser.mean)
        x.div_(standardiser.scale)
    if context:
        rows = [items.rows] if task.relational else _around(annotations, items.rows)
        further = [_context(layers, place, of, standardiser) for place in context for of in rows]
        x = torch.cat([x, *further], dim=1)
    return RepresentedItems(x, torch.from_numpy(items.y), items.offsets)


def _gather(states: States, items: Items, task: Task) -> torch.Tensor:
    words, start = states.words, states.start
    x = torch.empty(len(items.rows), words.shape[1], dtype=torch.float32)
    rows, heads = torch.from_numpy(items.rows), torch.from_numpy(items.heads)
    sentences = torch.from_numpy(items.sentences)
    for begin in range(0, len(rows), CHUNK):
        chunk = slice(begin, begin + CHUNK)
        state = words[rows[chunk]].float()
        if not task.relational:
            x[chunk] = state
            continue
        # START reads row 0, overwritten at once: a -1 would silently be the last word of another sentence.
        head = words[heads[chunk].clamp(min=0)].float()
        at_start = torch.nonzero(heads[chunk] == START)[:, 0]
        if len(at_start) and start is not None:
            head[at_start] = start[sentences[chunk][at_start]].float()
        torch.sub(head, state, out=x[chunk])
    return x


def _around(annotations: Annotations, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of the words before and after; -1 past an end of the sentence."""
    sentence = ragged.sentence_of(annotations.offsets)[rows]
    first, last = annotations.offsets[sentence], annotations.offsets[sentence + 1] - 1
    return [np.where(rows > first, rows - 1, -1), np.where(rows < last, rows + 1, -1)]


def _context(
    layers: Sequence[States], place: int, rows: NDArray[np.int64], standardiser: Standardiser | None
) -> torch.Tensor:
    """float32 [items, dim] standardised states of the layer at ``place`` at ``rows``; 0 where a row is -1."""
    words = layers[place].words
    dims = slice(place * words.shape[1], (place + 1) * words.shape[1])
    x, at = torch.empty(len(rows), words.shape[1], dtype=torch.float32), torch.from_numpy(rows)
    for begin in range(0, len(rows), CHUNK):
        chunk = slice(begin, begin + CHUNK)
        state = words[at[chunk].clamp(min=0)].float()
        if standardiser is not None:
            state = state.sub_(standardiser.mean[dims]).div_(standardiser.scale[dims])
        state[at[chunk] < 0] = 0
        x[chunk] = state
    return x
