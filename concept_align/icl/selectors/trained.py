"""A selector that learns in a study: what helped in other languages is shown in the targets."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..base import PromptSentence
from . import BaseSelector, SelectorInputs, SelectorTraining, There, training_of


@dataclass(frozen=True, eq=False)
class BestOnTrainSelector(BaseSelector):
    """The k candidates that helped most, in the mean over queries of other languages, the best last.

    The same for all queries: what a candidate is worth for anybody. Whatever looks at the query has to beat
    it. Candidates that were not tried (``--select-candidates``) are not chosen.
    """

    name = "best-on-train"
    labelled = True
    training: SelectorTraining

    @classmethod
    def from_inputs(cls, inputs: SelectorInputs) -> Self:
        return cls(training_of(inputs, cls.name))

    @property
    def made_from(self) -> Mapping[str, Any]:
        return self.training.made_from("gain")

    @cached_property
    def worth(self) -> dict[PromptSentence, float]:
        """The mean gain of each candidate, in nats; those that fit before no query are left out."""
        gains = self.training.gains("gain")
        known = ~np.isnan(gains.gain)
        means: NDArray[np.float64] = np.where(known, gains.gain, 0).sum(0) / np.maximum(known.sum(0), 1)
        pairs = zip(gains.candidates, means.tolist(), known.any(0).tolist(), strict=True)
        return {one: mean for one, mean, some in pairs if some}

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        if not k:
            return []
        return sorted(self.tried(there, self.worth, k), key=lambda place: -self.worth[there[place]])[:k][::-1]
