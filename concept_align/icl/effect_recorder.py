"""Effects of demonstrations on the targets' concept spaces, measured while a study's trials are taken.

For each target and language of demonstrations, the states of the same queries without and with the most
demonstrations (the first draw) are compared (:mod:`.effects`); the spaces they may move towards are those of
the training languages of aligned in-context learning, the demonstrations' own among them, read without
demonstrations. Only what comes out is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ..cache import Kept
from ..errors import ConceptAlignError
from ..spaces.features import Features
from .base import LabelScores
from .effects import ByLayer, Conditions, Effects, accuracy_effects, alignability_effects, over_languages
from .evidence import labelled
from .plan import Trial
from .session import SCORES, PromptSession, states
from .state_learners import StateLearners

FEWEST = 5  # items of a concept that spaces are compared by: queries are few
HALF = 6e4  # what fits 16 bits is held in them
SPACES = 3  # languages that a target may move towards, the demonstrations' own among them


@dataclass(frozen=True, eq=False)
class EffectRecorder:
    """Takes the states of trials that are about it; ``folder`` keeps what was measured."""

    session: PromptSession
    learners: StateLearners
    folder: Path | None
    made_from: Mapping[str, Any]
    _held: dict[str, ByLayer] = field(default_factory=dict)  # by target, without demonstrations

    @property
    def layers(self) -> tuple[int, ...]:
        return tuple(layer for layer in self.learners.layers if layer != SCORES)

    @property
    def _kept(self) -> "Kept[dict[str, Any]]":
        return Kept.json(self.folder)

    def wanted(self, trial: Trial) -> list[str]:
        """The languages of demonstrations that the states of ``trial`` are needed for."""
        plan = self.session.plan
        most = max(plan.config.k)
        if not (plan.config.effects and self.layers and most and 0 in plan.config.k):
            return []
        if trial.variant != plan.variants[0] or trial.draw or trial.k not in (0, most):
            return []
        return [
            source
            for source in ([trial.source] if trial.k else plan.named)
            if source in plan.named
            and trial.language in plan.targets_of(source)
            and self._find(source, trial.language) is None
        ]

    def _spaces(self, source: str) -> tuple[str, ...]:
        return self.session.plan.trained_on(source)[:SPACES]

    def _identity(self, source: str, language: str) -> dict[str, Any]:
        plan, digest = self.session.plan, self.session.digest
        return {
            **self.made_from,
            "queries": digest(language, "test"),
            "spaces": {code: digest(code, "train") for code in self._spaces(source)},
            "layers": self.layers,
            "k": max(plan.config.k),
            "variant": plan.variants[0].name,
        }

    def _find(self, source: str, language: str) -> dict[str, Any] | None:
        return self._kept.find(f"{source}-{language}", self._identity(source, language))

    def take(self, trial: Trial, answers: Sequence[LabelScores]) -> None:
        """Hold the states without demonstrations; compare those with them."""
        language, concepts = trial.language, self.session.plan.task.concepts
        queries = self.session.queries(language)
        by_layer: dict[str, Features] = {}
        for layer in self.layers:
            x = states(answers, layer)
            small = not trial.k and x.abs().max() < HALF
            by_layer[str(layer)] = labelled(language, concepts, queries, x.half() if small else x)
        if not trial.k:
            self._held[language] = by_layer
            return
        features = self.learners.features(trial.source, 0)
        spaces = {
            code: {str(layer): features[code, layer] for layer in self.layers}
            for code in self._spaces(trial.source)
        }
        measured = self._measure(Conditions(language, trial.source, self._held[language], by_layer, spaces))
        self._kept.put(f"{trial.source}-{language}", self._identity(trial.source, language), measured)

    def _measure(self, given: Conditions) -> dict[str, Any]:
        seed = self.session.plan.config.seed
        rows: dict[str, Any] = {"accuracy": [], "alignability": [], "notices": []}
        for name, measure in (
            ("accuracy", lambda: accuracy_effects(given, resamples=500, seed=seed)),
            (
                "alignability",
                lambda: alignability_effects(given, min_count=FEWEST, permutations=200, draws=100, seed=seed),
            ),
        ):
            try:
                rows[name] = measure()
            except ConceptAlignError as error:
                about = f"{given.language}, demonstrations in {given.demonstrations}"
                rows["notices"].append(f"{about}: no effects on {name}: {error.message}")
        return rows

    def found(self) -> Effects | None:
        """All that was measured, with means over targets; None where nothing was."""
        plan = self.session.plan
        found = [
            rows
            for source in plan.named
            for language in plan.targets_of(source)
            if plan.config.effects and (rows := self._find(source, language))
        ]
        for notice in (notice for rows in found for notice in rows["notices"]):
            self.session.note(notice)
        tables = []
        for name in ("accuracy", "alignability"):
            table = pd.DataFrame([row for rows in found for row in rows[name]])
            if not table.empty:
                means = over_languages(table, seed=plan.config.seed)
                table = pd.concat([table, means], ignore_index=True)
            tables.append(table)
        return None if tables[0].empty else Effects(*tables)
