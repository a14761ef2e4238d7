"""Saved aligners: what they were trained on, and which are one learner.

An aligner is tested on the states of the recipe it was trained on, represented as they were then, in
languages it has neither learned from nor been chosen by. Aligners that differ in their training seed alone
are one learner: those under one given name must be so; aligners without names are taken together where they
are.
"""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from ..config import checked
from ..errors import ConceptAlignError, LearningError, UsageError, encoded
from ..hashing import sha256_file
from ..meta import hub
from ..meta.learners.base import Aligner
from ..meta.learners.saved import read_config
from ..meta.reference import UsualEntropy, read_entropy, read_reference
from ..reading import read_json_object, read_toml
from ..spaces.spec import FeatureSpec
from ..spaces.standardise import Standardiser
from ..store import Recipe
from ..treebanks.concepts import is_open_ended, parse_task

PROVENANCE = "provenance.json"

AnyAligner = Aligner | str | Path
AnyAligners = Mapping[str, AnyAligner | Sequence[AnyAligner]] | Sequence[AnyAligner] | AnyAligner
Place = tuple[Any, ...]  # task, layers, source: what tells rows of equally named learners apart


@dataclass(frozen=True)
class SavedAligner:
    """A saved aligner: its name in the results, and what its folder says of it."""

    name: str
    folder: Path
    learner: str
    features: FeatureSpec  # how its words were represented
    source: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    targets: tuple[str, ...]  # languages set aside in training
    concepts: tuple[str, ...] | None  # where its folder tells
    recipe: Recipe
    files: dict[str, str]  # sha256 of what decides its predictions
    seed: int | None  # of its training, where its folder tells
    configuration: dict[str, Any]  # all that decided it but the seed
    dim: int | None = None  # of its features, where its folder tells
    other: Recipe | None = None  # of the second model, where its features have states of two

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Of the models whose states it reads."""
        return (self.recipe,) if self.other is None else (self.recipe, self.other)

    def load(self) -> Aligner:
        """LearningError where it is not of the features that its folder names."""
        found = Aligner.from_pretrained(self.folder)
        if None not in (self.dim, found.dim) and self.dim != found.dim:
            raise LearningError(
                f"an aligner of {found.dim} dimensions for features of {self.dim}",
                where=str(self.folder),
                remedy="copy or download it again, or run meta-train again",
            )
        return found

    def expected(self) -> Standardiser | None:
        """Mean and scale that its folder keeps, of states of its layers side by side."""
        layers = self.features.layers, self.features.other_layers
        dims = [of.dim * len(own) for of, own in zip(self.recipes, layers, strict=False)]
        return read_reference(self.folder, sum(dims))

    def entropy(self) -> UsualEntropy | None:
        """The entropy of its predictions in the training languages, where its folder keeps it."""
        return read_entropy(self.folder)

    def facts(self) -> dict[str, Any]:
        """What it is, as provenance of an evaluation keeps it."""
        names = "name", "learner", "seed", "source", "train", "validation"
        about = {name: getattr(self, name) for name in names}
        return about | self.features.describe() | self.files


def read_aligner(
    folder: str | Path, name: str | None = None, *, revision: str | None = None, offline: bool = False
) -> SavedAligner:
    """What the folder of a finished meta-training says, which may be a hub's repository by its id.

    LearningError where it is not one.
    """
    folder = hub.locate(folder, revision=revision, offline=offline)
    config = read_config(folder)
    learner = config["learner"]
    path, remedy = folder / PROVENANCE, "name a folder that meta-train wrote, or train again"
    facts = read_json_object(path, error=LearningError, remedy=remedy)
    names = tuple[str, ...]
    try:
        about = checked(dict, facts["features"], "features")
        features = FeatureSpec.from_json(about)
        source = checked(str, facts["source"], "source")
        recipe = Recipe.from_json(checked(dict, facts["store"], "store"), where=str(path))
        train, validation, targets = (
            checked(names, facts[key], key) for key in ("train", "validation", "targets")
        )
        concepts = checked(names, about["concepts"], "concepts") if "concepts" in about else None
        dim = checked(int, about["dim"], "dim") if "dim" in about else None
        other = None
        if features.other_layers:
            other = Recipe.from_json(checked(dict, facts["with_store"], "with_store"), where=str(path))
        for of, layers in ((recipe, features.layers), (other, features.other_layers)):
            last = 0 if of is None else of.layers
            if odd := [layer for layer in layers if not 0 <= layer <= last]:
                raise ValueError(f"there is no layer {odd[0]} of {last}")
        told = checked(names, config.get("concepts", ()), "concepts")
        expected = concepts or (() if is_open_ended(features.task) else parse_task(features.task).concepts)
        if source not in train or (expected and told and expected != told):
            raise ValueError("it is of another aligner than config.json")
    except (ConceptAlignError, ValueError, KeyError, TypeError, AttributeError) as error:
        what = error.message if isinstance(error, ConceptAlignError) else repr(error)
        raise LearningError(
            f"it does not say what the aligner was trained on: {what}", where=str(path), remedy=remedy
        ) from error
    run = folder / "run.toml"
    made = read_toml(run, error=LearningError, remedy="train again") if os.path.lexists(run) else {}
    seed = made.get("seed")
    if not isinstance(seed, int | None) or isinstance(seed, bool):
        raise LearningError(f"seed {seed!r} is no whole number", where=str(run), remedy="train again")
    files = {file: sha256_file(folder / file) for file in ("config.json", "model.safetensors")}
    configuration = {
        "learner": learner,
        "options": config.get("settings", {}).get("config"),
        "run": {key: made.get(key) for key in ("preset", "options")},
        "features": asdict(features),
        "source": source,
        "train": list(train),
        "validation": list(validation),
        "concepts": concepts,
        "states": recipe.fingerprint(),
        **({} if other is None else {"other_states": other.fingerprint()}),
    }
    return SavedAligner(
        name or learner, folder, learner, features, source, train, validation, targets,
        concepts, recipe, files, seed, configuration, dim, other,
    )  # fmt: skip


def named_aligners(aligners: AnyAligners) -> list[tuple[str | None, AnyAligner]]:
    """Every aligner with its name, where it has one: the key of a mapping, or of text ``NAME=DIR``."""
    if isinstance(aligners, Mapping):
        for name in aligners:
            encoded(name, "name of an aligner")
        return [(name, one) for name, given in aligners.items() for _, one in named_aligners(given)]
    if isinstance(aligners, Aligner | Path):
        return [(None, aligners)]
    if not isinstance(aligners, str):
        return [pair for one in aligners for pair in named_aligners(one)]
    name, equals, folder = aligners.partition("=")
    # isdir() knows names that no file can have.
    named = bool(equals) and "/" not in name and not os.path.isdir(aligners)  # noqa: PTH112
    encoded(name if named else "", "name of an aligner")
    return [(name, folder) if named else (None, aligners)]


def saved_in(aligner: AnyAligner) -> str | Path | None:
    """Folder or hub id of an aligner and of what it was trained on; None for one that is in memory alone."""
    if isinstance(aligner, str | Path):
        return aligner
    return aligner.folder if aligner.folder and (aligner.folder / PROVENANCE).is_file() else None


def read_aligners(aligners: AnyAligners) -> list[SavedAligner]:
    """What the folders of ``aligners``, or the hub's repositories, say, in the order of their training seeds.

    Those that come out with one name (at one task, layers and source) are the training seeds of one learner.
    Without a name an aligner is called by its learner; by its folder where aligners of that learner with
    another configuration are among them. Raises UsageError where two of one name differ in more than that.
    """
    found = [(name, saved_in(one)) for name, one in named_aligners(aligners)]
    given = [(name is not None, read_aligner(folder, name)) for name, folder in found if folder is not None]
    if not given or len(given) < len(found):
        raise UsageError(
            "no folder", option="aligners", remedy="give folders that meta-train wrote, or hub ids"
        )
    chosen: dict[tuple[Place, str], list[SavedAligner]] = {}
    unnamed: dict[tuple[Place, str], list[list[SavedAligner]]] = {}
    for named, one in given:
        if named:
            chosen.setdefault((_place(one), one.name), []).append(one)
            continue
        alike = unnamed.setdefault((_place(one), one.learner), [])
        same = [group for group in alike if group[0].configuration == one.configuration]
        same[0].append(one) if same else alike.append([one])
    for (place, learner), alike in unnamed.items():
        alone = len(alike) == 1 and (place, learner) not in chosen
        for group in alike:
            name = learner if alone else _common_name([one.folder for one in group])
            if (place, name) in chosen:
                remedy = "name them: NAME=DIR"
                raise UsageError(f"several aligners called {name}", option="aligners", remedy=remedy)
            chosen[place, name] = [replace(one, name=name) for one in group]
    for group in chosen.values():
        _check_seeds(group)
    return [one for group in chosen.values() for one in sorted(group, key=_order)]


def _place(one: SavedAligner) -> Place:
    return one.features.task, one.features.layers, one.source


def _order(one: SavedAligner) -> tuple[bool, int, str]:
    return one.seed is None, one.seed or 0, str(one.folder)


def _common_name(folders: Sequence[Path]) -> str:
    """The folder's name; of several, how their names begin: ``small`` of small-seed0 and small-seed1."""
    places = [hub.named_folder(folder.resolve()) for folder in folders]
    if len(places) == 1:
        return places[0].name
    letters = zip(*(place.name for place in places), strict=False)
    same = takewhile(lambda at: len(set(at)) == 1, letters)
    common = re.sub(r"(^|[-_.])(seed|s)?[-_.]*\d*$", "", "".join(at[0] for at in same))
    if not common and len({place.parent for place in places}) == 1:
        common = places[0].parent.name
    if not common:
        message = f"no name for what {', '.join(map(str, folders))} have in common"
        raise UsageError(message, option="aligners", remedy="give them one: NAME=DIR, the same NAME for each")
    return common


