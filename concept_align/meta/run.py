"""A whole run of meta-training: from a store and a configuration to a folder with an aligner.

The folder holds ``config.json`` and ``model.safetensors`` (the aligner), ``training.jsonl``, ``summary.json``
(accuracy on the validation languages), ``run.toml`` (the configuration, to be given back with --config),
``provenance.json``, ``standardiser.safetensors`` (see :mod:`.reference`), and the card, ``README.md`` and
``LICENSE``. While a run is under way, ``checkpoints/`` holds what it needs to go on. All are the same, byte
for byte, however often a run was interrupted.
"""

import json
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import atomic, provenance
from ..config import read_toml, to_mapping, to_toml
from ..errors import LearningError, UsageError
from ..layers import parse_layers
from ..matmul import fast_matmul
from ..progress import Progress, Silent
from ..seeding import derive
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..store import Store
from ..treebanks import registry as treebanks
from ..types import MwtPolicy, RootPolicy, Standardisation
from .card import remove_card, write_card
from .data import Validation
from .languages import branches_of, check_disjoint
from .learners import registry
from .learners.base import Aligner, TrainingData
from .reference import NAME as REFERENCE
from .reference import reference, write_reference
from .train import HISTORY

VALIDATION_SHOTS = (0, 10)


@dataclass(frozen=True)
class MetaTrainConfig:
    """What a run is made from; ``options`` are the learner's own, over its preset's."""

    store: str
    """Folder that extract wrote."""
    layers: str = "-1"
    """Layers whose states are concatenated: 7, 6,9 or -1 (the last); 0 is the embeddings."""
    beside: str = ""
    """Those of the layers whose states of the context (neighbouring words for word classes, the dependent for
    relations) are appended to each item's own. Without, none are, as published."""
    learner: str = "self-train"
    """Any number of labelled sentences: self-train, shrink, closed-form. Published: proto. By gradient steps:
    maml, fomaml, anil, meta-sgd, reptile. Baselines: source-probe, pooled, procrustes, ridge, target-only,
    oracle."""
    preset: str = "default"
    """default, or faithful: as published, for learners that were."""
    task: str = "upos"
    """upos, relation or feature:NAME (feature:Case)."""
    source: str = "en"
    """Source language."""
    train_langs: str = "train"
    """Training languages: en,de,... or the name of a set: all, train, family:germanic."""
    validation_langs: str = "validation"
    """Languages that choose the epoch; none: it is chosen on the training languages."""
    target_langs: str = "targets"
    """Languages set aside for the test; used only to refuse an overlap."""
    family_disjoint: bool = False
    """Refuse targets that share a family with a training language."""
    root: RootPolicy = "start"
    """Head of root words: start (the sentence-start state) or exclude."""
    mwt: MwtPolicy = "share"
    """Words of multiword tokens: share the surface's state, first only, or skip."""
    standardise: Standardisation = "language"
    """Mean and scale that states are standardised by."""
    seed: int = 0
    """Seed of everything drawn at random."""
    options: dict = field(default_factory=dict)
    """Settings of the learner."""


@dataclass(frozen=True)
class Plan:
    """A configuration with its languages and learner worked out, and the features it would load."""

    config: MetaTrainConfig
    store: Store
    features: FeatureSource
    data: TrainingData
    targets: tuple[str, ...]
    learner: Any

    def about(self) -> dict[str, Any]:
        """What the run would do."""
        return {
            "learner": self.learner.name,
            "options": self.learner.config(),
            "source": self.data.source,
            "train": list(self.data.train),
            "validation": list(self.data.validation),
            "targets": list(self.targets),
            "features": {**self.features.describe(), "dim": self.features.dim},
        }


@dataclass(frozen=True)
class Outcome:
    """What a run made."""

    aligner: Aligner
    folder: Path
    summary: dict[str, Any]
    seconds: float  # 0 where the run had been finished before


def plan(config: MetaTrainConfig) -> Plan:
    """Work out languages and learner.

    Raises UsageError for what is unknown or not in the store, LearningError for overlapping languages.
    """
    store = Store.open(config.store)
    learner = registry.create(config.learner, preset=config.preset, task=config.task, options=config.options)
    features = FeatureSource(
        store,
        FeatureSpec(
            config.task,
            parse_layers(config.layers, store.recipe.layers),
            parse_layers(config.beside, store.recipe.layers) if config.beside else (),
            root=config.root,
            mwt=config.mwt,
            standardise=config.standardise,
        ),
    )
    here = features.languages("train")
    train = treebanks.select(config.train_langs, here)
    validation = _select(config.validation_langs, here)
    targets = _select(config.target_langs, {*treebanks.CODES, *features.languages()})
    if config.source not in here:
        raise UsageError(
            f"no training split of {config.source} in the store",
            where="--source",
            remedy=f"there are {', '.join(here) or 'none'}; extract it, or choose another",
        )
    if config.source not in train:
        train = (config.source, *train)
    families = {code: treebanks.language(code).family for code in treebanks.CODES}
    check_disjoint(train, validation, targets, family=families if config.family_disjoint else None)
    data = TrainingData(
        config.source, train, validation, features.concepts, features.load, branches_of(train)
    )
    return Plan(config, store, features, data, targets, learner)


