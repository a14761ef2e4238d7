"""One split of a treebank as columns; a sentence is a slice.

Words are UD syntactic words. Multiword tokens (range lines) and empty nodes (decimal ids) are not words:
a range leaves its mark in ``ranges`` and lends its surface span to its words, empty nodes are counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
