"""What selectors learn from in a study: single demonstrations before sentences of other languages.

Candidates are those of the study's languages of demonstrations, taken in turn from each; queries are training
sentences of languages that are no targets. Nothing of a target but its words has a part in it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float32

from .. import hashing
from ..progress import Progress
from .base import PromptSentence
from .config import Teacher
from .selectors.helping import Gains, measure_gains
from .session import PromptSession
from .wording import LabelSet

FOLDER = "selection"  # in a study's folder: gains, by what labels they are of
GOLD, PREDICTED = "gold", "predicted"
Classify = Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words concepts"]]


@dataclass(frozen=True, eq=False)
class Selection:
    """Gains of the study's candidates, measured when they are first asked for; kept in ``folder``."""

    session: PromptSession
    folder: Path | None = None
    classify: Classify | None = None  # by a saved aligner, where there is one
    progress: Progress | None = None
    _gains: dict[str, Gains] = field(default_factory=dict)

    @property
    def queries(self) -> list[PromptSentence]:
        """Of all languages that are learned from, as many of each."""
        session = self.session
        return [one for language in session.plan.select for one in session.learning_queries(language)]

    @property
    def candidates(self) -> list[PromptSentence]:
        """The first of each language of demonstrations, in turn."""
        session = self.session
        parts = [session.candidates(language) for language in session.plan.named]
        turns = [one for turn in zip_longest(*parts) for one in turn if one is not None]
        return turns[: session.plan.config.select_candidates]

    @property
    def labels(self) -> LabelSet:
        """The study's first; the tags where those are words of a target."""
        first = self.session.plan.variants[0]
        first = replace(first, labels="tags") if first.labels == "language" else first
        return self.session.label_set(first, self.session.plan.targets[0], 0)

    def gains(self, teacher: Teacher) -> Gains:
        """Of the correct labels; for the teacher ``self`` of predicted ones: no correct one is looked at."""
        kind = PREDICTED if teacher == "self" else GOLD
        if kind not in self._gains:
            queries = self.queries
            folder = None if self.folder is None else self.folder / FOLDER / kind
            scorer = self.session.scorers[self.session.plan.variants[0].template]
            options: dict[str, Any] = {"folder": folder, "progress": self.progress}
            self._gains[kind] = measure_gains(scorer, self.labels, queries, self.candidates, **options)
            if misfits := self._gains[kind].misfits:
                self.session.note(f"selection: {misfits} pairs of sentences do not fit the model's context")
        return self._gains[kind]

    def made_from(self, teacher: Teacher) -> dict[str, Any]:
        """What decides the gains, besides the model and how it is asked."""
        told = {
            "teacher": teacher,
            "select_langs": list(self.session.plan.select),
            "learned_from": _digest(self.queries),
            "tried": _digest(self.candidates),
            "labels": self.labels.names,
            "template": self.session.plan.variants[0].template,
        }
        return told


def _digest(sentences: Sequence[PromptSentence]) -> str:
    """A hash of words and labels."""
    return hashing.digest(
        [(one.words, [(item.word, item.head, item.label) for item in one.items]) for one in sentences]
    )
