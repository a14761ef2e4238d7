"""A study run: every test once, what is finished kept on disk, and the evidence of it all."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import atomic
from ..errors import UsageError
from ..evaluation.predictions import Place, PredictionLog, Predictions
from ..evaluation.tidy import Evaluation
from ..progress import Progress, Silent
from ..spaces.features import Features
from .aligned import Aligned, layer_name
from .asking import SCORES, Ask, calibrated, stacked, states
from .effects import Effects
from .found import OUTPUT, Asked, Evidences, labelled, majority, predictions
from .moved import Moved
from .plan import NONE, OWN, Plan, Test

STUDY = "study.json"  # what the folder's tests were made from
CALIBRATED = "-calibrated"


@dataclass(frozen=True, eq=False)
class Studied:
    """What a study found, and what decided its numbers."""

    plan: Plan
    evaluation: Evaluation
    notices: list[str]
    facts: Mapping[str, Any]
    effects: Effects | None = None  # of demonstrations on concept spaces


def run(
    plan: Plan,
    ask: Ask,
    out: str | Path,
    *,
    layers: tuple[int, ...] = (),
    force: bool = False,
    progress: Progress | None = None,
) -> Studied:
    """Run ``plan`` in the folder ``out``, or go on with what was finished there.

    ``layers`` are those of aligned in-context learning. Neither the order of languages nor an interruption
    changes an answer. Raises UsageError where the folder holds a study of another configuration, unless
    ``force`` says to begin anew.
    """
    scorer = ask.scorers[plan.config.templates[0]]
    made_from = {**plan.config.decides(), "model": scorer.name, "revision": scorer.revision}
    claim(Path(out), made_from, force=force)
    gold = {
        language: labelled(language, plan.task.concepts, ask.queries(language)) for language in plan.targets
    }
    tests = _Tests(plan, ask, Path(out), layers, made_from, gold)
    everything = plan.all_tests()
    bar = (progress or Silent()).bar(f"{plan.config.task}, {scorer.name}", len(everything), unit="tests")
    for test in everything:
        bar.note(f"{test.language} {test.variant.name}, {test.k} in {test.source}")
        tests.take(test)
        bar.advance()
    shown = [code for code in plan.sources if code != OWN]
    shown += plan.targets if OWN in plan.sources else ()
    commonest = {code: majority(ask.candidates(code), len(plan.task.concepts)) for code in shown}
    evidences = Evidences(plan, scorer.name, scorer.revision, gold, commonest)
    answers = {asked: log.done for asked, log in tests.logs.items()}
    moved = tests.moved.found()
    notices = list(ask.notices)
    evaluation = evidences.evaluation(_asked_for(plan, answers), notices)
    return Studied(plan, evaluation, notices, made_from, moved)


def _asked_for(
    plan: Plan, answers: Mapping[Asked, Mapping[Place, Predictions]]
) -> dict[Asked, dict[Place, Predictions]]:
    """Of what is there, what the plan asks for: an earlier run may have had more draws."""
    found: dict[Asked, dict[Place, Predictions]] = {}
    for asked, units in answers.items():
        kept = {
            (k, draw): unit
            for (k, draw), unit in units.items()
            if k in plan.config.k and draw < (plan.config.draws if k else 1)
        }
        if kept:
            found[asked] = kept
    return found


def claim(out: Path, made_from: Mapping[str, Any], *, force: bool) -> None:
    """Take the folder for this study, or refuse to where it holds another one."""
    import shutil

    path = out / STUDY
    if force:
        for name in ("units", "aligners", "effects"):
            shutil.rmtree(out / name, ignore_errors=True)
        path.unlink(missing_ok=True)
    made = json.loads(json.dumps(made_from))
    if path.is_file():
        try:
            there = json.loads(path.read_text())
        except ValueError:
            there = {}
        differing = sorted(key for key in {*made, *there} if made.get(key) != there.get(key))
        if differing:
            raise UsageError(
                "holds a study of another "
                + ", ".join(f"{key} ({there.get(key)}, now {made.get(key)})" for key in differing),
                where=str(out),
                remedy="choose another --out, or begin anew with --force",
            )
    atomic.write_json(path, made)


@dataclass
class _Tests:
    """Takes tests, and knows which are finished."""

    plan: Plan
    ask: Ask
    out: Path
    layers: tuple[int, ...]
    made_from: Mapping[str, Any]
    gold: Mapping[str, Features]

    def __post_init__(self) -> None:
        self.logs: dict[Asked, PredictionLog] = {}
        self.aligned = Aligned(self.ask, self.layers, self.out / "aligners", self._made_from(NONE, "train"))
        self.moved = Moved(self.ask, self.aligned, self.out / "effects", self.made_from)

    def _made_from(self, source: str, language: str) -> dict[str, Any]:
        """What the answers on ``language`` with demonstrations in ``source`` depend on."""
        shown = None if source == NONE else self.ask.digest(language if source == OWN else source, "train")
        return {**self.made_from, "demonstrations": shown}

    def log(self, asked: Asked, identity: Callable[[], Mapping[str, Any]] | None = None) -> PredictionLog:
        """The finished tests of one kind; ``identity`` tells what a learner learned from."""
        if asked not in self.logs:
            made_from = self._made_from(asked.source, asked.language)
            made_from |= {"source": asked.source, "learner": asked.learner, "layer": asked.layer}
            made_from |= {"queries": self.ask.digest(asked.language, "test")}
            made_from |= {"aligner": identity() if identity else None}
            name = re.sub(r"[^\w.+-]", "_", f"{asked.learner}-{asked.layer}")
            path = self.out / "units" / name / f"{asked.source}-{asked.language}.jsonl"
            self.logs[asked] = PredictionLog(path, made_from, self.gold[asked.language].words)
        return self.logs[asked]

    def take(self, test: Test) -> None:
        """Ask the model where an answer is missing; learners answer from the same states."""
        place = (test.k, test.draw)
        plain = self.log(Asked(OUTPUT, test.variant.name, test.source, test.language))
        corrected = None
        if self.plan.config.calibrate and not test.variant.contextual:
            name = test.variant.name + CALIBRATED
            corrected = self.log(Asked(OUTPUT, name, test.source, test.language))
        learners = [found for found in self._learners(test) if place not in found[0].done]
        if self.ask.repeats(test):
            first = (test.k, 0)
            for log in [plain, *([corrected] if corrected else []), *(found[0] for found in learners)]:
                if place not in log.done:
                    log.add(place, log.done[first])
            return
        moves = self.moved.wanted(test)
        asked = place in plain.done and (corrected is None or place in corrected.done)
        if asked and not learners and not moves:
            return
        layers = sorted({*(layer for _, _, layer, _ in learners), *(self.layers if moves else ())} - {SCORES})
        answers = self.ask.answers(test, self.ask.queries(test.language), layers)
        if moves:
            self.moved.take(test, answers)
        scores = stacked(answers)
        if place not in plain.done:
            plain.add(place, predictions(scores))
        if corrected is not None and place not in corrected.done:
            corrected.add(place, predictions(calibrated(scores)))
        for log, source, layer, learner in learners:
            log.add(place, self.aligned.answers(source, test, layer, learner, states(answers, layer)))

    def _learners(self, test: Test) -> list[tuple[PredictionLog, str, int, str]]:
        """(finished tests, language of demonstrations, layer, learner) that answer ``test`` as well.

        A prompt without demonstrations is the same for every language of demonstrations, but what learners
        learn is not: their source is.
        """
        plan = self.plan
        if not plan.aligns or test.k not in plan.align_k or test.variant != plan.variants[0]:
            return []
        sources = [test.source] if test.k else [source for source in plan.sources if source != OWN]
        found = []
        for source in sources:
            if source == OWN or test.language not in plan.targets_of(source):
                continue
            for layer in self.layers:
                for learner in plan.config.learners:
                    asked = Asked(layer_name(layer), learner.replace(":", "-"), source, test.language)
                    parts = (source, test.k, layer, learner)
                    # Of all numbers of demonstrations at once: a log holds several.
                    identity = self.aligned.identity(source, -1, layer, learner)
                    log = self.log(asked, lambda identity=identity: identity)  # type: ignore[misc]
                    found.append((log, parts[0], parts[2], parts[3]))
        return found
