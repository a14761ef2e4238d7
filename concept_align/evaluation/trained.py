"""Saved aligners with what they were trained on, and what makes an evaluation of them fair.

An aligner is tested on the states of the recipe it was trained on, represented as they were then, in
languages it has neither learned from nor been chosen by.
"""

import hashlib
import json
import tomllib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

from ..errors import LearningError, UsageError
from ..layers import side_by_side
from ..meta.languages import check_disjoint
from ..meta.learners.base import Aligner
from ..meta.learners.saved import read_config
from ..spaces.source import FeatureSource
from ..spaces.standardise import Standardisation
from ..store import Recipe, Store
from ..types import MwtPolicy, RootPolicy

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
            self.task,
            self.layers,
            root=self.root,
            mwt=self.mwt,
            standardise=self.standardise,
            reference=self.reference,
            beside=self.beside,
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
            beside=tuple(features.get("beside", ())),
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


@dataclass(frozen=True)
class Group:
    """Aligners that are tested together, on the same words."""

    represented: tuple[Represented, ...]  # the features among them; the first decides the words
    aligners: tuple[Trained, ...]

    @property
    def task(self) -> str:
        return self.represented[0].task

    @property
    def source(self) -> str:
        return self.represented[0].source

    @property
    def layer(self) -> str:
        """As results name it: ``10``, or ``10 | 6+10+13~10`` where aligners differ in their layers."""
        return " | ".join(dict.fromkeys(side_by_side(one.layers, one.beside) for one in self.represented))


def groups(aligners: Iterable[Trained], *, across: bool = False) -> tuple[Group, ...]:
    """Aligners by the features they take; ``across`` features, by the words they are tested on.

    Raises UsageError where two groups would have rows that cannot be told apart, and where one name stands
    for aligners with different features that are to be tested together.
    """
    found: dict[Any, list[Trained]] = {}
    for aligner in aligners:
        how = aligner.represented
        found.setdefault((how.task, how.source, how.root, how.mwt) if across else how, []).append(aligner)
    made = []
    for some in found.values():
        kinds = sorted({one.represented for one in some}, key=lambda how: (len(how.beside), how.layers))
        made.append(Group(tuple(kinds), tuple(some)))
    items: dict[tuple[Any, ...], Represented] = {}
    for group in made:
        first = group.represented[0]
        other = items.setdefault((group.task, group.layer, group.source), first)
        if (first.root, first.mwt) != (other.root, other.mwt):
            raise UsageError(
                f"aligners of {first.task} with different words under test: root {first.root}, "
                f"mwt {first.mwt} and root {other.root}, mwt {other.mwt}",
                where="--aligner",
                remedy="evaluate them by separate commands, each with its own --out",
            )
        named = {(one.name, one.represented) for one in group.aligners}
        if twice := sorted({name for name, _ in named if [one for one, _ in named].count(name) > 1}):
            raise UsageError(
                f"{', '.join(twice)}: one name for aligners with different features",
                where="--across",
                remedy="give each its own name: --aligner NAME=DIR",
            )
    return tuple(made)


def check(aligner: Trained, store: Store, targets: Collection[str]) -> None:
    """Refuse a store of another recipe, and targets that the aligner has seen. LearningError."""
    if aligner.recipe.fingerprint() != store.recipe.fingerprint():
        raise LearningError(
            "trained on states of another recipe: " + "; ".join(aligner.recipe.differences(store.recipe)),
            where=f"{aligner.folder}, store {store.folder}",
            remedy="give the store it was trained from, or extract one by that recipe",
        )
    try:
        check_disjoint(aligner.train, aligner.validation, targets)
    except LearningError as error:
        raise LearningError(
            error.message, where=str(aligner.folder), remedy="take them out of --langs: it has seen them"
        ) from error


def check_concepts(aligner: Trained, concepts: Sequence[str]) -> None:
    """Refuse an inventory other than the aligner's, where that is known: its scores go by place."""
    if aligner.concepts is not None and aligner.concepts != tuple(concepts):
        odd = sorted(set(aligner.concepts) ^ set(concepts))
        raise LearningError(
            f"the store's inventory of {aligner.represented.task} is not the one it was trained with "
            f"(they differ in {', '.join(odd) or 'order'})",
            where=str(aligner.folder),
            remedy="evaluate on the store it was trained from",
        )
