"""Learners by name, and which presets each has. To add one: a module here and a line in ``_PLACES``."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...config import from_mapping
from ...errors import LearningError, UsageError
from .base import Aligner, Learner
from .saved import read_config

# name -> (module, learner, aligner)
_PLACES: dict[str, tuple[str, str, str]] = {
    "source-probe": ("source_probe", "SourceProbe", "SourceProbeAligner"),
    "pooled": ("pooled", "Pooled", "PooledAligner"),
    "proto": ("proto", "Proto", "ProtoAligner"),
    "shrink": ("shrink", "Shrink", "ShrinkAligner"),
    "self-train": ("self_train", "SelfTrain", "SelfTrainAligner"),
    "closed-form": ("closed_form", "ClosedForm", "ClosedFormAligner"),
    "procrustes": ("procrustes", "Procrustes", "ProcrustesAligner"),
    "ridge": ("ridge", "Ridge", "RidgeAligner"),
    "target-only": ("target_only", "TargetOnly", "TargetOnlyAligner"),
    "oracle": ("oracle", "Oracle", "OracleAligner"),
    "maml": ("maml", "Maml", "MamlAligner"),
    "fomaml": ("fomaml", "Fomaml", "FomamlAligner"),
    "anil": ("anil", "Anil", "AnilAligner"),
    "meta-sgd": ("meta_sgd", "MetaSgd", "MetaSgdAligner"),
    "reptile": ("reptile", "Reptile", "ReptileAligner"),
}
NAMES = tuple(_PLACES)


def _module(name: str) -> Any:
    if name not in _PLACES:
        raise UsageError(f"unknown learner {name!r}", where="--learner", remedy=f"use {', '.join(NAMES)}")
    return importlib.import_module(f".{_PLACES[name][0]}", __package__)


def create(
    name: str, *, preset: str = "default", task: str = "upos", options: Mapping[str, Any] | None = None
) -> Learner:
    """The learner called ``name``: a preset's values (some depend on the task), then ``options`` over them.

    Raises UsageError for an unknown learner, preset or option.
    """
    module = _module(name)
    kind = getattr(module, _PLACES[name][1])
    presets: dict[str, dict[str, Any]] = module.presets(task)
    if preset not in presets:
        raise UsageError(
            f"{name} has no preset {preset!r}", where="--preset", remedy=f"use {', '.join(sorted(presets))}"
        )
    learner: Learner = from_mapping(kind, {**presets[preset], **(options or {})}, where="[options]")
    return learner


def load(folder: str | Path) -> Aligner:
    """The aligner in ``folder``, of whatever learner its config names."""
    name = read_config(folder)["learner"]
    if name not in _PLACES:
        raise LearningError(
            f"made by the learner {name!r}, which this version does not have",
            where=str(folder),
            remedy=f"known: {', '.join(NAMES)}",
        )
    aligner: Aligner = getattr(_module(name), _PLACES[name][2]).from_pretrained(folder)
    return aligner
