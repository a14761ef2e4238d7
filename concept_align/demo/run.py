"""The whole line on a small sample: extract, probe, learn to align, test in languages not seen.

Everything goes through the functions behind the other commands, with settings that suit some dozen
sentences a language; the layer is chosen by probes on the development words of the languages learned from.
"""

import shutil
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import UsageError
from ..evaluation.campaign import evaluate_saved, plan
from ..evaluation.probe_units import Sweep
from ..evaluation.probing import sweep
from ..evaluation.protocol import Protocol
from ..evaluation.results import save_csv, table
from ..evaluation.run import Evaluation
from ..evaluation.trained import read_all
from ..extract import extract
from ..meta.run import configure, meta_train
from ..meta.run import plan as plan_training
from ..models.load import load
from ..progress import Progress
from ..report.write import write_evaluation
from ..spaces.probe import probe_config
from ..store import Store
from ..treebanks.discover import TreebankFile, find

SOURCE, TRAIN, VALIDATION, TARGETS = "en", ("en", "de", "es", "ru"), ("fi",), ("tr", "zh", "hi", "ar")
SHOTS = (0, 1, 5)
TASK = "upos"
PARTS = ("store", "probe", "aligners", "evaluation")

# Defaults are for thousands of sentences: with 14, a batch of 512 words is all there is.
_SMALL: dict[str, Any] = {"least": 2}
LEARNERS: dict[str, dict[str, Any]] = {
    "source-probe": _SMALL,
    "pooled": {**_SMALL, "batch": 32, "epochs": 15},
    "proto": {**_SMALL, "epochs": 10, "episodes": 10, "queries": 6, "validation_shots": 5},
    "shrink": {
        **_SMALL,
        "batch": 32,
        "pooled_epochs": 15,
        "epochs": 5,
        "episodes": 10,
        "queries": 6,
        "shots": [0, 0, 1, 5],
        "validation_shots": [0, 1, 5],
    },
}


@dataclass(frozen=True)
class Roles:
    """Which languages are learned from, choose the epoch and are tested on."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    targets: tuple[str, ...]

    @property
    def all(self) -> tuple[str, ...]:
        return self.train + self.validation + self.targets


@dataclass(frozen=True)
class Shown:
    """What the demo made."""

    folder: Path
    model: str
    layer: int
    roles: Roles
    frame: pd.DataFrame  # the tidy rows of the evaluation
    probes: pd.DataFrame  # the tidy rows of the layer sweep
    seconds: float


def default_treebanks() -> Path:
    """The sample treebanks of a checkout: beside the package, or in the current folder."""
    for root in (Path(__file__).parents[2], Path.cwd()):
        if (sample := root / "ud_data" / "sample").is_dir():
            return sample
    raise UsageError(
        "the sample treebanks are not here",
        where="--treebanks",
        remedy="run the demo in a checkout of the project, or name a UD release with --treebanks",
    )


def assign_roles(present: Collection[str]) -> Roles:
    """The demo's languages among those ``present``. UsageError without the source, another and a target."""
    roles = Roles(
        *(tuple(code for code in group if code in present) for group in (TRAIN, VALIDATION, TARGETS))
    )
    if SOURCE not in roles.train or len(roles.train) < 2 or not roles.validation or not roles.targets:
        raise UsageError(
            f"too few languages: {', '.join(sorted(present)) or 'none'}; needed are {SOURCE}, one more "
            f"of {', '.join(TRAIN)}, as well as {', '.join(VALIDATION)} and one of {', '.join(TARGETS)}",
            where="--treebanks",
            remedy="name a UD release that has them, or leave --treebanks out",
        )
    return roles


def middle_layers(layers: int) -> tuple[int, ...]:
    """A third and two thirds of the way up, where concepts tend to be clearest."""
    return tuple(sorted({max(1, round(layers / 3)), max(1, round(2 * layers / 3))}))


def best_layer(probes: pd.DataFrame, languages: Collection[str]) -> int:
    """The layer with the best mean development accuracy over ``languages``; the lowest of equals."""
    rows = probes[(probes["metric"] == "dev_accuracy") & probes["language"].isin(languages)]
    means = {int(str(layer)): float(part["value"].mean()) for layer, part in rows.groupby("layer")}
    return max(sorted(means), key=means.__getitem__)


def demo(
    model: str,
    treebanks: str | Path,
    out: str | Path,
    *,
    draws: int = 5,
    seed: int = 0,
    force: bool = False,
    progress: Progress | None = None,
) -> Shown:
    """Run every stage in the folder ``out``; what is finished there is not done again.

    ``force`` removes what an earlier demo left in ``out``. Raises UsageError for languages that are
    missing, and whatever the stages raise.
    """
    began, out = time.monotonic(), Path(out)
    if force:
        for part in PARTS:
            shutil.rmtree(out / part, ignore_errors=True)
    files = find(treebanks)
    roles = assign_roles({file.language for file in files})
    store, layers = _extract(model, files, roles, out, progress)
    probes = _probe(store, roles, layers, out, seed, progress)
    layer = best_layer(probes, roles.train + roles.validation)
    for learner, options in LEARNERS.items():
        _learn(learner, options, roles, layer, out, seed, progress)
    evaluation = _evaluate(store, out, draws=draws, seed=seed, progress=progress)
    return Shown(out, model, layer, roles, table(evaluation.results), probes, time.monotonic() - began)


def _extract(
    model: str, files: Collection[TreebankFile], roles: Roles, out: Path, progress: Progress | None
) -> tuple[Store, tuple[int, ...]]:
    loaded = load(model)
    layers = middle_layers(loaded.layers)
    wanted = [file for file in files if file.language in roles.all]
    extract(loaded, wanted, out / "store", layers=layers, progress=progress)
    return Store.open(out / "store"), layers


def _probe(
    store: Store, roles: Roles, layers: tuple[int, ...], out: Path, seed: int, progress: Progress | None
) -> pd.DataFrame:
    config = probe_config("fast", epochs=30, batch_sentences=4)
    swept = Sweep(languages=roles.all, layers=layers, task=TASK, config=config, seed=seed)
    frame = table(sweep(store, swept, out / "probe", progress).results)
    save_csv(frame, out / "probe" / f"probe-{TASK}.csv")
    return frame


def _learn(
    learner: str,
    options: Mapping[str, Any],
    roles: Roles,
    layer: int,
    out: Path,
    seed: int,
    progress: Progress | None,
) -> None:
    values = {
        "store": str(out / "store"),
        "layers": str(layer),
        "learner": learner,
        "task": TASK,
        "source": SOURCE,
        "train_langs": ",".join(roles.train),
        "validation_langs": ",".join(roles.validation),
        "target_langs": ",".join(roles.targets),
        "seed": seed,
        "options": dict(options),
    }
    planned = plan_training(configure(None, values))
    meta_train(planned, out / "aligners" / learner, progress=progress)


def _evaluate(store: Store, out: Path, *, draws: int, seed: int, progress: Progress | None) -> Evaluation:
    aligners = read_all([str(out / "aligners" / learner) for learner in LEARNERS])
    campaign = plan(aligners, store, None)
    protocol = Protocol(shots=SHOTS, draws=draws, seed=seed)
    folder = out / "evaluation"
    (evaluation,) = evaluate_saved(campaign, protocol, units=folder / "units", progress=progress)
    write_evaluation([evaluation], folder, protocol=protocol, facts={"store": store.recipe.to_json()})
    return evaluation
