"""Saved aligners with what they were trained on: states, how they were represented, languages, seed."""

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from ..errors import LearningError
from ..meta.learners.base import Aligner, read_config
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..store import Recipe, Store
from ..types import MwtPolicy, RootPolicy, Standardisation

PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Represented:
    """How a learner's features were made of states: aligners that share this are tested together."""

    task: str
    layers: tuple[int, ...]
    beside: tuple[int, ...]
    root: RootPolicy
    mwt: MwtPolicy
    standardise: Standardisation
    reference: tuple[str, ...] | None
    source: str

    def features(self, store: Store, cache_bytes: int) -> FeatureSource:
        """The same features of any language of ``store``."""
        return FeatureSource(
            store,
            FeatureSpec(
                self.task, self.layers, self.beside, self.root, self.mwt, self.standardise, self.reference
            ),
            cache_bytes=cache_bytes,
        )


@dataclass(frozen=True)
class Trained:
    """A saved aligner: its name in the results, and what its folder says of it."""

    name: str
    folder: Path
    learner: str
    represented: Represented
    train: tuple[str, ...]
    validation: tuple[str, ...]
    targets: tuple[str, ...]
    concepts: tuple[str, ...] | None  # where its folder tells
    recipe: Recipe
    files: dict[str, str]  # sha256 of what decides its predictions
    seed: int | None  # of its training, where its folder tells
    configuration: dict[str, Any]  # all that decided it but the seed

    def called(self, name: str) -> "Trained":
        return replace(self, name=name)

    def load(self) -> Aligner:
        return Aligner.from_pretrained(self.folder)


def read_trained(folder: str | Path, name: str | None = None) -> Trained:
    """What is in the folder of a finished meta-training; LearningError where it is not one."""
    folder = Path(folder)
    config = read_config(folder)
    learner = config["learner"]
    path = folder / PROVENANCE
    try:
        facts: dict[str, Any] = json.loads(path.read_text())
        features = facts["features"]
        represented = Represented(
            task=features["task"],
            layers=tuple(features["layers"]),
            beside=tuple(features.get("context_layers", features.get("beside", ()))),
            # Told where it matters only: of a task that has heads.
            root=_one_of(RootPolicy, features.get("root", "start")),
            mwt=_one_of(MwtPolicy, features["mwt"]),
            standardise=_one_of(Standardisation, features["standardise"]),
            reference=tuple(features["reference"]) if "reference" in features else None,
            source=facts["source"],
        )
        recipe = Recipe.from_json(facts["store"], where=str(path))
        train, validation, targets = (tuple(facts[key]) for key in ("train", "validation", "targets"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LearningError(
            f"it does not say what the aligner was trained on: {error!r}",
            where=str(path),
            remedy="name a folder that meta-train wrote, or train again",
        ) from error
    run = _run(folder)
    concepts = tuple(features["concepts"]) if "concepts" in features else None
    files = {
        file: hashlib.sha256((folder / file).read_bytes()).hexdigest()
        for file in ("config.json", "model.safetensors")
    }
    return Trained(
        name=name or learner,
        folder=folder,
        learner=learner,
        represented=represented,
        train=train,
        validation=validation,
        targets=targets,
        concepts=concepts,
        recipe=recipe,
        files=files,
        seed=run.get("seed"),
        configuration={
            "learner": learner,
            "options": config.get("settings", {}).get("config"),
            "run": {key: run.get(key) for key in ("preset", "options")},
            "features": asdict(represented),
            "train": list(train),
            "validation": list(validation),
            "concepts": concepts,
            "states": recipe.fingerprint(),
        },
    )


def _run(folder: Path) -> dict[str, Any]:
    """The configuration of the run that trained an aligner; empty where it was not kept."""
    path = folder / "run.toml"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LearningError(
            f"the configuration cannot be read: {error}", where=str(path), remedy="train again"
        ) from error


def _one_of(literal: Any, value: str) -> Any:
    if value not in get_args(literal):
        raise ValueError(f"{value!r} is none of {', '.join(get_args(literal))}")
    return value
