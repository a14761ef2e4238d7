"""Trials taken one by one; what is finished is kept, and is not asked again.

What lies in a study's folder: ``study.json``, what its answers were made from; ``units``, the answers, a line
each; ``aligners``, what learners of states learned; ``effects``, what demonstrations do to concept spaces.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from .. import atomic, hashing
from ..cache import Kept
from ..errors import ConceptAlignError, UsageError
from ..evaluation.evaluate import TABLES
from ..evaluation.predictions import PredictionLog
from ..outputs import PAGE_FILES, OutputLayout
from ..reading import read_json_object
from ..spaces.features import Features
from .base import LabelScores
from .config import NONE, OWN, Layer
from .effects import ByLayer, Effects, PairedStates, accuracy_effects, alignability_effects, over_languages
from .evidence import OUTPUT, AnswerKey, labelled, predictions
from .nats import NATS, NatsLog, gold_nats
from .plan import Trial
from .session import PromptSession, calibrated, stacked, states
from .state_learners import StateLearners

STUDY = "study.json"
CHOICES = "selectors"  # in it: what the choices of each depend on
KEPT = (STUDY, "units", "aligners", "effects", "selection", "selector")
LAYOUT = OutputLayout(
    "icl",
    (
        *KEPT,
        *TABLES,
        "effects-*.csv",
        "selection.csv",
        "usefulness*.csv",
        "icl.json",
        "run.toml",
        *PAGE_FILES,
    ),
    ((STUDY, '"queries"'),),
)
CALIBRATED = "-calibrated"
FEWEST = 5  # items of a concept that spaces are compared by: queries are few
HALF = 6e4  # what fits 16 bits is held in them
SPACES = 3  # languages that a target may move towards, the demonstrations' own among them


def claim(out: Path, made_from: Mapping[str, Any], choices: Mapping[str, Any] | None = None) -> None:
    """Take the folder for this study, or refuse to where it holds another one.

    ``choices``: what the choices of each selector depend on. A selector that is not there yet may be added.
    """
    path = out / STUDY
    made, chosen, there = hashing.as_json(made_from), hashing.as_json(choices or {}), {}
    if path.is_file():
        with suppress(ConceptAlignError):
            there = read_json_object(path)
    known = there.pop(CHOICES, {})
    differing = _differing(there, made) if there else []
    for name in sorted({*chosen} & {*known}):
        differing += [f"{one} of the selector {name}" for one in _differing(known[name], chosen[name])]
    if differing:
        what, remedy = ", ".join(differing), "choose another out folder, or begin anew with force"
        raise UsageError(f"holds a study of another {what}", where=str(out), remedy=remedy)
    chosen = known | chosen
    atomic.write_json(path, made | ({CHOICES: chosen} if chosen else {}))


def _differing(there: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What differs, with both values."""
    keys = sorted(key for key in {*now, *there} if now.get(key) != there.get(key))
    return [f"{key} ({there.get(key)}, now {now.get(key)})" for key in keys]


