"""The stages of the demo, each for all models: what the single commands do, with the demo's settings."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from ..config import from_mapping
from ..evaluation.aligners import read_aligners
from ..evaluation.evaluate import plan_evaluation, run_evaluation
from ..evaluation.probing import ProbeSweep, run_sweep
from ..evaluation.protocol import EvaluateConfig
from ..evaluation.results import save_csv
from ..evaluation.tidy import Evaluation
from ..extraction.run import extract_files
from ..meta.run import MetaTrainConfig, run_meta_training
from ..models.load import load_model
from ..progress import Progress
from ..store import Store
from ..types import RootPolicy
from .plan import Plan
from .settings import LEARNERS, PROBE, SOURCE
from .within import Within

Place = tuple[str, str]  # model's short name, task


@dataclass(frozen=True)
class Learned:
    """The aligners of one model and task."""

    folders: dict[str, Path]  # by learner
    chosen: str  # the learner that is best in the validation languages


def middle_layers(layers: int) -> tuple[int, ...]:
    """A third and two thirds of the way up, where concepts tend to be clearest."""
    return tuple(sorted({max(1, round(layers / 3)), max(1, round(2 * layers / 3))}))


def extract_states(plan: Plan, progress: Progress | None = None) -> dict[str, Store]:
    """A store a model in ``stores/MODEL``: of all layers; of real treebanks, of two, for they are large."""
    stores = {}
    for short, name in plan.models.items():
        model = load_model(name)
        layers = tuple(range(model.layers + 1)) if plan.mini else middle_layers(model.layers)
        within = Within(progress, f"states of {short}", len(plan.files))
        folder = plan.out / "stores" / short
        extract_files(model, plan.files, folder, layers=layers, progress=within)
        within.finish()
        stores[short] = Store.open(folder)
    return stores


def _root(store: Store) -> RootPolicy:
    """Without a sentence-start state nothing can stand for the head of roots."""
    return "start" if store.recipe.has_start else "exclude"


def probe_layers(
    plan: Plan, stores: dict[str, Store], *, seed: int, progress: Progress | None = None
) -> pd.DataFrame:
    """The tidy rows of a probe a model, task, layer and language; ``probes/probes.csv`` holds them too."""
    frames = []
    for short, store in stores.items():
        layers = _layers(store)
        for task in plan.tasks:
            sweep = ProbeSweep(
                langs=plan.roles.all, layers=layers, task=task, root=_root(store), seed=seed, **PROBE
            )
            within = Within(progress, f"probes, {short}, {task}", 1)
            frames.append(run_sweep(store, sweep, plan.out / "probes" / short, within).frame())
            within.finish()
    frame = pd.concat(frames, ignore_index=True)
    save_csv(frame, plan.out / "probes" / "probes.csv")
    return frame


def _layers(store: Store) -> tuple[int, ...]:
    shards = (shard for shard in store.contents() if shard.complete and shard.kind == "states")
    return tuple(sorted({shard.layer for shard in shards if shard.layer is not None}))


def best_layer(probes: pd.DataFrame, languages: tuple[str, ...]) -> int:
    """The layer with the best mean development accuracy over ``languages``; the lowest of equals."""
    rows = probes[(probes["metric"] == "dev_accuracy") & probes["language"].isin(languages)]
    means = {int(str(layer)): float(part["value"].mean()) for layer, part in rows.groupby("layer")}
    return max(sorted(means), key=means.__getitem__)


def choose_layers(plan: Plan, stores: dict[str, Store], probes: pd.DataFrame) -> dict[Place, int]:
    """A layer a model and task, by development words of languages that are not tested in."""
    languages = plan.roles.train + plan.roles.validation
    return {
        (short, task): best_layer(
            probes[(probes["model"] == store.recipe.model) & (probes["task"] == task)], languages
        )
        for short, store in stores.items()
        for task in plan.tasks
    }


def learn(
    plan: Plan,
    stores: dict[str, Store],
    layers: dict[Place, int],
    *,
    seed: int,
    progress: Progress | None = None,
) -> dict[Place, Learned]:
    """Every learner's aligner, in ``aligners/MODEL/TASK/LEARNER``."""
    within = Within(progress, "learning to align", len(layers) * len(LEARNERS), share=0)
    found = {}
    for (short, task), layer in layers.items():
        values = {
            "store": str(stores[short].folder),
            "layers": str(layer),
            "task": task,
            "source": SOURCE,
            "train_langs": ",".join(plan.roles.train),
            "validation_langs": ",".join(plan.roles.validation),
            "target_langs": ",".join(plan.roles.targets),
            "root": _root(stores[short]),
            "seed": seed,
        }
        folders, scores = {}, {}
        for learner, options in LEARNERS.items():
            config = from_mapping(MetaTrainConfig, {**values, "learner": learner, "options": dict(options)})
            folder = plan.out / "aligners" / short / task.replace(":", "-") / learner
            scores[learner] = _validated(run_meta_training(config, folder, progress=within).summary)
            folders[learner] = folder
            within.advance(1)
        found[short, task] = Learned(folders, max(scores, key=scores.__getitem__))
    within.finish()
    return found


def _validated(summary: dict[str, Any]) -> float:
    """Mean accuracy in the validation languages, over zero-shot and few-shot."""
    means = [float(part["mean"]) for part in summary["validation"].values()]
    return sum(means) / len(means)


def evaluate(
    plan: Plan,
    stores: dict[str, Store],
    learned: dict[Place, Learned],
    config: EvaluateConfig,
    progress: Progress | None = None,
) -> Evaluation:
    """Every aligner in the target languages; finished tests are kept in ``evaluation/units/MODEL``."""
    parts = []
    for short, store in stores.items():
        folders = [
            str(folder)
            for (model, _), one in learned.items()
            if model == short
            for folder in one.folders.values()
        ]
        planned = plan_evaluation(read_aligners(folders), store, config)
        within = Within(progress, f"tests of {short}", len(planned.groups))
        units = plan.out / "evaluation" / "units" / short
        parts.append(run_evaluation(planned, units=units, progress=within))
        within.finish()
    stores_of = {short: store.recipe.to_json() for short, store in stores.items()}
    return replace(Evaluation.join(parts), facts={"stores": stores_of})
