"""Where selectors that are learned plug in: a learner fits, and what it fitted is a selector.

A learned selector scores candidates by, for instance, q'Wc of sentence vectors q and c, and W is learned from
how much candidates helped: the target is the softmax of the model's gain in log-likelihood, the loss
KL(target || selector) (the retriever-generation alignment of XICL, arXiv 2412.08955; Rubin et al. 2022, arXiv
2112.08633, learn a retriever from such gains).

To add one, two frozen dataclasses in a module of this folder and a line in each table of ``registry.py``:

- the selector: its tensors and its sentence vectors are fields, ``select`` ranks by them (best last);
- the learner: its options are fields, and ``fit`` returns the selector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import LearningError
from ...progress import Progress
from ..base import Selector, Sentence
from .vectors import SentenceVectors


@dataclass(frozen=True, eq=False)
class Helped:
    """How much each candidate helped each query: what selectors are learned from, and validated on."""

    queries: Sequence[Sentence]
    candidates: Sequence[Sentence]
    gains: NDArray[np.float32]  # [queries, candidates] gain in mean log-likelihood of labels; NaN: not tried
    query_vectors: SentenceVectors
    candidate_vectors: SentenceVectors
    # Sentences that say the same in two languages, for losses that ask for like places of both.
    translations: Sequence[tuple[Sentence, Sentence]] = ()

    def __post_init__(self) -> None:
        if self.gains.shape != (len(self.queries), len(self.candidates)):
            raise LearningError(
                f"gains {self.gains.shape} do not fit {len(self.queries)} queries and "
                f"{len(self.candidates)} candidates"
            )


class SelectorLearner(Protocol):
    """A configuration that can be fitted."""

    name: ClassVar[str]

    def config(self) -> dict[str, Any]: ...

    def fit(
        self,
        train: Helped,
        validation: Helped | None = None,
        *,
        seed: int,
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> Selector:
        """Train, on other languages than it will be used for. What was learned goes to ``folder``, if any."""
        ...
