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

from .. import hashing, ragged
from ..progress import Progress
from .base import PromptSentence
from .config import Teacher
from .prompting import PromptScorer
from .selectors.helping import Gains, measure_gains
from .selectors.teachers import relabelled
from .session import PromptSession, calibrated, stacked
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
    def teacher(self) -> Teacher:
        """What ``learned`` learns from, unless it is said with its name."""
        return self.session.plan.config.select_teacher

    @property
    def seed(self) -> int:
        return self.session.plan.config.seed

    @property
    def facts(self) -> dict[str, Any]:
        """What a saved selector tells of the study."""
        scorer = self._scorer
        return {"model": scorer.name, "revision": scorer.revision, "task": self.session.plan.task.name}

    @property
    def _scorer(self) -> PromptScorer:
        return self.session.scorers[self.session.plan.variants[0].template]

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
            queries = self.predicted() if teacher == "self" else self.queries
            folder = None if self.folder is None else self.folder / FOLDER / kind
            options: dict[str, Any] = {"folder": folder, "progress": self.progress}
            self._gains[kind] = measure_gains(self._scorer, self.labels, queries, self.candidates, **options)
            if misfits := self._gains[kind].misfits:
                self.session.note(f"selection: {misfits} pairs of sentences do not fit the model's context")
        return self._gains[kind]

    def predicted(self) -> list[PromptSentence]:
        """The queries with labels that are predicted: by the aligner, else by the calibrated model itself."""
        found: list[PromptSentence] = []
        for language in self.session.plan.select:
            queries = self.session.learning_queries(language)
            if not queries:
                continue
            if self.classify is not None:
                scores = self.classify(queries).nan_to_num(nan=-torch.inf)
                begins = ragged.offsets_of([len(one.words) for one in queries]).tolist()
                own = zip(begins[:-1], queries, strict=True)
                scores = scores[[begin + item.word for begin, one in own for item in one.items]]
            else:
                alone = self._scorer.prompt([], self.labels, room=0)
                scores = calibrated(stacked(self._scorer.score(alone, queries)))
            codes = scores.argmax(1).split([len(one.items) for one in queries])
            found += relabelled(queries, [part.tolist() for part in codes])
        return found

    def made_from(self, teacher: Teacher) -> dict[str, Any]:
        """What decides the gains, besides the model and how it is asked."""
        return {
            "teacher": teacher,
            "select_langs": list(self.session.plan.select),
            "learned_from": _digest(self.queries),
            "tried": _digest(self.candidates),
            "labels": self.labels.names,
            "template": self.session.plan.variants[0].template,
        }


def _digest(sentences: Sequence[PromptSentence]) -> str:
    """A hash of words and labels."""
    return hashing.digest(
        [(one.words, [(item.word, item.head, item.label) for item in one.items]) for one in sentences]
    )
