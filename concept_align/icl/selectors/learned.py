"""The learned selector in a study: fitted when it is first asked, or read from where it was saved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from ...errors import UsageError
from ...registration import suggest
from ..base import PromptSentence
from ..config import LEARNED_BY, POOL, SelectorPool, Teacher
from . import BaseSelector, SelectorInputs, SelectorTraining, There, training_of
from .features import SentenceFeatures
from .shared import fit_selector
from .shared_head import LearnedSelector

SELECTOR = "selector"  # in a study's folder: what was learned, by name


@dataclass(frozen=True, eq=False)
class StudySelector(BaseSelector):
    """The learned selector (:class:`.shared_head.LearnedSelector`), fitted when a study first asks it.

    ``learned`` learns from the study's teacher, ``learned:self`` and the like from that one.
    ``learned:self:pool`` is fitted for the candidates that were tried, and chooses among these alone. It is
    saved in ``selector/NAME`` of the study's folder; ``learned:DIR`` takes the one that lies there.
    """

    name = "learned"
    looks_at = "query"
    inputs: SelectorInputs
    training: SelectorTraining
    teacher: Teacher
    pool: SelectorPool = "open"

    @classmethod
    def from_inputs(cls, inputs: SelectorInputs) -> Self:
        training = training_of(inputs, cls.name)
        return cls(inputs, training, training.teacher)

    @classmethod
    def from_variant(cls, inputs: SelectorInputs, variant: str) -> BaseSelector:
        """``learned:TEACHER``, ``learned:TEACHER:pool``, or a saved selector."""
        if variant not in LEARNED_BY:
            return LearnedSelector.from_pretrained(variant).with_inputs(inputs)
        teacher, pool = LEARNED_BY[variant]
        return replace(cls.from_inputs(inputs), teacher=teacher, pool=pool)

    @staticmethod
    def check_variant(variant: str, targets: Sequence[str]) -> None:
        """UsageError for neither a teacher nor a folder; LearningError for one that learned from a target."""
        if variant in LEARNED_BY:
            return
        if not Path(variant).is_dir():
            what = f"{variant!r} is no teacher, and no folder of a saved selector"
            raise UsageError(what, option="selectors", remedy=suggest(variant, LEARNED_BY))
        LearnedSelector.from_pretrained(variant).refuse_targets(targets)

    @property
    def made_from(self) -> Mapping[str, Any]:
        """Known before anything is measured."""
        found = dict(SentenceFeatures.from_inputs(self.inputs).labels.made_from)
        found |= {"diversity": self.inputs.diversity} if self.inputs.diversity else {}
        found |= {"pool": self.pool} if self.pool == "fixed" else {}
        return {**self.training.made_from(self.teacher), "states": self.inputs.layer, **found}

    @cached_property
    def fitted(self) -> LearnedSelector:
        """What was learned; gains are measured now, unless they are kept."""
        gains, features = self.training.gains(self.teacher), SentenceFeatures.from_inputs(self.inputs)
        asked = features.of_queries(gains.queries, [one.language for one in gains.candidates])
        shown, seed = features.of_candidates(gains.candidates), self.training.seed
        found = fit_selector(gains, asked, shown, teacher=self.teacher, pool=self.pool, seed=seed)
        inputs = {"layer": self.inputs.layer, "concepts": list(self.inputs.concepts)}
        found = replace(found, about={**found.about, **inputs, **self.training.facts})
        if self.training.folder is not None:
            name = self.name if self.teacher == self.training.teacher else f"{self.name}-{self.teacher}"
            name = name if self.pool == "open" else f"{name}-{POOL}"
            found.save_pretrained(self.training.folder / SELECTOR / name)
        return found.with_inputs(self.inputs)

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        if self.pool == "fixed" and k:
            there = self.tried(there, self.training.gains(self.teacher).candidates, k)
        return self.fitted._choose(query, there, k, seed)
