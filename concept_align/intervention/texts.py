"""What a model reads while its states are changed: sentences of one language as tokens, with their labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Int64
from numpy.typing import ArrayLike, NDArray

from .. import ragged
from ..errors import ModelError, TreebankError
from ..models.frozen import FrozenModel
from ..models.pieces import repeated
from ..models.protocol import Pieces
from ..seeding import stream
from ..treebanks.annotations import Annotations
from ..treebanks.concepts import Task, labels
from ..treebanks.corpus import Corpus
from ..types import UNLABELLED, Reading

NO_CONCEPT = ""  # the column of tokens that belong to no labelled word
# Where states are changed: at all tokens, at those of words, or at those of words of these concepts.
Where = Literal["all", "words"] | tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ReadRows:
    """Rows of tokens that are read, each of some sentence; the same tokens may be read by several read-outs.

    ``classes`` holds the concept of every word of each row, -1 for none.
    """

    pieces: tuple[Pieces, ...]
    sentence: Int64[np.ndarray, " rows"]
    classes: tuple[NDArray[np.integer], ...]

    def __len__(self) -> int:
        return len(self.pieces)

    @cached_property
    def lengths(self) -> Int64[np.ndarray, " rows"]:
        """How many tokens each row has."""
        return np.array([len(own.ids) for own in self.pieces], np.int64)

    def positions(
        self, places: NDArray[np.int64], length: int, where: Where
    ) -> Bool[torch.Tensor, "rows length"] | None:
        """Which tokens of the rows ``places``, padded to ``length``, are meant by ``where``; None: all."""
        if where == "all":
            return None
        found = torch.zeros(len(places), length, dtype=torch.bool)
        for row, place in enumerate(places.tolist()):
            own, classes = self.pieces[place], self.classes[place]
            chosen = np.ones(len(classes), bool) if where == "words" else np.isin(classes, where)
            for begin, end in zip(own.begin[chosen].tolist(), own.end[chosen].tolist(), strict=True):
                found[row, begin:end] = True
        return found


@dataclass(frozen=True, eq=False)
class TargetText:
    """Sentences of one language as a model reads them, with the labels of a task."""

    language: str
    ids: tuple[str, ...]  # the sentences' names
    pieces: tuple[Pieces, ...]
    special: tuple[NDArray[np.bool_], ...]  # of each sentence's tokens: those that stand for no text
    annotations: Annotations
    task: Task
    read: Reading = "once"
    left_out: int = 0  # sentences that the model cannot read

    @property
    def sents(self) -> int:
        return len(self.pieces)

    @cached_property
    def rows(self) -> ReadRows:
        """Every sentence once."""
        codes = labels(self.annotations, self.task)
        classes = tuple(codes[self.annotations.words_of(place)] for place in range(self.sents))
        return ReadRows(self.pieces, np.arange(self.sents, dtype=np.int64), classes)

    @property
    def columns(self) -> tuple[str, ...]:
        """Of numbers by concept where every token counts: the task's, then NO_CONCEPT."""
        return (*self.task.concepts, NO_CONCEPT)

    def of_tokens(self, place: int) -> NDArray[np.int64]:
        """[tokens] the column of each token of sentence ``place``: that of the first word it belongs to."""
        own, classes = self.pieces[place], self.rows.classes[place]
        found = np.full(len(own.ids), len(self.task.concepts), np.int64)
        for begin, end, code in zip(own.begin[::-1], own.end[::-1], classes[::-1], strict=True):
            found[begin:end] = len(self.task.concepts) if code == UNLABELLED else code
        return found


def target_text(
    model: FrozenModel,
    corpus: Corpus,
    task: Task,
    *,
    most: int = 100,
    longest: int = 40,
    seed: int = 0,
    read: Reading = "once",
) -> TargetText:
    """At most ``most`` sentences of ``corpus``, of at most ``longest`` words, drawn by ``seed``.

    Sentences that the model cannot read (a word without tokens, more tokens than it takes) are left out and
    counted. Raises TreebankError where none is left.
    """
    corpus.refuse_withheld()
    short = np.flatnonzero(np.diff(corpus.offsets) <= longest)
    order = stream(seed, "target sentences", corpus.source.treebank, corpus.source.split).permutation(short)
    kept: dict[int, Pieces] = {}
    left_out = 0
    for place in order.tolist():
        if len(kept) == most:
            break
        texts, spans = repeated([corpus.texts[place]], [corpus.spans[corpus.words_of(place)]], read)
        (found,) = model.cutter.cut_many(texts, spans)
        if isinstance(found, ModelError) or len(found.ids) > model.max_pieces:
            left_out += 1
        else:
            kept[place] = found
    if not kept:
        what = f"no sentence of at most {longest} words that {model.name} can read"
        remedy = "allow longer sentences with max_words"
        raise TreebankError(what, where=corpus.source.path, remedy=remedy)
    places = sorted(kept)
    texts, _ = repeated(
        [corpus.texts[place] for place in places], [np.zeros((0, 2), int)] * len(places), read
    )
    special = model.cutter.with_special(texts)
    return TargetText(
        language=corpus.source.language,
        ids=tuple(corpus.sent_ids[place] for place in places),
        pieces=tuple(kept[place] for place in places),
        special=tuple(np.array(mask, bool) for _, mask in special),
        annotations=corpus.select(places),
        task=task,
        read=read,
        left_out=left_out,
    )


def padded(
    rows: ReadRows, places: NDArray[np.int64], pad: int
) -> tuple[Int64[torch.Tensor, "rows length"], Int64[torch.Tensor, "rows length"]]:
    """Token ids and attention mask of the rows ``places``, padded on the right."""
    length = int(rows.lengths[places].max())
    ids, mask = np.full((len(places), length), pad, np.int64), np.zeros((len(places), length), np.int64)
    for row, place in enumerate(places.tolist()):
        own = rows.pieces[place].ids
        ids[row, : len(own)], mask[row, : len(own)] = own, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


def sums_by_row(
    row: NDArray[np.int64], column: NDArray[np.int64], values: ArrayLike, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """``values`` summed by (row, column)."""
    weights = np.asarray(values, np.float64)
    flat = np.bincount(row * shape[1] + column, weights=weights, minlength=shape[0] * shape[1])
    return flat.astype(np.float64).reshape(shape)


def rows_of(lengths: Sequence[int]) -> NDArray[np.int64]:
    """[sum of lengths] the row of each of so many things."""
    return ragged.sentence_of(ragged.offsets_of(list(lengths)))
