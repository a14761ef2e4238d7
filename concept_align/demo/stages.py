"""The stages of the demo for one model: states, probes, alignability, aligners, tests in the targets.

Everything goes through the functions behind the other commands. The layer is chosen by probes on the
development words of the languages learned from, epochs and learner by the validation languages: no choice
looks at a target.
"""

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from ..config import from_mapping
from ..correspondence.build import build_geometry
from ..correspondence.pairs import alignability
from ..evaluation.aligners import read_aligners
from ..evaluation.config import EvaluateConfig, ProbeSweep
from ..evaluation.evaluate import plan_evaluation, run_evaluation
from ..evaluation.probing import best_layer, run_sweep
from ..evaluation.tidy import Evaluation
from ..extraction.run import extract_files
from ..meta.config import MetaTrainConfig
from ..meta.run import run_meta_training
from ..models.load import load_model
from ..progress import Progress
from ..store import Store
from ..types import RootPolicy
from .settings import FEW_WORDS, HALVES, LEARNERS, MEASURE, PERMUTATIONS, PROBE, SHOTS, SOURCE, DemoPlan
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
        store = self.extract(progress)
        probes = self.probe(store, progress)
        scores, shuffled = (self.compare(store, control, progress) for control in (False, True))
        choosing = self.plan.roles.train + self.plan.roles.validation
        layers = {task: best_layer(probes[probes["task"] == task], choosing) for task in self.plan.tasks}
        chosen, folders = self.learn(store, layers, progress)
        evaluation = self.evaluate(store, folders, progress)
        recipe = store.recipe.to_json()
        return ModelFindings(recipe, probes, scores, shuffled, layers, chosen, evaluation)

    def extract(self, progress: Progress | None = None) -> Store:
        """A store in ``stores/MODEL``: of all layers; of real treebanks, of two, for they are large."""
        plan, model = self.plan, load_model(self.plan.models[self.short])
        layers = tuple(range(model.layers + 1)) if plan.mini else middle_layers(model.layers)
        within = StageProgress(progress, f"states of {self.short}", len(plan.files))
        folder = plan.out / "stores" / self.short
        limit = plan.config.limit
        extract_files(model, plan.files, folder, layers=layers, limit=limit, progress=within)
        within.finish()
        return Store.open(folder)

    def probe(self, store: Store, progress: Progress | None = None) -> pd.DataFrame:
        """The tidy rows of a probe per task, layer and language."""
        frames = []
        for task in self.plan.tasks:
            sweep = ProbeSweep(
                langs=self.plan.roles.all, task=task, root=_root(store), seed=self.plan.config.seed, **PROBE
            )
            within = StageProgress(progress, f"probes, {self.short}, {task}", 1)
            frames.append(run_sweep(store, sweep, self.plan.out / "probes" / self.short, within).frame())
            within.finish()
        return pd.concat(frames, ignore_index=True)

    def compare(self, store: Store, control: bool, progress: Progress | None = None) -> pd.DataFrame:
        """Debiased CKA of all pairs of languages, by layer and task; ``control``: of shuffled labels."""
        name = f"comparing languages{', shuffled labels' * control}, {self.short}"
        within = StageProgress(progress, name, 2 * len(self.plan.tasks))
        seed, frames = self.plan.config.seed, []
        for task in self.plan.tasks:
            geometry = build_geometry(
                store, task=task, langs=self.plan.roles.all, root=_root(store),
                halves=0 if control else HALVES, bootstrap=0, shuffled=control, seed=seed, progress=within,
            )  # fmt: skip
            found = alignability(
                geometry, measures=MEASURE, min_count=FEW_WORDS if self.plan.mini else 10,
                permutations=PERMUTATIONS, seed=seed, progress=within,
            )  # fmt: skip
            frames.append(found.frame())
        within.finish()
        return pd.concat(frames, ignore_index=True)

    def learn(
        self, store: Store, layers: dict[str, int], progress: Progress | None = None
    ) -> tuple[dict[str, str], list[str]]:
        """Every learner's aligner in ``aligners/MODEL/TASK/LEARNER``: the best one of each task, and all."""
        within = StageProgress(
            progress, f"learning to align, {self.short}", len(layers) * len(self.learners), share=0
        )
        roles, chosen, folders = self.plan.roles, {}, []
        for task, layer in layers.items():
            values = {
                "store": str(store.folder),
                "layers": str(layer),
                "task": task,
                "source": SOURCE,
                "train_langs": ",".join(roles.train),
                "validation_langs": ",".join(roles.validation),
                "target_langs": ",".join(roles.targets),
                "root": _root(store),
                "seed": self.plan.config.seed,
            }
            scores = {}
            for learner, options in self.learners.items():
                given = {**values, "learner": learner, "options": dict(options)}
                config = from_mapping(MetaTrainConfig, given)
                folder = self.plan.out / "aligners" / self.short / task.replace(":", "-") / learner
                summary = run_meta_training(config, folder, progress=within).summary
                # Mean accuracy in the validation languages, over zero-shot and few-shot.
                means = [float(part["mean"]) for part in summary["validation"].values()]
                scores[learner] = sum(means) / len(means)
                folders.append(str(folder))
                within.advance(1)
            chosen[task] = max(scores, key=scores.__getitem__)
        within.finish()
        return chosen, folders

    def evaluate(self, store: Store, folders: list[str], progress: Progress | None = None) -> Evaluation:
        """Every aligner in the target languages; finished tests are kept in ``evaluation/units/MODEL``."""
        config = EvaluateConfig(
            shots=SHOTS, support_draws=self.plan.config.support_draws, seed=self.plan.config.seed
        )
        planned = plan_evaluation(read_aligners(folders), store, config)
        within = StageProgress(progress, f"tests of {self.short}", len(planned.groups))
        units = self.plan.out / "evaluation" / "units" / self.short
        found = run_evaluation(planned, units=units, progress=within)
        within.finish()
        return found


def _root(store: Store) -> RootPolicy:
    """Without a sentence-start state nothing can stand for the head of roots."""
    return "start" if store.recipe.has_start else "exclude"