def _check_seeds(group: Sequence[SavedAligner]) -> None:
    """Refuse aligners of one name that are not one learner's training seeds. UsageError."""
    first = group[0]
    for number, one in enumerate(group[1:], start=1):
        different = _differences(first.configuration, one.configuration)
        if different:
            message = (
                f"{first.folder} and {one.folder} are both called {one.name}, but differ in more than the "
                f"seed: {'; '.join(different)}"
            )
            raise UsageError(message, option="aligners", remedy="give them different names: NAME=DIR")
        for other in group[:number]:
            same = one.folder.resolve() == other.folder.resolve()
            if same or (one.seed is not None and one.seed == other.seed):
                twice = str(one.folder) if same else f"seed {one.seed} ({other.folder}, {one.folder})"
                message = f"{twice} is given twice under the name {one.name}"
                remedy = "give each training seed once, or another name: NAME=DIR"
                raise UsageError(message, option="aligners", remedy=remedy)


def _differences(a: Any, b: Any, path: str = "") -> list[str]:
    """Where two nested configurations differ, with the values."""
    if isinstance(a, dict) and isinstance(b, dict):
        inner = ((a.get(key), b.get(key), f"{path}.{key}" if path else key) for key in sorted({*a, *b}))
        return [line for one in inner for line in _differences(*one)]
    return [] if a == b else [f"{path} {_short(a)} and {_short(b)}"]


def _short(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
