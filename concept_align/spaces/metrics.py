"""How well concepts are classified: accuracy, F1 of each concept, and the counts they are made of.

    F1_k = 2 tp_k / (predicted_k + gold_k);   macro-F1 = mean of F1_k over the concepts with gold words

Words of concepts that could not be predicted count as errors. All measures are functions of counts that add
up over sentences, so that a bootstrap of sentences is one matrix product (evaluation/resampling.py).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from .. import ragged
from ..errors import LearningError

Codes = torch.Tensor | NDArray[np.int64] | ArrayLike


@dataclass(frozen=True, eq=False)
class Counts:
    """What every measure here is made of; the last axis is concepts, axes before it sentences or draws."""

    right: NDArray[np.float64]  # [..., concepts]: words of the concept that were found (true positives)
    predicted: NDArray[np.float64]  # [..., concepts]
    gold: NDArray[np.float64]  # [..., concepts]

    def total(self) -> "Counts":
        """Summed over sentences (the axis before the last)."""
        return Counts(self.right.sum(-2), self.predicted.sum(-2), self.gold.sum(-2))

    def accuracy(self) -> NDArray[np.float64]:
        """[...] the share of words found; NaN where there is no word."""
        return _ratio(self.right.sum(-1), self.gold.sum(-1))

    def f1(self) -> NDArray[np.float64]:
        """[..., concepts] F1 of each concept; NaN for a concept without gold words."""
        score = _ratio(2 * self.right, self.predicted + self.gold)
        return np.where(self.gold > 0, score, np.nan)

    def macro_f1(self) -> NDArray[np.float64]:
        """[...] the mean F1 of the concepts with gold words."""
        present = self.gold > 0
        total = np.where(present, _ratio(2 * self.right, self.predicted + self.gold), 0.0).sum(-1)
        return _ratio(total, present.sum(-1))


def _ratio(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    below = np.asarray(below, dtype=np.float64)
    return np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0)


def _codes(predicted: Codes, gold: Codes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    pair = np.asarray(predicted, dtype=np.int64), np.asarray(gold, dtype=np.int64)
    if pair[0].shape != pair[1].shape:
        raise LearningError(f"{pair[0].size} predictions for {pair[1].size} gold labels")
    return pair


def sentence_counts(predicted: Codes, gold: Codes, concepts: int, offsets: NDArray[np.int64]) -> Counts:
    """Counts of each sentence, [sents, concepts], for ``predicted`` and ``gold`` [words]."""
    guess, truth = _codes(predicted, gold)
    sents = len(offsets) - 1
    place = ragged.sentence_of(offsets) * concepts

    def table(rows: NDArray[np.bool_] | slice, codes: NDArray[np.int64]) -> NDArray[np.float64]:
        flat = np.bincount(place[rows] + codes[rows], minlength=sents * concepts)
        return flat.reshape(sents, concepts).astype(np.float64)

    return Counts(table(guess == truth, truth), table(slice(None), guess), table(slice(None), truth))


def counts(predicted: Codes, gold: Codes, concepts: int) -> Counts:
    """Counts of all words together, [concepts]."""
    words = np.size(np.asarray(gold))
    return sentence_counts(predicted, gold, concepts, np.array([0, words])).total()


def accuracy(predicted: Codes, gold: Codes) -> float:
    """The share of ``gold`` [words] that ``predicted`` [words] has right; NaN without words."""
    guess, truth = _codes(predicted, gold)
    return float((guess == truth).mean()) if truth.size else float("nan")


def macro_f1(predicted: Codes, gold: Codes, concepts: int) -> float:
    """Mean F1 over the concepts with gold words; NaN without words."""
    return float(counts(predicted, gold, concepts).macro_f1())


def confusion(predicted: Codes, gold: Codes, concepts: int) -> NDArray[np.int64]:
    """int64 [gold concepts, predicted concepts] words."""
    guess, truth = _codes(predicted, gold)
    return np.bincount(truth * concepts + guess, minlength=concepts**2).reshape(concepts, concepts)
