"""Words to tokens by character offsets onto the sentence text.

Word w covers the tokens whose offsets overlap ``spans[w]``. A tokenizer's own idea of words is not used:
it differs from the treebank's, and for several decoders' tokenizers it is wrong. What is known of offsets:

- byte-level tokens of one character all carry that character's offsets; a leading space may be in or out;
- a token that holds the space before a word alone ("▁", "Ġ") may claim the word's first character at the
  start of a text: it is a word's only where nothing else is;
- normalising tokenizers (NFC, NFKC) give offsets into the text as it was;
- in scripts without spaces one token may span two words: it belongs to both;
- characters a normaliser drops (variation selectors, controls) leave a word without tokens: an error.

Models that read bytes (ByT5) have no fast tokenizer and need none: a byte's offsets are its character's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray
from transformers.convert_slow_tokenizer import SLOW_TO_FAST_CONVERTERS

from .. import ragged
from ..errors import ModelError
from ..types import Reading
from .protocol import Pieces

_METASPACE = "▁"
# How byte-level BPE spells the bytes of white space: space is "Ġ".
_BYTE_LEVEL_BLANKS = "".join(chr(256 + byte) for byte in b"\t\n\v\f\r ")
CHUNK = 256
# Texts that another may be put after to be cut as in the middle of a text; most tokenizers take the first.
BEFORE = ("a", "a.", "a\n")
BETWEEN = "\n"  # the two copies of a sentence that is read twice


def repeated(
    texts: Sequence[str], spans: Sequence[NDArray[np.integer]], read: Reading
) -> tuple[list[str], list[NDArray[np.int32]]]:
    """What is cut into tokens where sentences are read once or ``twice``, and the words' spans in it.

    A decoder's state of a word has not seen what follows the word. Read twice, a sentence stands there two
    times with a line break between, and its words are those of the second copy, each of which has seen the
    whole sentence (echo embeddings: Springer et al. 2024, arXiv 2402.15449).

    >>> repeated(["A dog"], [np.array([[0, 1], [2, 5]])], "twice")[0]
    ['A dog\\nA dog']
    """
    before = [text + BETWEEN if read == "twice" else "" for text in texts]
    moved = [own.astype(np.int32) + np.int32(len(first)) for own, first in zip(spans, before, strict=True)]
    return [first + text for first, text in zip(before, texts, strict=True)], moved


class PieceCutter:
    """Cuts sentences into a tokenizer's tokens, with the special tokens its model expects.

    ``tokenizer`` is a fast tokenizer of transformers; ModelError for one that gives no offsets.
    """

    def __init__(self, tokenizer: Any, name: str) -> None:
        self.name = name
        if getattr(tokenizer, "is_fast", False):
            self._backend = tokenizer.backend_tokenizer
            self._backend.no_truncation()
            self._backend.no_padding()
            # A sentence that spells "<s>" or "[SEP]" must not be read as that special token.
            self._backend.encode_special_tokens = True
        elif type(tokenizer).__name__ == "ByT5Tokenizer":
            self._backend = _Bytes(tokenizer.offset, tokenizer.build_inputs_with_special_tokens([]))
        else:
            raise _slow(tokenizer, name)
        self._blank = _blank_pieces(self._backend)
        self.vocabulary = int(self._backend.get_vocab_size(with_added_tokens=False))
        probe = self._backend.encode("a")
        self.start: tuple[int, ...] = tuple(probe.ids[: [*probe.special_tokens_mask, 0].index(0)])
        self.has_start = bool(self.start)

    def ids(self, text: str) -> list[int]:
        """The tokens of a text, special ones included."""
        return list(self._backend.encode(text).ids)

    def with_special(self, texts: Sequence[str]) -> list[tuple[list[int], list[int]]]:
        """The tokens of many texts, special ones included, and for each 1 where it is special, else 0."""
        found = self._backend.encode_batch(list(texts))
        return [(list(one.ids), list(one.special_tokens_mask)) for one in found]

    def plain(self, text: str) -> list[int]:
        """The tokens of a text alone, without special ones."""
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    def inside(self, text: str, before: Sequence[str] = BEFORE) -> tuple[int, ...]:
        """The tokens of ``text`` in a longer one: after the first of ``before`` that it shares no token with.

        So no token stands for the end of what is before and the beginning of ``text`` at once, and no space
        is put before it that only stands at the start of texts.
        """
        for anchor in before:
            alone = self.plain(anchor)
            both = self._backend.encode(anchor + text, add_special_tokens=False)
            if both.ids[: len(alone)] == alone and all(
                begin >= len(anchor) or begin == end for begin, end in both.offsets[len(alone) :]
            ):
                return tuple(both.ids[len(alone) :])
        return tuple(self.plain(text))

    def cut(self, text: str, spans: Int[np.ndarray, "words 2"]) -> Pieces:
        """The tokens of one sentence; ModelError naming the word where one gets no token."""
        (found,) = self.cut_many([text], [spans])
        if isinstance(found, ModelError):
            raise found
        return found

    def cut_many(self, texts: Sequence[str], spans: Sequence[NDArray[np.int32]]) -> list[Pieces | ModelError]:
        """The tokens of many sentences; in place of one with a word that gets no token, its ModelError.

        ``spans`` holds [words, 2] characters for each text.
        """
        found: list[Pieces | ModelError] = []
        for begin in range(0, len(texts), CHUNK):
            found += self._chunk(list(texts[begin : begin + CHUNK]), spans[begin : begin + CHUNK])
        return found

    def _chunk(self, texts: list[str], spans: Sequence[NDArray[np.int32]]) -> list[Pieces | ModelError]:
        encodings = self._backend.encode_batch(texts)
        rows = [encoding.ids for encoding in encodings]
        first_piece = ragged.offsets_of([len(row) for row in rows])
        first_word = ragged.offsets_of([len(words) for words in spans])
        # Each text has its own stretch of one long line, so one search serves all of them.
        line = ragged.offsets_of([len(text) + 1 for text in texts])
        ids = np.fromiter(chain.from_iterable(rows), dtype=np.int32, count=int(first_piece[-1]))
        masks = chain.from_iterable(encoding.special_tokens_mask for encoding in encodings)
        special = np.fromiter(masks, dtype=bool, count=len(ids))
        bounds = chain.from_iterable(chain.from_iterable(encoding.offsets for encoding in encodings))
        offsets = np.fromiter(bounds, dtype=np.int64, count=2 * len(ids)).reshape(-1, 2)
        covers = ~special & (offsets[:, 1] > offsets[:, 0])
        offsets += np.repeat(line[:-1], np.diff(first_piece))[:, None]
        words = np.concatenate([np.asarray(w, dtype=np.int64).reshape(-1, 2) for w in spans])
        words = words + np.repeat(line[:-1], np.diff(first_word))[:, None]

        begin, end = _overlaps(offsets, covers & ~self._blank[ids], words)
        alone = np.flatnonzero(begin < 0)
        if len(alone):  # words that only a blank token covers, as U+3000 may
            begin[alone], end[alone] = _overlaps(offsets, covers, words[alone])

        found: list[Pieces | ModelError] = []
        for i, text in enumerate(texts):
            own = slice(first_word[i], first_word[i + 1])
            if (begin[own] < 0).any():
                found.append(self._uncovered(text, spans[i], int(np.flatnonzero(begin[own] < 0)[0])))
                continue
            at = first_piece[i]
            low, high = ((bound[own] - at).astype(np.int32) for bound in (begin, end))
            found.append(Pieces(ids[at : first_piece[i + 1]], low, high, 0 if self.has_start else -1))
        return found

    def _uncovered(self, text: str, spans: NDArray[np.int32], word: int) -> ModelError:
        begin, end = (int(character) for character in spans[word])
        form = text[begin:end]
        points = " ".join(f"U+{ord(character):04X}" for character in form[:8])
        return ModelError(
            f"word {word + 1} {form!r} ({points or 'empty'}) gets no token from the tokenizer of {self.name}",
            where=f"characters {begin}:{end} of {text[:60]!r}",
            remedy="leave the sentence out (extract does, and counts it) or mend the text",
        )


def _slow(tokenizer: Any, name: str) -> ModelError:
    """What is wrong with a tokenizer without offsets, and whether transformers can make a fast one of it."""
    kind = type(tokenizer)
    if kind.__module__.startswith("transformers.models.") and kind.__name__ not in SLOW_TO_FAST_CONVERTERS:
        what = f"its tokenizer gives no character offsets (of {kind.__name__} there is no fast one)"
        return ModelError(what, where=name, remedy="use another model")
    return ModelError(
        "its tokenizer gives no character offsets (it is a slow one)",
        where=name,
        remedy="save a fast tokenizer (tokenizer.json) beside the model; "
        "converting one may need: pip install sentencepiece protobuf tiktoken",
    )


@dataclass(frozen=True)
class _Encoding:
    ids: list[int]
    special_tokens_mask: list[int]
    offsets: list[tuple[int, int]]


@dataclass(frozen=True)
class _Bytes:
    """As much of a fast tokenizer as is used here, for UTF-8 bytes: token ``byte + shift``, then ``end``."""

    shift: int
    end: list[int]
    decoder = pre_tokenizer = None

    def encode(self, text: str, add_special_tokens: bool = True) -> _Encoding:
        end = self.end if add_special_tokens else []
        spelt = [character.encode() for character in text]
        ids = [byte + self.shift for own in spelt for byte in own]
        offsets = [(place, place + 1) for place, own in enumerate(spelt) for _ in own]
        return _Encoding(ids + end, [0] * len(ids) + [1] * len(end), offsets + [(0, 0)] * len(end))

    def encode_batch(self, texts: list[str]) -> list[_Encoding]:
        return [self.encode(text) for text in texts]

    def get_vocab(self, with_added_tokens: bool = True) -> dict[str, int]:
        return {chr(byte): byte + self.shift for byte in range(256)}

    def get_vocab_size(self, with_added_tokens: bool = True) -> int:
        return 256 + self.shift


def _overlaps(
    offsets: NDArray[np.int64], candidates: NDArray[np.bool_], words: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and one past the last candidate token that overlaps each word; -1 where none does.

    Running extremes make the search correct even if a normaliser reordered marks: the first token that ends
    after the word's begin, the last that begins before its end.
    """
    places = np.flatnonzero(candidates)
    if not len(places) or not len(words):
        return np.full(len(words), -1), np.full(len(words), -1)
    ends = np.maximum.accumulate(offsets[places, 1])
    begins = np.minimum.accumulate(offsets[places, 0][::-1])[::-1]
    first = np.searchsorted(ends, words[:, 0], side="right")
    last = np.searchsorted(begins, words[:, 1], side="left") - 1
    good = (first <= last) & (words[:, 0] < words[:, 1])
    inside = np.clip(first, 0, len(places) - 1), np.clip(last, 0, len(places) - 1)
    return np.where(good, places[inside[0]], -1), np.where(good, places[inside[1]] + 1, -1)


def _blank_pieces(backend: Any) -> NDArray[np.bool_]:
    """[vocabulary] which tokens spell white space alone."""
    vocabulary: dict[str, int] = backend.get_vocab(with_added_tokens=True)
    blanks = _METASPACE + (_BYTE_LEVEL_BLANKS if _is_byte_level(backend) else "")
    blank = np.zeros(max(vocabulary.values(), default=-1) + 1, dtype=bool)
    for piece, number in vocabulary.items():
        blank[number] = bool(piece) and not piece.strip(blanks).strip()
    return blank


def _is_byte_level(backend: Any) -> bool:
    """Whether "Ġ" stands for a space, or for the Maltese letter."""
    parts = [part.__getstate__() for part in (backend.decoder, backend.pre_tokenizer) if part is not None]
    return any("ByteLevel" in json.dumps(json.loads(part)) for part in parts)
