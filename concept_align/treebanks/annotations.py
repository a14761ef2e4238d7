"""The labels of words as codes: the numeric part of a corpus, and all that is needed beside states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Int8, Int16, Int32, Int64
from numpy.typing import ArrayLike, NDArray

from .. import ragged
from ..errors import UsageError

_OF_WORDS = ("upos", "relations", "subtypes", "heads", "feats", "ranges")


@dataclass(frozen=True, eq=False)
class TextColumn:
    """A further column of CoNLL-U, word by word: ``names[codes[word]]``, where "" means none (``_``)."""

    codes: Int32[np.ndarray, " words"]
    names: tuple[str, ...]  # names[0] is ""

    @classmethod
    def of(cls, values: list[str]) -> "TextColumn":
        """The column that holds ``values`` [words]; ``_`` counts as none."""
        names = {"": 0, "_": 0} | dict.fromkeys(values)
        index = {name: max(place - 1, 0) for place, name in enumerate(names)}
        codes = np.fromiter(map(index.__getitem__, values), np.int32, len(values))
        return cls(codes, ("", *list(names)[2:]))

    @classmethod
    def join(cls, parts: Sequence["TextColumn"]) -> "TextColumn":
        """``parts`` end to end, as if they had been read at once."""
        index = {name: place for place, name in enumerate(dict.fromkeys(n for p in parts for n in p.names))}
        codes = [np.array([index[name] for name in part.names], np.int32)[part.codes] for part in parts]
        return cls(np.concatenate(codes), tuple(index))


@dataclass(frozen=True, eq=False)
class Annotations:
    """The labels of ``words`` words in ``sents`` sentences.

    ``upos`` and ``relations`` index :data:`~concept_align.treebanks.concepts.UPOS` and
    :data:`~concept_align.treebanks.concepts.RELATIONS`; ``subtypes`` and ``feats`` index the name tuples
    kept here (0 is always the empty string: none). -1 means not annotated (``_``).
    ``heads`` counts words from 1 within the sentence, 0 is the root, -1 not annotated.
    ``ranges`` is a word's place in its multiword token: 0 in none, 1 first, 2 second, ...
    ``columns`` holds what a task ``column:NAME`` asks for, by NAME (``XPOS``, ``MISC:Gloss``).
    """

    offsets: Int64[np.ndarray, " bounds"]  # [sents + 1]: sentence i is words offsets[i]:offsets[i + 1]
    upos: Int8[np.ndarray, " words"]
    relations: Int8[np.ndarray, " words"]
    subtypes: Int16[np.ndarray, " words"]
    heads: Int32[np.ndarray, " words"]
    feats: Int32[np.ndarray, " words"]
    ranges: Int16[np.ndarray, " words"]
    subtype_names: tuple[str, ...]
    feats_names: tuple[str, ...]  # whole FEATS strings, "Case=Nom|Number=Sing"
    columns: Mapping[str, TextColumn] = field(default_factory=dict, kw_only=True)

    @property
    def words(self) -> int:
        return int(self.offsets[-1])

    @property
    def sents(self) -> int:
        return len(self.offsets) - 1

    def words_of(self, sentence: int) -> slice:
        """Which words are those of ``sentence`` (from 0)."""
        return slice(int(self.offsets[sentence]), int(self.offsets[sentence + 1]))

    def column(self, name: str) -> TextColumn:
        """The column ``name`` of every word. UsageError where it was not kept."""
        if name not in self.columns:
            raise UsageError(
                f"column {name} was not kept of these words",
                remedy=f"extract them again with task column:{name}: states that are there stay",
            )
        return self.columns[name]

    def select(self, sentences: ArrayLike) -> "Annotations":
        """The annotations, without text, of ``sentences`` (indices or a mask [sents]), in that order."""
        chosen = _indices(sentences, self.sents)
        words, offsets = ragged.take(self.offsets, chosen)
        columns = {name: TextColumn(of.codes[words], of.names) for name, of in self.columns.items()}
        codes = {name: getattr(self, name)[words] for name in _OF_WORDS}
        codes |= {name: getattr(self, name) for name in ("subtype_names", "feats_names")}
        return Annotations(offsets=offsets, columns=columns, **codes)


def impossible_head(heads: NDArray[np.integer], offsets: NDArray[np.int64]) -> str | None:
    """What is wrong with the first word that is its own head, or whose head is past its sentence's end."""
    lengths = ragged.lengths(offsets)
    own = np.arange(1, len(heads) + 1) - np.repeat(offsets[:-1], lengths)  # places in the sentence, from 1
    wrong = np.flatnonzero((heads == own) | (heads > np.repeat(lengths, lengths)))
    if not len(wrong):
        return None
    word = int(wrong[0])
    sentence = int(np.searchsorted(offsets, word, "right")) - 1
    return f"the head of word {own[word]} in sentence {sentence} (from 0) is {heads[word]}"


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
