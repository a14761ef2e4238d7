"""What a text was classified as, word by word."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..spaces.metrics import accuracy, macro_f1
from ..treebanks.concepts import Task, labels
from ..treebanks.corpus import Corpus
from ..types import UNLABELLED


@dataclass(frozen=True)
class Agreement:
    """With the labels that the text had."""

    accuracy: float
    macro_f1: float
    words: int


@dataclass(frozen=True, eq=False)
class Classified:
    """Concepts of the words of ``corpus``; -1, and a row of NaN, for a word that could not be classified.

    That is a word of a sentence the model cannot read, or one that the aligner was not trained to be asked
    about (roots under ``--root exclude``, words of multiword tokens under ``--mwt first`` or ``skip``).
    """

    corpus: Corpus
    task: Task
    codes: NDArray[np.int64]  # [words] places in task.concepts
    scores: torch.Tensor  # float32 [words, concepts] log-probabilities; -inf where never predicted
    notes: tuple[str, ...]  # what a reader should know

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """[words] that of the label; NaN without one."""
        found = torch.full((self.corpus.words,), torch.nan, dtype=torch.float64)
        rows = torch.from_numpy(np.flatnonzero(self.codes >= 0))
        found[rows] = self.scores[rows].double().exp().max(dim=1).values if len(rows) else found[rows]
        return found.numpy()

    def names(self) -> list[str | None]:
        """The label of each word, one sentence after the other."""
        concepts = self.task.concepts
        return [concepts[code] if code >= 0 else None for code in self.codes.tolist()]

    def labels(self) -> list[list[str | None]]:
        """The labels, sentence by sentence."""
        names = self.names()
        return [names[self.corpus.words_of(place)] for place in range(self.corpus.sents)]

    def agreement(self) -> Agreement | None:
        """How many of the labels that the text had were found again; None if it had none.

        Over the words that were classified, as ``evaluate`` counts.
        """
        gold = labels(self.corpus, self.task).astype(np.int64)
        counted = (gold != UNLABELLED) & (self.codes >= 0)
        if not counted.any():
            return None
        pair = self.codes[counted], gold[counted]
        return Agreement(accuracy(*pair), macro_f1(*pair, len(self.task.concepts)), int(counted.sum()))
