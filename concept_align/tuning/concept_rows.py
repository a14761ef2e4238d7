"""Labelled sentences for the concepts' loss, and the places of their words among the model's tokens.

Languages are drawn evenly, whatever the sizes of their treebanks. A sentence may be read twice
(:func:`concept_align.models.pieces.repeated`).
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray

from .. import ragged
from ..errors import LearningError, ModelError
from ..models.batches import WordIndex, word_index
from ..models.pieces import PieceCutter, repeated
from ..models.protocol import Pieces
from ..seeding import stream
from ..spaces.represent import START, Items, select_items
from ..treebanks.concepts import Task, labels, relabel
from ..treebanks.corpus import Corpus
from ..types import UNLABELLED, Pooling, Reading
from .parallel import normalised

LONGEST = 60  # words of a sentence


@dataclass(frozen=True)
class ConceptRow:
    """A labelled sentence: its place in a corpus, and that corpus's place among those sampled from."""

    corpus: int
    sentence: int


@dataclass(frozen=True, eq=False)
class ConceptBatch:
    """Sentences as the model reads them, and what is asked of their words."""

    ids: Int64[torch.Tensor, "sents length"]
    mask: Int64[torch.Tensor, "sents length"]
    index: WordIndex  # the tokens of each word, in the states seen as [sents * length, dim]
    words: Int64[torch.Tensor, " items"]  # the word of each item
    heads: Int64[
        torch.Tensor, " heads"
    ]  # [items] its head's word, -1 for the start token; [0] for word classes
    starts: Int64[torch.Tensor, " items"]  # where the start token of the item's sentence is
    y: Int64[torch.Tensor, " items"]  # index into the task's concepts
    languages: tuple[str, ...]  # [items]


class ConceptSampler:
    """Batches of labelled sentences; a function of the seed and the step alone.

    Args:
        corpora: of the languages that are trained on.
        task: what is asked of words, or of words and their heads.
        seed: of what is drawn.
        control: ``shuffled`` deals out the labels of a corpus anew, among its labelled words.
        without: normalised texts that are never trained on.
        longest: words of a sentence, at most.

    LearningError where no sentence has a label.
    """

    def __init__(
        self,
        corpora: Sequence[Corpus],
        task: Task,
        seed: int,
        *,
        control: str = "none",
        without: Collection[str] = (),
        longest: int = LONGEST,
    ) -> None:
        self.task, self.seed, self.left_out = task, seed, Counter[str]()
        self._corpora = [self._shuffled(one) if control == "shuffled" else one for one in corpora]
        self._eligible: dict[str, list[ConceptRow]] = {}
        for number, corpus in enumerate(self._corpora):
            lengths = ragged.lengths(corpus.offsets)
            items = select_items(corpus, task, root="start", mwt="share")
            fits = (ragged.lengths(items.offsets) > 0) & (lengths <= longest)
            rows = [ConceptRow(number, at) for at in np.flatnonzero(fits).tolist()]
            if without:
                rows = [row for row in rows if normalised(corpus.texts[row.sentence]) not in without]
            if rows:
                self._eligible.setdefault(corpus.source.language, []).extend(rows)
        if not self._eligible:
            what = f"no sentence of at most {longest} words has a label of {task.name}"
            raise LearningError(what, option="treebanks", remedy="name treebanks that are annotated")

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that are trained on."""
        return tuple(sorted(self._eligible))

    def _shuffled(self, corpus: Corpus) -> Corpus:
        codes = labels(corpus, self.task).copy()
        held = np.flatnonzero(codes != UNLABELLED)
        source = corpus.source
        rng = stream(self.seed, "tune", "labels", source.treebank, source.split)
        codes[held] = rng.permutation(codes[held])
        return relabel(corpus, self.task, codes)

    def rows(self, step: int, count: int) -> list[ConceptRow]:
        """The ``count`` sentences of ``step`` (from 0): as many of each language as of any other, but one."""
        rng = stream(self.seed, "tune", "concepts", step)
        order = [self.languages[at] for at in rng.permutation(len(self.languages)).tolist()]
        found = []
        for place, language in enumerate(order):
            own = self._eligible[language]
            share = len(range(place, count, len(order)))
            found += [own[at] for at in rng.choice(len(own), share, replace=share > len(own)).tolist()]
        return found

    def batch(
        self,
        rows: Sequence[ConceptRow],
        cutter: PieceCutter,
        *,
        pad: int,
        length: int,
        pooling: Pooling = "mean",
        read: Reading = "once",
    ) -> ConceptBatch:
        """``rows`` as tokens; sentences of more than ``length`` are left out, and counted in ``left_out``.

        So are those with a word that gets no token. The start token stands for the head of a root; without
        one roots are no items. LearningError where no sentence is left.
        """
        kept: list[tuple[ConceptRow, Pieces]] = []
        for row, found in zip(rows, self._cut(rows, cutter, read), strict=True):
            if isinstance(found, ModelError):
                self.left_out["a word without a token"] += 1
            elif len(found.ids) > length:
                self.left_out["too long"] += 1
            else:
                kept.append((row, found))
        if not kept:
            what = f"none of {len(rows)} sentences fits into {length} tokens"
            raise LearningError(
                what, option="length", remedy="let length be larger, or the sentences shorter"
            )
        pieces = [found for _, found in kept]
        most = max(len(found.ids) for found in pieces)
        ids = torch.full((len(kept), most), pad, dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for place, found in enumerate(pieces):
            ids[place, : len(found.ids)] = torch.from_numpy(found.ids.astype(np.int64))
            mask[place, : len(found.ids)] = 1
        parts: dict[str, list[NDArray[np.int64]]] = {"words": [], "heads": [], "starts": [], "y": []}
        languages: list[str] = []
        first = 0
        for place, (row, found) in enumerate(kept):
            own = self._items(row, roots=found.start >= 0)
            parts["words"].append(own.rows + first)
            parts["heads"].append(np.where(own.heads == START, START, own.heads + first))
            parts["starts"].append(np.full(len(own.rows), place * most + max(found.start, 0)))
            parts["y"].append(own.y)
            languages += [self._corpora[row.corpus].source.language] * len(own.rows)
            first += len(found.begin)
        of_items = {name: torch.from_numpy(np.concatenate(part)) for name, part in parts.items()}
        index = word_index(pieces, most, pooling)
        return ConceptBatch(ids, mask, index, languages=tuple(languages), **of_items)

    def _cut(
        self, rows: Sequence[ConceptRow], cutter: PieceCutter, read: Reading
    ) -> list[Pieces | ModelError]:
        texts, spans = [], []
        for row in rows:
            corpus = self._corpora[row.corpus]
            texts.append(corpus.texts[row.sentence])
            spans.append(corpus.spans[corpus.words_of(row.sentence)])
        return cutter.cut_many(*repeated(texts, spans, read))

    def _items(self, row: ConceptRow, *, roots: bool) -> Items:
        one = self._corpora[row.corpus].select([row.sentence])
        return select_items(one, self.task, root="start" if roots else "exclude", mwt="share")