class TrialRunner:
    """Takes trials, and knows which are finished: ``logs``, kept in ``out`` where there is a folder."""

    def __init__(
        self,
        session: PromptSession,
        out: Path | None,
        layers: tuple[Layer, ...],
        made_from: Mapping[str, Any],
        gold: Mapping[str, Features],
    ) -> None:
        self.session, self.plan, self.out, self.layers = session, session.plan, out, layers
        self.made_from, self.gold = made_from, gold
        self.logs: dict[AnswerKey, PredictionLog] = {}
        self.nats: dict[AnswerKey, NatsLog] = {}
        learnt_from = {**made_from, "demonstrations": None}
        self.learners = StateLearners(session, layers, self._folder("aligners"), learnt_from)
        self.effects = EffectRecorder(self.learners, Kept.json(self._folder("effects")), made_from)

    def _folder(self, name: str) -> Path | None:
        return None if self.out is None else self.out / name

    def log(self, key: AnswerKey, identity: Mapping[str, Any] | None = None) -> PredictionLog:
        """The finished trials of one kind; ``identity`` tells what a learner learned from, or a choice."""
        if key not in self.logs:
            words = self.gold[key.language].words
            self.logs[key] = PredictionLog(self._path(key), self._identity(key, identity), words)
        return self.logs[key]

    def nats_log(self, key: AnswerKey, identity: Mapping[str, Any] | None = None) -> NatsLog:
        """The same trials in nats, where the gold labels are fed back."""
        if key not in self.nats:
            queries = len(self.session.queries(key.language))
            self.nats[key] = NatsLog(self._path(key, NATS), self._identity(key, identity), queries)
        return self.nats[key]

    def _path(self, key: AnswerKey, kind: str = "") -> Path | None:
        folder = self._folder("units")
        name = re.sub(r"[^\w.+-]", "_", f"{key.learner}-{key.layer}{kind}")
        return None if folder is None else folder / name / f"{key.source}-{key.language}.jsonl"

    def _identity(self, key: AnswerKey, identity: Mapping[str, Any] | None) -> dict[str, Any]:
        shown = key.language if key.source == OWN else key.source
        return {
            **self.made_from,
            "demonstrations": None if shown == NONE else self.session.digest(shown, "train"),
            "source": key.source,
            "learner": key.learner,
            "layer": key.layer,
            "queries": self.session.digest(key.language, "test"),
            "aligner": identity,
        }

    def take(self, trial: Trial) -> None:
        """Ask the model where an answer is missing; learners answer from the same states."""
        place, name = (trial.k, trial.draw), trial.variant.name
        wanted = {name: predictions}
        if self.plan.config.calibrate and not trial.variant.contextual:
            wanted[name + CALIBRATED] = lambda scores: predictions(calibrated(scores))
        chosen = self.session.made_from(trial.variant)
        plain = [
            (self.log(AnswerKey(OUTPUT, one, trial.source, trial.language), chosen), answer)
            for one, answer in wanted.items()
        ]
        plain = [(log, answer) for log, answer in plain if place not in log.done]
        learners = [found for found in self._learners(trial) if place not in found[0].done]
        nats = []
        if self.plan.config.feedback == "gold":
            nats = [self.nats_log(AnswerKey(OUTPUT, name, trial.source, trial.language), chosen)]
            nats = [log for log in nats if place not in log.done]
        if self.session.repeats(trial):
            for log in [*(log for log, _ in plain), *(log for log, _, _, _ in learners)]:
                log.add(place, log.done[trial.k, 0])
            for one in nats:
                one.add(place, one.done[trial.k, 0])
            return
        moves = self.effects.wanted(trial)
        if not (plain or learners or moves or nats):
            return
        layers = self.layers if moves else [layer for _, _, layer, _ in learners]
        queries = self.session.queries(trial.language)
        answers = self.session.answers(trial, queries, layers)
        for one in nats:
            one.add(place, gold_nats(answers, queries))
        if moves:
            self.effects.take(trial, answers)
        for log, answer in plain:
            log.add(place, answer(stacked(answers)))
        for log, source, layer, learner in learners:
            log.add(place, self.learners.answers(source, trial, layer, learner, states(answers, layer)))

    def _learners(self, trial: Trial) -> list[tuple[PredictionLog, str, Layer, str]]:
        """(finished trials, language of demonstrations, layer, learner) that answer ``trial`` as well.

        A prompt without demonstrations is the same for every language of demonstrations, but what learners
        learn is not: their source is.
        """
        plan = self.plan
        if trial.k not in plan.align_k or trial.variant != plan.variants[0]:
            return []
        found = []
        for source in [trial.source] if trial.k else plan.named:
            if source not in plan.named or trial.language not in plan.targets_of(source):
                continue
            for layer, learner in product(self.layers, plan.config.learners):
                key = AnswerKey(str(layer), learner.replace(":", "-"), source, trial.language)
                # Of all numbers of demonstrations at once: a log holds several.
                identity = self.learners.identity(source, -1, layer, learner)
                found.append((self.log(key, identity), source, layer, learner))
        return found


