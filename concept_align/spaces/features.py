"""Labelled representations of one language: what probes and learners train and are tested on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

from .. import ragged
from ..errors import UsageError


@dataclass(frozen=True, eq=False)
class Features:
    """The represented words of one (language, split) with their concepts, sentence by sentence.

    A word is here if the task gives it a label and its representation exists under the root and
    multiword-token policies; ``offsets`` keeps every sentence, so that sentence i of the features is
    sentence i of the stored split (a sentence may have no item).
    """

    language: str
    concepts: tuple[str, ...]
    stored: Float[torch.Tensor, "words dim"]  # in 32 bits, or 16 where wide ones would fill the memory
    y: Int[torch.Tensor, " words"]  # index into concepts
    offsets: NDArray[np.int64]  # [sents + 1]

    @classmethod
    def from_arrays(
        cls,
        x: ArrayLike | torch.Tensor,
        labels: Sequence[str],
        *,
        language: str = "",
        concepts: Sequence[str] | None = None,
        sentences: Sequence[int] | None = None,
    ) -> "Features":
        """Features of states that a user has as an array.

        ``x`` [words, dim]: any floats. ``labels``: the concept of each word. ``concepts``: their inventory
        (the labels' own, sorted, by default). ``sentences`` [words], ascending: which sentence each word
        belongs to; every word is one of its own by default. UsageError where they do not fit.

        >>> Features.from_arrays([[0.0, 1.0], [1.0, 0.0]], ["NOUN", "VERB"], language="en").counts()
        tensor([1, 1])
        """
        stored = states_of(x, len(labels))
        names = tuple(concepts) if concepts is not None else tuple(sorted(set(labels)))
        code = {name: place for place, name in enumerate(names)}
        if odd := sorted(set(labels) - set(code)):
            raise UsageError(f"labels {', '.join(odd)} are not among the concepts", option="labels")
        of_word = np.arange(len(labels)) if sentences is None else np.asarray(sentences, dtype=np.int64)
        if len(of_word) != len(labels) or (np.diff(of_word) < 0).any():
            raise UsageError("not one ascending number for each word", option="sentences")
        sents = int(of_word[-1]) + 1 if len(of_word) else 0
        offsets = ragged.offsets_of(np.bincount(of_word, minlength=sents))
        y = torch.tensor([code[label] for label in labels], dtype=torch.int64)
        return cls(language, names, stored, y, offsets)

    @property
    def x(self) -> Float[torch.Tensor, "words dim"]:
        """float32 [words, dim]; a copy where they are stored in 16 bits: of some rows, ask :meth:`rows`."""
        return widened(self.stored)

    def rows(self, places: torch.Tensor | slice) -> Float[torch.Tensor, "chosen dim"]:
        """float32 representations of the words at ``places`` (indices, a mask or a slice)."""
        return widened(self.stored[places])

    @property
    def words(self) -> int:
        return int(self.y.shape[0])

    @property
    def sents(self) -> int:
        return len(self.offsets) - 1

    @property
    def dim(self) -> int:
        return int(self.stored.shape[1])

    @property
    def bytes(self) -> int:
        """What the representations take in memory."""
        return self.stored.numel() * self.stored.element_size()

    @property
    def sentences(self) -> "Sentences":
        """Its words without their labels."""
        return Sentences(self.stored, self.offsets)

    def counts(self) -> Int[torch.Tensor, " concepts"]:
        """Words of each concept."""
        return torch.bincount(self.y, minlength=len(self.concepts))

    def of_sentences(self, sentences: ArrayLike) -> "Features":
        """The items of the given sentences (their places, from 0), in the order given."""
        taken, offsets = ragged.take(self.offsets, sentences)
        rows = torch.from_numpy(taken)
        return Features(self.language, self.concepts, self.rows(rows), self.y[rows], offsets)


@dataclass(frozen=True, eq=False)
class Sentences:
    """Words without labels, sentence by sentence: for what reads a word with those around it.

    Wherever words [words, dim] are taken, these are taken too; what reads words one by one passes over where
    sentences end.
    """

    stored: Float[torch.Tensor, "words dim"]  # in 32 bits or 16, as of :class:`Features`
    offsets: ragged.Offsets  # [sents + 1]

    def __post_init__(self) -> None:
        if len(self.stored) != int(self.offsets[-1]):
            what = f"{len(self.stored)} words in sentences of {int(self.offsets[-1])}"
            raise UsageError(what, option="offsets", remedy="give the borders of these words")

    @classmethod
    def of(cls, words: "torch.Tensor | Sentences") -> "Sentences":
        """``words`` as they are; of a tensor, every word is a sentence of its own."""
        return words if isinstance(words, Sentences) else cls(words, np.arange(len(words) + 1))

    @classmethod
    def joined(cls, parts: "Sequence[Sentences]") -> "Sentences":
        """One after the other; at least one."""
        lengths = np.concatenate([ragged.lengths(part.offsets) for part in parts])
        return cls(torch.cat([part.stored for part in parts]), ragged.offsets_of(lengths))

    @property
    def x(self) -> Float[torch.Tensor, "words dim"]:
        """float32 [words, dim]."""
        return widened(self.stored)

    @property
    def words(self) -> int:
        return int(self.stored.shape[0])

    @property
    def sents(self) -> int:
        return len(self.offsets) - 1

    def take(self, sentences: ArrayLike) -> "tuple[Sentences, Int[torch.Tensor, ' words']]":
        """The given sentences in the order given, and the places of their words."""
        taken, offsets = ragged.take(self.offsets, sentences)
        rows = torch.from_numpy(taken)
        return Sentences(widened(self.stored[rows]), offsets), rows

    def split(self, most: int) -> "list[Sentences]":
        """Runs of whole sentences of ``most`` words together, where no sentence is longer."""
        found, begin = [], 0
        while begin < self.sents:
            end = int(np.searchsorted(self.offsets, self.offsets[begin] + most, side="right")) - 1
            end = max(end, begin + 1)
            low, high = self.offsets[begin], self.offsets[end]
            found.append(Sentences(widened(self.stored[low:high]), self.offsets[begin : end + 1] - low))
            begin = end
        return found


def states_of(x: ArrayLike | torch.Tensor, words: int) -> Float[torch.Tensor, "words dim"]:
    """A user's array in float32; UsageError where it does not hold one state for each of ``words``."""
    states = torch.as_tensor(x if isinstance(x, torch.Tensor) else np.asarray(x)).float()
    if states.ndim != 2 or len(states) != words:
        what = f"states of shape {tuple(states.shape)} for {words} labels"
        remedy = "give an array [words, dim] with one label for each word"
        raise UsageError(what, option="x", remedy=remedy)
    if not bool(torch.isfinite(states).all()):
        raise UsageError("states are not all finite", option="x", remedy="leave those words out")
    return states


def widened(x: torch.Tensor) -> torch.Tensor:
    """``x``, in float32 if it is kept in 16 bits."""
    return x.float() if x.element_size() < 4 else x
