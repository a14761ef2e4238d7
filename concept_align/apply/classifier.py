"""What :meth:`TextAligner.adapt` gives: labels of the words of one language."""

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from ..extraction.states import InMemoryStates
from ..meta.learners.base import Classifier
from ..spaces.represent import select_items
from ..spaces.standardise import Standardiser
from ..treebanks.corpus import Corpus
from .classified import Classified
from .text import Text, asked, read, require_heads, undivided

if TYPE_CHECKING:
    from .aligner import TextAligner


class TextClassifier:
    """Concepts of the words of one language. Made by :meth:`TextAligner.adapt`."""

    def __init__(
        self,
        aligner: "TextAligner",
        support: InMemoryStates | None,
        unlabelled: InMemoryStates | None,
        valid: torch.Tensor | None,
        seed: int,
    ) -> None:
        self.aligner, self._support, self._unlabelled = aligner, support, unlabelled
        self._valid, self._seed = valid, seed
        self._kept: tuple[Classifier, Standardiser | None, list[str]] | None = None
        by_text = aligner.trained.features.standardise == "language" or aligner.aligner.transductive
        if unlabelled is not None or not by_text:
            self._kept = self._adapted(None)

    def classify(self, text: Text) -> Classified:
        """Every word of ``text`` with its concept: a file, sentences, or sentences in words."""
        task, corpus = self.aligner.task, read(text)
        if task.relational:
            require_heads(corpus)
        held = self.aligner.states(corpus, "text")
        classifier, standardiser, notes = self._kept or self._adapted(held)
        annotations, how = asked(held.annotations, task), self.aligner.trained.features
        rows = _places(held, select_items(annotations, task, root=how.root, mwt=how.mwt).rows)
        codes = np.full(corpus.words, -1, np.int64)
        scores = torch.full((corpus.words, len(task.concepts)), torch.nan)
        found = classifier.scores(self.aligner.features(held, annotations, standardiser).x)
        codes[rows], scores[torch.from_numpy(rows)] = found.argmax(1).numpy(), found
        return Classified(corpus, task, codes, scores, (*notes, *_said(held, corpus)))

    def predict(self, text: Text) -> list[list[str | None]]:
        """The label of every word, sentence by sentence; None where there can be none. Notes are warnings."""
        return self._warned(text).labels()

    def predict_proba(self, text: Text) -> list[NDArray[np.float32]]:
        """float32 [words, concepts] of each sentence: probabilities, in the order of ``concepts``."""
        found = self._warned(text)
        whole = found.scores.exp().numpy()
        return [whole[found.corpus.words_of(place)] for place in range(found.corpus.sents)]

    def _warned(self, text: Text) -> Classified:
        found = self.classify(text)
        for note in found.notes:
            warnings.warn(note, UserWarning, stacklevel=3)
        return found

    def _adapted(self, text: InMemoryStates | None) -> tuple[Classifier, Standardiser | None, list[str]]:
        """The aligner adapted, with mean and scale, from unlabelled text, else from support and ``text``."""
        given = [self._unlabelled] if self._unlabelled is not None else [self._support, text]
        sources = [held for held in given if held is not None]
        standardiser, notes = self.aligner.standardiser(*sources)
        support = unlabelled = None
        if self._support is not None:
            support = self.aligner.features(self._support, self._support.annotations, standardiser)
        if self.aligner.aligner.transductive:
            seen = [
                self.aligner.features(held, asked(held.annotations, self.aligner.task), standardiser).x
                for held in sources
            ]
            unlabelled = torch.cat(seen) if sum(map(len, seen)) else None
        classifier = self.aligner.aligner.adapt(
            support, unlabelled=unlabelled, valid=self._valid, seed=self._seed
        )
        return classifier, standardiser, notes


def _places(held: InMemoryStates, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Words of the kept sentences -> words of the corpus."""
    offsets, own = held.corpus.offsets[held.kept], held.annotations.offsets
    return rows + np.repeat(offsets - own[:-1], np.diff(own))[rows]


def _said(held: InMemoryStates, corpus: Corpus) -> list[str]:
    notes = [
        f"sentences without labels, {reason}: {number} (the first is {held.examples[reason]})"
        for reason, number in held.left_out.items()
    ]
    if long := undivided(corpus):
        notes.append(
            f"words that look undivided, in a script without spaces: {long} (give the text in words)"
        )
    return notes