class EffectRecorder:
    """Measures effects while a study's trials are taken; only what comes out is ``kept``.

    For each target and language of demonstrations, the states of the same queries without and with the most
    demonstrations (the first draw) are compared; the spaces they may move towards are those of the training
    languages of aligned in-context learning, the demonstrations' own among them, read without demonstrations.
    """

    def __init__(
        self, learners: StateLearners, kept: Kept[dict[str, Any]], made_from: Mapping[str, Any]
    ) -> None:
        self.learners, self.kept, self.made_from = learners, kept, made_from
        self.session, self.plan = learners.session, learners.session.plan
        self.layers = tuple(layer for layer in learners.layers if isinstance(layer, int))
        self._held: dict[str, ByLayer] = {}  # by target, without demonstrations
        self._measured: dict[str, dict[str, Any]] = {}  # in this run, kept or not

    def wanted(self, trial: Trial) -> list[str]:
        """The languages of demonstrations that the states of ``trial`` are needed for."""
        config, most = self.plan.config, max(self.plan.config.k)
        asked = config.effects and self.layers and most and 0 in config.k
        if not asked or trial.variant != self.plan.variants[0] or trial.draw or trial.k not in (0, most):
            return []
        return [
            source
            for source in self.plan.named
            if (not trial.k or source == trial.source)
            and trial.language in self.plan.targets_of(source)
            and self._find(source, trial.language) is None
        ]

    def take(self, trial: Trial, answers: Sequence[LabelScores]) -> None:
        """Hold the states without demonstrations; compare those with them."""
        language, source = trial.language, trial.source
        by_layer: dict[str, Features] = {}
        for layer in self.layers:
            x = states(answers, layer)
            x = x.half() if not trial.k and x.abs().max() < HALF else x
            queries = self.session.queries(language)
            by_layer[str(layer)] = labelled(language, self.plan.task.concepts, queries, x)
        if not trial.k:
            self._held[language] = by_layer
            return
        features = self.learners.features(source, 0)
        spaces = {
            code: {str(layer): features[code, layer] for layer in self.layers}
            for code in self._spaces(source)
        }
        given = PairedStates(language, source, self._held[language], by_layer, spaces)
        seed = self.plan.config.seed
        many: dict[str, Any] = {"resamples": 500, "seed": seed}
        few: dict[str, Any] = {"min_count": FEWEST, "permutations": 200, "draws": 100, "seed": seed}
        found: dict[str, Any] = {"accuracy": [], "alignability": [], "notices": []}
        for name, measure, options in (
            ("accuracy", accuracy_effects, many),
            ("alignability", alignability_effects, few),
        ):
            try:
                found[name] = measure(given, **options)
            except ConceptAlignError as error:
                about = f"{language}, demonstrations in {source}"
                found["notices"].append(f"{about}: no effects on {name}: {error.message}")
        self._measured[f"{source}-{language}"] = hashing.as_json(found)  # in the order that a kept one has
        self.kept.put(f"{source}-{language}", self._identity(source, language), found)

    def found(self) -> Effects | None:
        """All that was measured, with means over targets; None where nothing was."""
        if not self.plan.config.effects:
            return None
        pairs = [(source, code) for source in self.plan.named for code in self.plan.targets_of(source)]
        found = [rows for pair in pairs if (rows := self._find(*pair))]
        for notice in (notice for rows in found for notice in rows["notices"]):
            self.session.note(notice)
        tables = []
        for name in ("accuracy", "alignability"):
            table = pd.DataFrame([row for rows in found for row in rows[name]])
            if not table.empty:
                means = over_languages(table, seed=self.plan.config.seed)
                table = pd.concat([table, means], ignore_index=True)
            tables.append(table)
        return None if tables[0].empty else Effects(*tables)

    def _spaces(self, source: str) -> tuple[str, ...]:
        return self.plan.trained_on(source)[:SPACES]

    def _identity(self, source: str, language: str) -> dict[str, Any]:
        digest = self.session.digest
        return {
            **self.made_from,
            "queries": digest(language, "test"),
            "spaces": {code: digest(code, "train") for code in self._spaces(source)},
            "layers": self.layers,
            "k": max(self.plan.config.k),
            "variant": self.plan.variants[0].name,
        }

    def _find(self, source: str, language: str) -> dict[str, Any] | None:
        name = f"{source}-{language}"
        return self._measured.get(name) or self.kept.find(name, self._identity(source, language))
