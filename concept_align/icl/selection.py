"""What selectors learn from in a study: single demonstrations before sentences of other languages.

Candidates are those of the study's languages of demonstrations, taken in turn from each; queries are training
sentences of languages that are no targets. Nothing of a target but its words has a part in it.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..progress import Progress
from .base import PromptSentence, digest_of, in_turn
from .config import Teacher
from .prompting import PromptScorer
from .selectors.helping import Gains, measure_gains
from .self_labels import Classify, predicted
from .session import PromptSession
from .wording import LabelSet

FOLDER = "selection"  # in a study's folder: gains, by what labels they are of
GOLD, PREDICTED = "gold", "predicted"


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
        return in_turn(parts, session.plan.config.select_candidates)

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
            if teacher == "self":
                queries = predicted(queries, self._scorer, self.labels, self.classify)
            folder = None if self.folder is None else self.folder / FOLDER / kind
            options: dict[str, Any] = {"folder": folder, "progress": self.progress}
            self._gains[kind] = measure_gains(self._scorer, self.labels, queries, self.candidates, **options)
            if misfits := self._gains[kind].misfits:
                self.session.note(f"selection: {misfits} pairs of sentences do not fit the model's context")
        return self._gains[kind]

    def made_from(self, teacher: Teacher) -> dict[str, Any]:
        """What decides the gains, besides the model and how it is asked."""
        return {
            "teacher": teacher,
            "select_langs": list(self.session.plan.select),
            "learned_from": digest_of(self.queries),
            "tried": digest_of(self.candidates),
            "labels": self.labels.names,
            "template": self.session.plan.variants[0].template,
        }
