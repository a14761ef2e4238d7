"""One split of a treebank as columns; a sentence is a slice.

Words are UD syntactic words. Multiword tokens (range lines) and empty nodes (decimal ids) are not words:
a range leaves its mark in ``ranges`` and lends its surface span to its words, empty nodes are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError, place
from ..types import Split


@dataclass(frozen=True)
class Source:
    """Where a corpus comes from, as far as it decides an answer."""

    treebank: str  # "UD_English-EWT"
    language: str  # "en"
    split: Split
    path: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Annotations:
    """The labels of ``words`` words in ``sents`` sentences, as codes; all that is needed beside states.

    ``upos`` and ``relations`` index :data:`~concept_align.treebanks.concepts.UPOS` and
    :data:`~concept_align.treebanks.concepts.RELATIONS`; ``subtypes`` and ``feats`` index the name tuples
    kept here (0 is always the empty string: none). -1 means not annotated (``_``).
    ``heads`` counts words from 1 within the sentence, 0 is the root, -1 not annotated.
    ``ranges`` is a word's place in its multiword token: 0 in none, 1 first, 2 second, ...
    """

    offsets: NDArray[np.int64]  # [sents + 1]: sentence i is words offsets[i]:offsets[i + 1]
    upos: NDArray[np.int8]  # [words]
    relations: NDArray[np.int8]  # [words]
    subtypes: NDArray[np.int16]  # [words]
    heads: NDArray[np.int32]  # [words]
    feats: NDArray[np.int32]  # [words]
    ranges: NDArray[np.int16]  # [words]
    subtype_names: tuple[str, ...]
    feats_names: tuple[str, ...]  # whole FEATS strings, "Case=Nom|Number=Sing"

    @property
    def words(self) -> int:
        return int(self.offsets[-1])

    @property
    def sents(self) -> int:
        return len(self.offsets) - 1

    def words_of(self, sentence: int) -> slice:
        """Which words are those of ``sentence`` (from 0)."""
        return slice(int(self.offsets[sentence]), int(self.offsets[sentence + 1]))

    def select(self, sentences: ArrayLike) -> "Annotations":
        """The annotations, without text, of ``sentences`` (indices or a mask [sents]), in that order."""
        chosen = _indices(sentences, self.sents)
        words, offsets = _words_of(self.offsets, chosen)
        return Annotations(
            offsets=offsets,
            upos=self.upos[words],
            relations=self.relations[words],
            subtypes=self.subtypes[words],
            heads=self.heads[words],
            feats=self.feats[words],
            ranges=self.ranges[words],
            subtype_names=self.subtype_names,
            feats_names=self.feats_names,
        )


def _indices(sentences: ArrayLike, sents: int) -> NDArray[np.int64]:
    chosen = np.asarray(sentences)
    if chosen.dtype == np.bool_:
        if chosen.shape != (sents,):
            raise UsageError(f"a mask of shape {chosen.shape} for {sents} sentences")
        return np.flatnonzero(chosen)
    chosen = chosen.astype(np.int64)
    if chosen.size and not (chosen.min() >= 0 and chosen.max() < sents):
        raise UsageError(f"sentences {chosen.min()}..{chosen.max()} of a corpus of {sents}")
    return chosen


def _words_of(
    offsets: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(words of the sentences ``chosen``, their own offsets)."""
    lengths = offsets[chosen + 1] - offsets[chosen]
    own = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths)])
    return np.arange(own[-1]) + np.repeat(offsets[chosen] - own[:-1], lengths), own


@dataclass(frozen=True)
class Sentence:
    """One sentence of a Corpus for people and prompts; columns are views."""

    id: str
    text: str
    line: int
    forms: tuple[str, ...]
    spans: NDArray[np.int32]  # [words, 2]
    upos: NDArray[np.int8]  # [words]
    relations: NDArray[np.int8]  # [words]
    heads: NDArray[np.int32]  # [words]
    ranges: NDArray[np.int16]  # [words]


@dataclass(frozen=True, eq=False)
class Corpus(Annotations):
    """Annotations with their text: what the reader returns and a model reads."""

    source: Source
    sent_ids: Sequence[str]  # [sents]
    texts: Sequence[str]  # [sents], "# text", or rebuilt from the forms and SpaceAfter
    lines: NDArray[np.int64]  # [sents]: 1-based line of the sentence's first line
    forms: Sequence[str]  # [words]
    # [words, 2]: characters of the sentence text that the word (or its multiword token) covers
    spans: NDArray[np.int32]
    empty_nodes: int  # how many empty nodes were passed over
    skipped: int  # sentences left out as broken (lenient reading only)
    rebuilt: int = 0  # sentences without a "# text" that holds their forms: it was rebuilt

    def sentence(self, index: int) -> Sentence:
        """Sentence ``index`` (from 0)."""
        words = self.words_of(index)
        return Sentence(
            id=self.sent_ids[index],
            text=self.texts[index],
            line=int(self.lines[index]),
            forms=tuple(self.forms[words]),
            spans=self.spans[words],
            upos=self.upos[words],
            relations=self.relations[words],
            heads=self.heads[words],
            ranges=self.ranges[words],
        )

    def where(self, sentence: int) -> str:
        """``file:line, sentence ID``, as errors name a sentence."""
        return place(self.source.path, int(self.lines[sentence]), self.sent_ids[sentence])