def _select(expression: str, available: Any) -> tuple[str, ...]:
    return () if expression == "none" else treebanks.select(expression, available)


def meta_train(
    planned: Plan, out: str | Path, *, force: bool = False, progress: Progress | None = None
) -> Outcome:
    """Run ``planned`` in the folder ``out``, or go on with it, or take what is finished there.

    Raises LearningError where the folder holds another run's results, unless ``force`` says to replace them.
    """
    out, config, progress = Path(out), planned.config, progress or Silent()
    if force:
        _clear(out)
    # Where the store lies changes nothing, what it holds does: the checkpoints' identity sees to that.
    finished = _finished(out, config)
    if finished:
        return finished
    began = time.monotonic()
    checkpoints = out / "checkpoints"
    atomic.write_text(out / "run.toml", to_toml(config))
    with fast_matmul():
        aligner = planned.learner.fit(planned.data, seed=config.seed, folder=checkpoints, progress=progress)
        summary = {"validation": _validation(planned, aligner), "learner": config.learner}
    if (checkpoints / HISTORY).exists():
        atomic.write_bytes(out / HISTORY, (checkpoints / HISTORY).read_bytes())
    about = {key: value for key, value in planned.about().items() if key != "options"}
    about["notes"] = dict(sorted(planned.features.notes.items()))
    about["treebanks"] = {
        language: planned.features.treebank(language)
        for language in (*planned.data.train, *planned.data.validation)
    }
    facts = provenance.collect(**about, store=planned.store.recipe.to_json())
    atomic.write_json(out / "provenance.json", facts)
    atomic.write_json(out / "summary.json", summary)
    write_reference(out, reference(planned.features, planned.data.train))
    write_card(out, facts, summary, options=planned.learner.config(), seed=config.seed)
    # config.json comes last: a folder that has it is finished.
    aligner.save_pretrained(out)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return Outcome(aligner, out, summary, time.monotonic() - began)


def _validation(planned: Plan, aligner: Aligner) -> dict[str, Any]:
    """Accuracy in each validation language and their mean, zero-shot and few-shot (without smoothing)."""
    seed = derive(planned.config.seed, "summary")
    validation = Validation(planned.data, least=1, seed=seed)
    by_shots: dict[int, dict[str, float]] = {shots: {} for shots in VALIDATION_SHOTS}
    # What is learned of a language's unlabelled words serves all its supports while they follow each other.
    for language, query in validation.queries.items():
        unlabelled = validation.load(language, "train").x if aligner.transductive else None
        for shots, languages in by_shots.items():
            support = validation.support(language, shots) if shots else None
            predicted = aligner.adapt(support, unlabelled=unlabelled, seed=seed).predict(query.x)
            languages[language] = float((predicted == query.y).double().mean())
    return {
        str(shots): {"mean": sum(languages.values()) / len(languages), "languages": languages}
        for shots, languages in by_shots.items()
    }


def _finished(out: Path, config: MetaTrainConfig) -> Outcome | None:
    """What a finished run of ``config`` left in ``out``; None if the folder is free or the run goes on."""
    if not (out / "run.toml").exists():
        return None
    there = read_toml(out / "run.toml", MetaTrainConfig)
    if to_mapping(replace(there, store=config.store)) != to_mapping(config):
        raise LearningError(
            "the folder holds a run with another configuration",
            where=str(out / "run.toml"),
            remedy="choose another --out, or --force to begin anew",
        )
    if not (out / "config.json").exists():
        return None
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
    summary = json.loads((out / "summary.json").read_text())
    return Outcome(Aligner.from_pretrained(out), out, summary, 0.0)


def _clear(out: Path) -> None:
    """Remove what a run writes, and nothing else."""
    names = ("config.json", "model.safetensors", HISTORY, "summary.json", "run.toml", "provenance.json")
    for name in (*names, REFERENCE):
        (out / name).unlink(missing_ok=True)
    remove_card(out)
    shutil.rmtree(out / "checkpoints", ignore_errors=True)
