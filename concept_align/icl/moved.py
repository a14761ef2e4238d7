"""What demonstrations do to the targets' concept spaces: measured while a study's tests are taken.

Of each target and language of demonstrations, the states of the same queries without and with the most
demonstrations (the first draw) are compared (:mod:`.effects`); the spaces they may move towards are those of
the training languages of aligned in-context learning, the demonstrations' own among them, read without
demonstrations. Only what comes out is kept.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from .. import atomic
from ..errors import ConceptAlignError
from .aligned import Aligned
from .asking import SCORES, Ask, states
from .base import Scored
from .concept_accuracy import accuracy_effects
from .conditions import ByLayer, Conditions
from .effects import Effects, over_languages
from .found import labelled
from .movement import alignability_effects
from .plan import OWN, Test

FEWEST = 5  # items of a concept that spaces are compared by: queries are few
HALF = 6e4  # what fits 16 bits is held in them
SPACES = 3  # languages that a target may move towards, the demonstrations' own among them


@dataclass(frozen=True, eq=False)
class Moved:
    """Takes the states of tests that are about it; ``folder`` keeps a file a target and language."""

    ask: Ask
    aligned: Aligned
    folder: Path
    made_from: Mapping[str, Any]
    _held: dict[str, ByLayer] = field(default_factory=dict)  # by target, without demonstrations

    @property
    def layers(self) -> tuple[int, ...]:
        return tuple(layer for layer in self.aligned.layers if layer != SCORES)

    def wanted(self, test: Test) -> list[str]:
        """The languages of demonstrations that the states of ``test`` are needed for."""
        plan = self.ask.plan
        most = max(plan.config.k)
        if not (plan.config.effects and self.layers and most and 0 in plan.config.k):
            return []
        if test.variant != plan.variants[0] or test.draw or test.k not in (0, most):
            return []
        sources = [test.source] if test.k else list(plan.sources)
        return [
            source
            for source in sources
            if source != OWN
            and test.language in plan.targets_of(source)
            and self._read(source, test.language) is None
        ]

    def _path(self, source: str, language: str) -> Path:
        return self.folder / f"{source}-{language}.json"

    def _identity(self, source: str, language: str) -> dict[str, Any]:
        plan = self.ask.plan
        spaces = {code: self.ask.digest(code, "train") for code in (source, *self._spaces(source))}
        about = {**self.made_from, "queries": self.ask.digest(language, "test"), "spaces": spaces}
        about |= {"layers": list(self.layers), "k": max(plan.config.k), "variant": plan.variants[0].name}
        found: dict[str, Any] = json.loads(json.dumps(about))
        return found

    def _spaces(self, source: str) -> tuple[str, ...]:
        return self.ask.plan.trained_on(source)[:SPACES]

    def _read(self, source: str, language: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = json.loads(self._path(source, language).read_text())
        except (OSError, ValueError):
            return None
        return found if found.get("made_from") == self._identity(source, language) else None

    def take(self, test: Test, answers: Sequence[Scored]) -> None:
        """Hold the states without demonstrations; compare those with them."""
        plan = self.ask.plan
        queries = self.ask.queries(test.language)
        by_layer = {
            str(layer): labelled(test.language, plan.task.concepts, queries, states(answers, layer))
            for layer in self.layers
        }
        if not test.k:
            self._held[test.language] = {
                layer: replace(one, stored=one.x.half() if one.x.abs().max() < HALF else one.x)
                for layer, one in by_layer.items()
            }
            return
        features = self.aligned.features(test.source, 0)
        spaces = {
            code: {str(layer): features[code, layer] for layer in self.layers}
            for code in self._spaces(test.source)
        }
        given = Conditions(test.language, test.source, self._held[test.language], by_layer, spaces)
        rows: dict[str, Any] = {"made_from": self._identity(test.source, test.language), "notices": []}
        seed = plan.config.seed
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
                rows[name] = []
                about = f"{test.language}, demonstrations in {test.source}"
                rows["notices"].append(f"{about}: no effects on {name}: {error.message}")
        atomic.write_json(self._path(test.source, test.language), rows)

    def found(self) -> Effects | None:
        """All that was measured, with means over targets; None where nothing was."""
        plan = self.ask.plan
        found = [
            rows
            for source in plan.sources
            for language in plan.targets_of(source)
            if plan.config.effects and source != OWN and (rows := self._read(source, language))
        ]
        for rows in found:
            self.ask.notices.update(dict.fromkeys(rows["notices"]))
        tables = []
        for name in ("accuracy", "alignability"):
            table = pd.DataFrame([row for rows in found for row in rows[name]])
            if not table.empty:
                means = over_languages(table, seed=plan.config.seed)
                table = pd.concat([table, means], ignore_index=True)
            tables.append(table)
        return None if tables[0].empty else Effects(*tables)
