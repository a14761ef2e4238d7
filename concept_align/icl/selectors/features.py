"""What a selector knows of sentences: what they are made of, where they lie, how long they are.

Of a query nothing is looked at but its words: what it is made of is predicted by a classifier. Candidates are
labelled, and what they are made of is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Self, get_args

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ...errors import UsageError
from ..base import PromptSentence
from . import SelectorInputs
from .nearest import SentenceStates, WordLabels, gold_shares

# What makes two sentences alike: the concepts they are made of, or the model's states.
Likeness = Literal["shares", "states"]
LIKENESSES: tuple[Likeness, ...] = get_args(Likeness)
SIZES = 2  # log length, number of different labels


@dataclass(frozen=True, eq=False)
class SelectionFeatures:
    """Of sentences. ``shares`` sum to one: of queries, a classifier's mean probabilities over the words; of
    candidates, the gold shares of their items. ``states`` are mean states of the words, their language's mean
    taken off. ``size``: log of the number of words, and how many different labels there are."""

    shares: Float64[np.ndarray, "sents concepts"]
    states: Float64[np.ndarray, "sents dim"]
    size: Float64[np.ndarray, "sents 2"]

    def __post_init__(self) -> None:
        if not len(self.shares) == len(self.states) == len(self.size):
            counts = f"{len(self.shares)} shares, {len(self.states)} states and {len(self.size)} sizes"
            raise UsageError(counts, option="features", remedy="give one of each to a sentence")
        for name in ("shares", "states", "size"):
            if not np.isfinite(getattr(self, name)).all():
                remedy = "check the model's states and the classifier"
                raise UsageError(f"{name} that are not finite", option="features", remedy=remedy)

    def __len__(self) -> int:
        return len(self.size)

    def rows(self, places: Sequence[int] | NDArray[np.int64]) -> Self:
        """Those of the sentences at ``places``."""
        at = np.asarray(places, np.int64)
        return type(self)(self.shares[at], self.states[at], self.size[at])

    def likeness(self, others: "SelectionFeatures", kind: Likeness) -> NDArray[np.float64]:
        """k of each sentence with each of the ``others`` [sents, others].

            shares:  sum_k sqrt(p_q(k) p_c(k)),  1 less the squared Hellinger distance
            states:  cos(h_q, h_c),              0 for a vector of length 0

        Pair by pair (einsum, no BLAS): equal sentences are equally alike wherever they stand.
        """
        if kind == "shares":
            return _products(np.sqrt(self.shares), np.sqrt(others.shares))
        return _products(_unit(self.states), _unit(others.states))


def _products(rows: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.einsum("nd,md->nm", rows, others))


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt(np.einsum("nd,nd->n", rows, rows))[:, None]
    return np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0)


@dataclass(frozen=True, eq=False)
class SentenceFeatures:
    """Makes :class:`SelectionFeatures` of the sentences that a study uses; ``labels`` predicts queries'."""

    labels: WordLabels
    _kept: dict[tuple[PromptSentence, tuple[str, ...] | None], SelectionFeatures] = field(
        default_factory=dict
    )

    @classmethod
    def from_inputs(cls, inputs: SelectorInputs) -> Self:
        return cls(WordLabels(SentenceStates(inputs)))

    @property
    def inputs(self) -> SelectorInputs:
        return self.labels.states.inputs

    def of_queries(self, sentences: Sequence[PromptSentence], languages: Sequence[str]) -> SelectionFeatures:
        """By their words alone; ``languages`` are those of the candidates, whose prototypes may be asked."""
        return self._of(sentences, tuple(sorted(set(languages))))

    def of_candidates(self, sentences: Sequence[PromptSentence]) -> SelectionFeatures:
        """By their words and gold labels."""
        return self._of(sentences, None)

    def _of(
        self, sentences: Sequence[PromptSentence], languages: tuple[str, ...] | None
    ) -> SelectionFeatures:
        for one in sentences:
            if (one, languages) not in self._kept:
                self._kept[one, languages] = self._one(one, languages)
        return stacked([self._kept[one, languages] for one in sentences])

    def _one(self, sentence: PromptSentence, languages: tuple[str, ...] | None) -> SelectionFeatures:
        if languages is None:
            shares = gold_shares(sentence, len(self.inputs.concepts))
            different = len({item.label for item in sentence.items})
        else:
            found = self.labels.of(sentence, languages).double().exp()
            shares = found.mean(0).numpy()
            different = len(set(found.argmax(1).tolist()))
        states = self.labels.states.of(sentence).double().mean(0).numpy()
        size = np.array([np.log(len(sentence.words)), different], np.float64)
        return SelectionFeatures(shares[None], states[None], size[None])


def stacked(parts: Sequence[SelectionFeatures]) -> SelectionFeatures:
    """Features of several lists of sentences, one after another."""
    return SelectionFeatures(
        np.concatenate([part.shares for part in parts]),
        np.concatenate([part.states for part in parts]),
        np.concatenate([part.size for part in parts]),
    )
