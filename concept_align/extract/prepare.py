"""Which sentences of a treebank a model can read: decided before the first state is computed.

Kept is a sentence of at most ``max_words`` words, whose pieces fit the model's window and cover every
word. Under a cap of words per concept a sentence is kept, in the file's order, only while it holds a word
of a concept that is still below the cap. What is left out is counted by reason.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import ModelError, TreebankError
from ..models.protocol import LanguageModel, Pieces
from ..store.words import kept_digest
from ..treebanks.corpus import Corpus

BLOCK = 4096  # sentences tokenised at once: bounds memory, whatever the treebank's size

TOO_LONG = "too many words"
TOO_WIDE = "more pieces than the model's window"
UNCOVERED = "a word without pieces"
CAPPED = "no concept below the cap"
BROKEN = "broken in the treebank"


@dataclass(frozen=True, eq=False)
class Prepared:
    """The sentences of ``corpus`` to be read, and why the others are not."""

    corpus: Corpus
    kept: NDArray[np.int64]  # [sents] places in the corpus
    left_out: dict[str, int]
    examples: dict[str, str]  # reason -> sentence id of the first one
    pieces: int  # of the kept sentences
    cached: list[Pieces] | None  # of the kept sentences, where there are few

    @property
    def words(self) -> int:
        return int(np.diff(self.corpus.offsets)[self.kept].sum())

    @property
    def sents(self) -> int:
        return len(self.kept)

    @property
    def digest(self) -> str:
        return kept_digest(self.kept)

    def blocks(self, model: LanguageModel) -> Iterator[tuple[int, list[Pieces]]]:
        """Pieces of up to BLOCK kept sentences at a time, with the number of kept sentences before them."""
        for begin in range(0, self.sents, BLOCK):
            chosen = self.kept[begin : begin + BLOCK]
            yield begin, self.cached or [_read(model, self.corpus, int(place)) for place in chosen]


def prepare(
    model: LanguageModel,
    corpus: Corpus,
    *,
    max_words: int,
    cap: int | None = None,
    concepts: Sequence[NDArray[np.integer]] = (),
) -> Prepared:
    """Tokenise ``corpus`` and decide what is kept.

    ``concepts``: for each task the concept of every word, [words], -1 for none; used with ``cap``.
    Raises TreebankError when no sentence is left.
    """
    lengths = np.diff(corpus.offsets)
    left: Counter[str] = Counter({BROKEN: corpus.skipped} if corpus.skipped else {})
    examples: dict[str, str] = {}
    kept: list[int] = []
    cached: list[Pieces] | None = []
    total = 0
    room = None if cap is None else _Room(cap, concepts)
    for place in range(corpus.sents):
        reason, pieces = _judge(model, corpus, place, int(lengths[place]), max_words)
        if pieces is not None and room is not None:
            reason = None if room.takes(corpus.offsets[place], corpus.offsets[place + 1]) else CAPPED
        if reason is not None or pieces is None:
            left[reason or UNCOVERED] += 1
            examples.setdefault(reason or UNCOVERED, corpus.sent_ids[place])
            continue
        kept.append(place)
        total += len(pieces.ids)
        if cached is not None:
            cached.append(pieces)
            if len(cached) > BLOCK:
                cached = None
    if not kept:
        why = ", ".join(f"{reason}: {number}" for reason, number in sorted(left.items())) or "it has none"
        raise TreebankError(
            f"no sentence is left to extract ({why})",
            where=corpus.source.path,
            remedy="raise --max-words, or check that the model's tokenizer knows the script",
        )
    return Prepared(corpus, np.array(kept, np.int64), dict(sorted(left.items())), examples, total, cached)


def _judge(
    model: LanguageModel, corpus: Corpus, place: int, length: int, max_words: int
) -> tuple[str | None, Pieces | None]:
    """Why a sentence is left out, or its pieces."""
    if length > max_words:
        return TOO_LONG, None
    try:
        pieces = _read(model, corpus, place)
    except ModelError:
        return UNCOVERED, None  # counted, and reported with the sentence's id
    if len(pieces.ids) > model.max_pieces:
        return TOO_WIDE, None
    return None, pieces


def _read(model: LanguageModel, corpus: Corpus, place: int) -> Pieces:
    return model.pieces(corpus.texts[place], corpus.spans[corpus.offsets[place] : corpus.offsets[place + 1]])


class _Room:
    """How many words of each concept are still wanted."""

    def __init__(self, cap: int, concepts: Sequence[NDArray[np.integer]]) -> None:
        self._concepts = concepts
        self._left = [np.full(int(codes.max(initial=-1)) + 1, cap, np.int64) for codes in concepts]

    def takes(self, begin: int, end: int) -> bool:
        """Whether the sentence ``begin:end`` is wanted; if so its words are counted."""
        found = [codes[begin:end][codes[begin:end] >= 0] for codes in self._concepts]
        if not any((left[codes] > 0).any() for left, codes in zip(self._left, found, strict=True)):
            return False
        for left, codes in zip(self._left, found, strict=True):
            np.subtract.at(left, codes, 1)
        return True
