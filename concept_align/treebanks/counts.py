"""Counts of what a treebank holds: sentences, words, multiword tokens, empty nodes, concepts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .concepts import RELATIONS, UPOS
from .corpus import Corpus


@dataclass(frozen=True)
class TreebankCounts:
    """One split of one treebank. Counts of concepts are of words, most frequent first."""

    treebank: str
    language: str
    split: str
    sentences: int
    words: int
    multiword_tokens: int
    empty_nodes: int
    skipped: int  # sentences left out as broken (lenient reading only)
    longest: int  # words of the longest sentence
    upos: dict[str, int]
    relations: dict[str, int]


def count(corpus: Corpus) -> TreebankCounts:
    """Count ``corpus``. Words without a label are in no concept's count."""
    return TreebankCounts(
        treebank=corpus.source.treebank,
        language=corpus.source.language,
        split=corpus.source.split,
        sentences=corpus.sents,
        words=corpus.words,
        multiword_tokens=int((corpus.ranges == 1).sum()),
        empty_nodes=corpus.empty_nodes,
        skipped=corpus.skipped,
        longest=int(np.diff(corpus.offsets).max(initial=0)),
        upos=_counts(corpus.upos, UPOS),
        relations=_counts(corpus.relations, RELATIONS),
    )


def _counts(codes: NDArray[np.int8], names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    return {names[code]: int(counts[code]) for code in order if counts[code]}
