"""The stages of the demo for one model: states, probes, alignability, aligners, tests in the targets.

Everything goes through the functions behind the other commands. The layer is chosen by probes on the
development words of the languages learned from, epochs and learner by the validation languages: no choice
looks at a target.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from ..correspondence.build import build_geometry
from ..correspondence.pairs import alignability
from ..evaluation.aligners import read_aligners
from ..evaluation.config import EvaluateConfig, ProbeSweep
from ..evaluation.evaluate import run_evaluation
from ..evaluation.plan import plan_evaluation
from ..evaluation.probing import best_layer, run_sweep
from ..evaluation.tidy import Evaluation
from ..extraction.run import extract_files
from ..meta.run import run_meta_training
from ..models.load import load_model
from ..outputs import part_of
from ..progress import Progress
from ..store import Store
from ..types import RootPolicy
from .settings import (
    COMMAND,
    FEW_WORDS,
    HALVES,
    LEARNERS,
    MEASURE,
    PERMUTATIONS,
    PROBE,
    SHOTS,
    SOURCE,
    DemoPlan,
)
from .stage_progress import StageProgress


@dataclass(frozen=True, eq=False)
class ModelFindings:
    """What the stages gave for one model; the frames name it as its store does."""

    recipe: dict[str, Any]
    probes: pd.DataFrame
    scores: pd.DataFrame
    shuffled: pd.DataFrame  # scores with labels shuffled over words
    layers: dict[str, int]  # by task
    chosen: dict[str, str]  # by task, the learner that is best in the validation languages
    evaluation: Evaluation


def middle_layers(layers: int) -> tuple[int, ...]:
    """A third and two thirds of the way up, where concepts tend to be clearest."""
    return tuple(sorted({max(1, round(layers / 3)), max(1, round(2 * layers / 3))}))


@dataclass(frozen=True)
class ModelStages:
    """All stages for the model called ``short``; ``learners`` are learners with their options."""

    plan: DemoPlan
    short: str
    learners: dict[str, dict[str, Any]] = field(default_factory=lambda: dict(LEARNERS))

    def run(self, progress: Progress | None = None) -> ModelFindings:
        """Run every stage; what is finished in the demo's folder is not done again."""
        with part_of(self.plan.out, COMMAND):
            return self._run(progress)

    def _run(self, progress: Progress | None) -> ModelFindings:
        stage = partial(StageProgress, progress)
        tasks, roles, short = self.plan.tasks, self.plan.roles, self.short
        with stage(f"states of {short}", len(self.plan.files)) as within:
            store = self._store(within)
        parts = []
        for task in tasks:
            with stage(f"probes, {short}, {task}", 1) as within:
                sweep = ProbeSweep(langs=roles.all, task=task, root=_root(store), seed=self._seed, **PROBE)
                parts.append(run_sweep(store, sweep, self.plan.out / "probes" / short, within).frame())
        probes = pd.concat(parts, ignore_index=True)
        scores = []
        for control in (False, True):
            name = f"comparing languages{', shuffled labels' * control}, {short}"
            with stage(name, 2 * len(tasks)) as within:
                parts = [self._compared(store, task, control, within) for task in tasks]
            scores.append(pd.concat(parts, ignore_index=True))
        choosing = roles.train + roles.validation
        layers = {task: best_layer(probes[probes["task"] == task], choosing) for task in tasks}
        with stage(f"learning to align, {short}", len(layers) * len(self.learners), share=0) as within:
            learned = {task: self._learned(store, task, layers[task], within) for task in tasks}
        chosen = {task: max(of, key=lambda name: of[name][0]) for task, of in learned.items()}
        aligners = read_aligners([folder for of in learned.values() for _, folder in of.values()])
        draws = self.plan.config.support_draws
        config = EvaluateConfig(shots=SHOTS, support_draws=draws, seed=self._seed)
        planned = plan_evaluation(aligners, store, config)
        with stage(f"tests of {short}", len(planned.groups)) as within:
            units = self.plan.out / "evaluation" / "units" / short
            evaluation = run_evaluation(planned, units=units, progress=within)
        return ModelFindings(store.recipe.to_json(), probes, scores[0], scores[1], layers, chosen, evaluation)

    @property
    def _seed(self) -> int:
        return self.plan.config.seed

    def _store(self, progress: Progress) -> Store:
        """States in ``stores/MODEL``: of all layers; of real treebanks, of two, for they are large."""
        plan, model = self.plan, load_model(self.plan.models[self.short])
        layers = tuple(range(model.layers + 1)) if plan.mini else middle_layers(model.layers)
        folder = plan.out / "stores" / self.short
        extract_files(model, plan.files, folder, layers=layers, limit=plan.config.limit, progress=progress)
        return Store.open(folder)

    def _compared(self, store: Store, task: str, control: bool, progress: Progress) -> pd.DataFrame:
        """Debiased CKA of all pairs of languages, layer by layer; ``control``: of shuffled labels."""
        geometry = build_geometry(
            store, task=task, langs=self.plan.roles.all, root=_root(store), halves=0 if control else HALVES,
            bootstrap=0, shuffled=control, seed=self._seed, progress=progress,
        )  # fmt: skip
        return alignability(
            geometry, measures=MEASURE, min_count=FEW_WORDS if self.plan.mini else 10,
            permutations=PERMUTATIONS, seed=self._seed, progress=progress,
        ).frame()  # fmt: skip

    def _learned(
        self, store: Store, task: str, layer: int, progress: StageProgress
    ) -> dict[str, tuple[float, str]]:
        """Every learner's score, and its aligner's folder, ``aligners/MODEL/TASK/LEARNER``.

        The score is the mean accuracy in the validation languages, over zero-shot and few-shot.
        """
        roles, found = self.plan.roles, {}
        for learner, options in self.learners.items():
            folder = self.plan.out / "aligners" / self.short / task.replace(":", "-") / learner
            summary = run_meta_training(
                store, folder, settings=options, progress=progress, learner=learner, layers=(layer,),
                task=task, source=SOURCE, train_langs=roles.train, validation_langs=roles.validation,
                target_langs=roles.targets, root=_root(store), seed=self._seed,
            ).summary  # fmt: skip
            means = [float(part["mean"]) for part in summary["validation"].values()]
            found[learner] = sum(means) / len(means), str(folder)
            progress.advance(1)
        return found


def _root(store: Store) -> RootPolicy:
    """Without a sentence-start state nothing can stand for the head of roots."""
    return "start" if store.recipe.has_start else "exclude"
