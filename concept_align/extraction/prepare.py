"""Which sentences of a treebank a model can read: decided before the first state is computed.

Kept is a sentence of at most ``max_words`` words, whose tokens (of both copies, where it is read twice) fit
the model's context length and cover every word. Under a cap of words per concept a sentence is kept, in the
file's order, only while it holds a word of a concept that is still below the cap. What is left out is counted
by reason.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import ragged
from ..errors import ModelError, TreebankError
from ..models.batches import windows
from ..models.pieces import repeated
from ..models.protocol import LanguageModel, Pieces
from ..models.states import WINDOW_BYTES, WINDOW_WORDS
from ..store.shards import kept_digest
from ..treebanks.annotations import impossible_head
from ..treebanks.corpus import Corpus
from ..types import Reading

BLOCK = 1024  # sentences tokenised at once
CACHED = 16384  # up to so many sentences the tokens of the first pass are kept for the second

TOO_LONG = "too many words"
TOO_WIDE = "more tokens than the model's context length"
UNCOVERED = "a word without tokens"
CAPPED = "no concept below the cap"
BROKEN = "broken in the treebank"
BEYOND = "beyond the limit of sentences"


@dataclass(frozen=True, eq=False)
class PreparedCorpus:
    """The sentences of ``corpus`` to be read, and why the others are not."""

    corpus: Corpus
    kept: NDArray[np.int64]  # [sents] places in the corpus
    left_out: dict[str, int]
    examples: dict[str, str]  # reason -> sentence id of the first one
    cached: list[Pieces] | None  # of the kept sentences, where there are few
    read: Reading = "once"

    @property
    def lengths(self) -> NDArray[np.int64]:
        """[sents] words of each kept sentence."""
        return ragged.lengths(self.corpus.offsets)[self.kept]

    @property
    def words(self) -> int:
        return int(self.lengths.sum())

    @property
    def sents(self) -> int:
        return len(self.kept)

    @property
    def sent_ids(self) -> list[str]:
        return [self.corpus.sent_ids[place] for place in self.kept]

    @property
    def digest(self) -> str:
        return kept_digest(self.kept)

    def blocks(self, model: LanguageModel) -> Iterator[tuple[int, list[Pieces]]]:
        """Tokens of consecutive kept sentences, with the number of kept sentences before them.

        A block never depends on which layers are asked for: the model reads it as one window, so a layer
        that is run later, or again after an interruption, is computed in the same batches, to the bit.
        """
        held = max(WINDOW_WORDS, WINDOW_BYTES // (4 * model.dim * (model.layers + 1)))
        for span in windows(self.lengths, held):
            if self.cached is not None:
                yield span.start, self.cached[span.start : span.stop]
                continue
            found = cut(model, self.corpus, self.kept[span.start : span.stop], self.read)
            yield span.start, [pieces for pieces in found if not isinstance(pieces, ModelError)]


def prepare(
    model: LanguageModel,
    corpus: Corpus,
    *,
    max_words: int,
    cap: int | None = None,
    concepts: Sequence[NDArray[np.integer]] = (),
    limit: int | None = None,
    read: Reading = "once",
) -> PreparedCorpus:
    """Tokenise ``corpus`` and decide what is kept: of the first ``limit`` sentences, where one is given.

    ``concepts``: for each task the concept of every word, [words], -1 for none; used with ``cap``.
    Raises TreebankError when no sentence is left, for a treebank whose text is withheld, and for heads that
    cannot be.
    """
    corpus.refuse_withheld()
    if wrong := impossible_head(corpus.heads, corpus.offsets):  # read without asking for trees
        raise TreebankError(wrong, where=corpus.source.path, remedy="mend the HEAD column")
    lengths = ragged.lengths(corpus.offsets)
    left: Counter[str] = Counter({BROKEN: corpus.skipped} if corpus.skipped else {})
    examples: dict[str, str] = {}
    kept: list[int] = []
    cached: list[Pieces] | None = []
    room = None if cap is None else _Room(cap, concepts)
    first = corpus.sents if limit is None else min(limit, corpus.sents)
    if first < corpus.sents:
        left[BEYOND] = corpus.sents - first
    for begin in range(0, first, BLOCK):
        places = np.arange(begin, min(begin + BLOCK, first))
        short = places[lengths[places] <= max_words]
        found = dict(zip(short.tolist(), cut(model, corpus, short, read), strict=True))
        for place in places.tolist():
            pieces = found.get(place)
            if pieces is None:
                reason = TOO_LONG
            elif isinstance(pieces, ModelError):
                reason = UNCOVERED
            elif len(pieces.ids) > model.max_pieces:
                reason = TOO_WIDE
            elif room is not None and not room.takes(corpus.words_of(place)):
                reason = CAPPED
            else:
                kept.append(place)
                if cached is not None:
                    cached.append(pieces)
                continue
            left[reason] += 1
            examples.setdefault(reason, corpus.sent_ids[place])
        if cached is not None and len(cached) > CACHED:
            cached = None
    if not kept:
        why = ", ".join(f"{reason}: {number}" for reason, number in sorted(left.items())) or "it has none"
        what = f"no sentence is left to extract ({why})"
        remedy = "raise max_words, or check that the model's tokenizer knows the script"
        raise TreebankError(what, where=corpus.source.path, remedy=remedy)
    return PreparedCorpus(
        corpus, np.array(kept, np.int64), dict(sorted(left.items())), examples, cached, read
    )


def cut(
    model: LanguageModel, corpus: Corpus, places: NDArray[np.int64], read: Reading = "once"
) -> list[Pieces | ModelError]:
    """The tokens of the sentences at ``places``; in place of one that cannot be cut, its error."""
    texts = [corpus.texts[place] for place in places.tolist()]
    spans = [corpus.spans[corpus.words_of(place)] for place in places.tolist()]
    return model.pieces_many(*repeated(texts, spans, read))


class _Room:
    """How many words of each concept are still wanted."""

    def __init__(self, cap: int, concepts: Sequence[NDArray[np.integer]]) -> None:
        self._concepts = concepts
        self._left = [np.full(int(codes.max(initial=-1)) + 1, cap, np.int64) for codes in concepts]

    def takes(self, words: slice) -> bool:
        """Whether the sentence of these words is wanted; if so they are counted."""
        found = [codes[words][codes[words] >= 0] for codes in self._concepts]
        if not any((left[codes] > 0).any() for left, codes in zip(self._left, found, strict=True)):
            return False
        for left, codes in zip(self._left, found, strict=True):
            np.subtract.at(left, codes, 1)
        return True
