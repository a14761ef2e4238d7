"""What a text was classified as, word by word, and CoNLL-U with it filled in."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64

from ..spaces.metrics import accuracy, macro_f1
from ..treebanks.concepts import FIELDS, Task, labels, with_label
from ..treebanks.corpus import Corpus
from ..treebanks.reader import plus_columns
from ..types import UNLABELLED
from .text import BOM


@dataclass(frozen=True)
class Agreement:
    """With the labels that the text had."""

    accuracy: float
    macro_f1: float
    words: int


@dataclass(frozen=True, eq=False)
class Classification:
    """Concepts of the words of ``corpus``; -1, and a row of NaN, for a word that could not be classified.

    That is a word of a sentence the model cannot read, or one that the aligner was not trained to be asked
    about (roots under ``root="exclude"``, words of multiword tokens under ``mwt="first"`` or ``"skip"``).
    """

    corpus: Corpus
    task: Task
    codes: Int64[np.ndarray, " words"]  # places in task.concepts
    scores: Float[torch.Tensor, "words concepts"]  # log-probabilities; -inf where never predicted
    notes: tuple[str, ...]  # what a reader should know
    written: bytes | None = None  # the CoNLL-U that the corpus was read from, as it stood

    @property
    def probabilities(self) -> Float64[np.ndarray, " words"]:
        """That of each word's label; NaN without one."""
        found = np.full(self.corpus.words, np.nan)
        rows = np.flatnonzero(self.codes >= 0)
        if len(rows):
            found[rows] = self.scores[torch.from_numpy(rows)].double().exp().max(dim=1).values.numpy()
        return found

    def names(self) -> list[str | None]:
        """The label of each word, one sentence after the other."""
        concepts = self.task.concepts
        return [concepts[code] if code >= 0 else None for code in self.codes.tolist()]

    def labels(self) -> list[list[str | None]]:
        """The labels, sentence by sentence."""
        names = self.names()
        return [names[self.corpus.words_of(place)] for place in range(self.corpus.sents)]

    def agreement(self) -> Agreement | None:
        """How many of the labels that the text had are predicted; None if it had none.

        Over the words that were classified, as ``evaluate`` counts.
        """
        gold = labels(self.corpus, self.task).astype(np.int64)
        counted = (gold != UNLABELLED) & (self.codes >= 0)
        if not counted.any():
            return None
        pair = self.codes[counted], gold[counted]
        return Agreement(accuracy(*pair), macro_f1(*pair, len(self.task.concepts)), int(counted.sum()))

    def conllu(self) -> Iterator[str]:
        """Lines of CoNLL-U with the labels filled in, and their probabilities in MISC (``Prob=0.93``).

        Of a CoNLL-U file everything else stays as it was, to the byte: line ends, comments, multiword tokens,
        empty nodes, other columns. A word that could not be classified gets ``_`` and no ``Prob``.
        """
        words = zip(self.names(), self.probabilities.tolist(), strict=True)

        def labelled(row: list[str]) -> None:
            label, probability = next(words)
            with_label(row, self.task.name, label)
            with_label(row, "column:MISC:Prob", None if label is None else f"{probability:.2f}")

        if self.written is not None:
            yield from filled(self.written, labelled)
            return
        for place in range(self.corpus.sents):
            for row in self.corpus.rows(place):
                if row[0].isdecimal():  # not a comment, a multiword token or an empty node
                    labelled(row)
                yield "\t".join(row) + "\n"
            yield "\n"


def columns_of(conllu: bytes) -> Sequence[int | None]:
    """Where each of the ten columns stands in a line of ``conllu``; None: nowhere."""
    plus = plus_columns(conllu.removeprefix(BOM))
    return range(len(FIELDS)) if plus is None else plus[:-1]


def filled(conllu: bytes, change: Callable[[list[str]], None]) -> Iterator[str]:
    """The lines of ``conllu``, which has been read, where ``change`` was called on the columns of each word.

    Nothing else is touched: neither byte order mark nor line ends nor the further columns of CoNLL-U Plus.
    """
    places = columns_of(conllu)
    for line in io.BytesIO(conllu):  # which ends lines at line feeds alone
        cells = line.decode().split("\t")
        ident = None if len(cells) == 1 else cells[places[0] or 0].removeprefix("\ufeff")
        if line.startswith((b"#", BOM + b"#")) or not (ident or "").isdecimal():
            yield "\t".join(cells)
            continue
        own = cells[-1].rstrip("\n")
        cells[-1] = own.removesuffix("\r")
        end = line.decode()[len("\t".join(cells)) :]
        row = ["_" if at is None else cells[at] for at in places]
        change(row)
        for at, cell in zip(places, row, strict=True):
            if at is not None:
                cells[at] = cell
        yield "\t".join(cells) + end
