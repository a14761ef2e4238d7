"""One vector a sentence, found by treebank and place in the split: all that a selector sees of states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from ...errors import LearningError, UsageError
from ..base import Sentence

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class SentenceVectors:
    """``vectors[rows[treebank, number]]`` is that of a sentence; all of one split, for numbers begin anew."""

    vectors: Floats  # [sents, dim], finite
    rows: Mapping[tuple[str, int], int]

    def __post_init__(self) -> None:
        if self.vectors.ndim != 2 or len(self.rows) != len(self.vectors):
            raise LearningError(f"{len(self.rows)} sentences do not fit vectors {self.vectors.shape}")
        if not np.isfinite(self.vectors).all():
            raise LearningError(
                "some vectors of sentences are not finite", remedy="leave out sentences without states"
            )

    def __repr__(self) -> str:
        return f"<SentenceVectors of {len(self.vectors)} sentences, {self.dim} dimensions>"

    @property
    def dim(self) -> int:
        return int(self.vectors.shape[1])

    def of(self, sentences: Sequence[Sentence]) -> Floats:
        """[sentences, dim]. Raises UsageError for a sentence that has no vector."""
        try:
            places = [self.rows[one.treebank, one.number] for one in sentences]
        except KeyError:
            lacking = [one for one in sentences if (one.treebank, one.number) not in self.rows]
            raise UsageError(
                f"{len(lacking)} of {len(sentences)} sentences have no vector, first sentence number "
                f"{lacking[0].number} (from 0)",
                where=lacking[0].treebank,
                remedy="take vectors from the same split, and leave out sentences without states or items",
            ) from None
        return self.vectors[places]

    def less(self, mean: NDArray[np.floating]) -> "SentenceVectors":
        """The vectors less ``mean`` [dim]: that of a language's training words, for instance.

        States of all words share a large part, which makes all cosines alike (Ethayarajh 2019, arXiv
        1909.00512). States that were standardised have lost it already.
        """
        return SentenceVectors((self.vectors - mean).astype(np.float32), self.rows)

    def merged(self, other: "SentenceVectors") -> "SentenceVectors":
        """Those of both, of different treebanks (or other sentences of one)."""
        if self.rows.keys() & other.rows.keys() or self.dim != other.dim:
            raise LearningError(
                "a sentence stands in both, or dimensions differ",
                remedy="merge vectors of different sentences in one layer",
            )
        moved = {key: row + len(self.vectors) for key, row in other.rows.items()}
        return SentenceVectors(np.concatenate([self.vectors, other.vectors]), {**self.rows, **moved})


def merge(parts: Sequence[SentenceVectors]) -> SentenceVectors:
    """Those of several treebanks in one table."""
    return reduce(SentenceVectors.merged, parts)
