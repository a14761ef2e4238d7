"""What an aligner becomes in one language: concepts of its words, by scores."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int

from ...errors import LearningError
from ...spaces.features import Sentences
from ..maps import masked

CHUNK = 16384  # words scored at once, whole sentences: bounds memory, changes no score

AnyWords = Float[torch.Tensor, "words dim"] | Sentences


@dataclass(frozen=True, eq=False)
class Classifier:
    """Concepts of words of one language, by scores [words, concepts] of words [words, dim].

    ``logits`` are log-probabilities up to a constant of each word; ``concepts`` are the names, where they are
    known. LearningError where no concept is ``valid``.

    Words may be given as :class:`Sentences`. Where a classifier is ``sequential``, a word's neighbours change
    what it is taken for: ``logits`` is given whole sentences, of words without borders one for each word.
    """

    logits: Callable[[Any], torch.Tensor]
    valid: Bool[torch.Tensor, " concepts"]
    concepts: tuple[str, ...] | None = None
    sequential: bool = False

    def __post_init__(self) -> None:
        if not bool(self.valid.any()):
            raise LearningError(
                "no concept is valid for this pair of languages",
                where="adapt",
                remedy="lower the least number of words, or extract more sentences",
            )

    @torch.no_grad()
    def scores(self, x: AnyWords) -> Float[torch.Tensor, "words concepts"]:
        """float32 log-probabilities; -inf where not valid."""
        found = []
        for part in read_as(x, self.sequential).split(CHUNK):
            words = part.float() if isinstance(part, torch.Tensor) else part
            found.append(masked(self.logits(words), self.valid).log_softmax(1))
        return torch.cat(found) if found else torch.zeros(0, len(self.valid))

    def codes(self, x: AnyWords) -> Int[torch.Tensor, " words"]:
        """int64 places of the best concepts among all."""
        return self.scores(x).argmax(1)

    def predict(self, x: AnyWords) -> list[str]:
        """The name of each word's best concept; LearningError where the names are not known."""
        if self.concepts is None:
            raise LearningError(
                "the aligner does not know its concepts' names",
                where="predict",
                remedy="take codes(x), places in the inventory it was trained with; or train it again",
            )
        return [self.concepts[code] for code in numbers(self.scores(x), "predict").argmax(1).tolist()]


def read_as(words: torch.Tensor | Sentences, sequential: bool) -> Any:
    """Sentences for what is ``sequential``, else words [words, dim]."""
    if sequential:
        return Sentences.of(words)
    return words.x if isinstance(words, Sentences) else words


def numbers(scores: torch.Tensor, where: str) -> torch.Tensor:
    """``scores``; LearningError where one is none (NaN): the best of them would be any."""
    if bool(scores.isnan().any()):
        remedy = "check that the words' states are finite, or run meta-train again"
        raise LearningError("scores that are no numbers (NaN)", where=where, remedy=remedy)
    return scores
