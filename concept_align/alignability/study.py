"""Everything that is asked of the concept spaces in one or several stores, as tables.

Scores of all pairs and layers come first, then controls; the other questions are asked in the layer where
the mean of the first measure is highest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ..errors import UsageError
from ..progress import Progress
from ..spaces.standardise import Standardisation
from ..store.store import Store
from ..types import MwtPolicy, RootPolicy
from .build import build
from .from_statistics import build_from_statistics
from .geometry import Geometry
from .kept_scores import KeptScores, content
from .measures import Measure, parse_measures
from .pairs import DEFAULT, alignability
from .questions import concepts, languages
from .questions.clusters import contrast
from .questions.languages import families
from .questions.models import compare_models
from .questions.overlay import Overlay, overlay
from .questions.predictors import predictors
from .questions.table import matrix
from .questions.transfer import transfer
from .score import COLUMNS
from .table import Alignability

Question = Literal["concepts", "families", "predictors", "transfer"]
SHUFFLED = "labels shuffled over words"
FLOOR = "majority"  # among the learners of a table of results: not a learner at all
OF_CONTROLS = 200  # permutations at most: their means are asked for, not their pairs
MAP = 8  # languages in the map of prototypes, unless some are named


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared, how, and what is asked of it."""

    stores: Sequence[Store]  # of one model each
    controls: Mapping[str, Store] = field(default_factory=dict)  # "untrained model" -> its store
    shuffled: bool = True
    tasks: Sequence[str] = ("upos",)
    layers: Sequence[int] | None = None
    languages: Sequence[str] | None = None
    measures: Sequence[str] = DEFAULT
    min_count: int = 10
    permutations: int = 1000
    debias: bool | None = None  # None: where the prototypes' errors are known
    root: RootPolicy = "start"
    mwt: MwtPolicy = "share"
    standardise: Standardisation = "language"
    sampling: Mapping[str, Any] = field(default_factory=dict)  # fields of Sampling
    source: str = "en"
    shown: Sequence[str] = ()  # languages of the map
    distances: Mapping[str, pd.DataFrame] = field(default_factory=dict)  # languages x languages, by name
    results: pd.DataFrame | None = None  # of concept-align evaluate
    seed: int = 0

    def chosen_measures(self) -> tuple[Measure, ...]:
        return tuple(measure for name in self.measures for measure in parse_measures(name))


@dataclass(frozen=True)
class Asked:
    """What one model and task gave; tables are empty where a question could not be asked."""

    model: str
    task: str
    layer: str  # with the highest mean of the first measure
    geometry: Geometry
    scores: Alignability
    concepts: pd.DataFrame
    families: pd.DataFrame
    predictors: pd.DataFrame
    transfer: pd.DataFrame
    overlay: Overlay | None


@dataclass(frozen=True)
class Studied:
    asked: Sequence[Asked]
    controls: Mapping[str, pd.DataFrame]  # by what they are, scores of all models and tasks
    models: pd.DataFrame  # the first store's model against the others
    across: pd.DataFrame  # scores of one model's spaces with another's
    notices: tuple[str, ...]

    @property
    def scores(self) -> pd.DataFrame:
        return pd.concat([one.scores.frame for one in self.asked], ignore_index=True)

    def table(self, name: Question) -> pd.DataFrame:
        """The rows of all models and tasks."""
        parts = [one for one in self.asked if len(getattr(one, name))]
        frames = []
        for one in parts:
            frame = getattr(one, name).copy()
            about = {"model": one.model, "task": one.task, "layer": one.layer}
            for place, (column, value) in enumerate(about.items()):
                if column not in frame:
                    frame.insert(min(place, frame.shape[1]), column, value)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def study(plan: Plan, folder: Path | None = None, progress: Progress | None = None) -> Studied:
    """Ask everything of ``plan``; with ``folder`` spaces and scores are kept there and taken up again."""
    asked: list[Asked] = []
    notices: list[str] = []
    controls: dict[str, list[pd.DataFrame]] = {}
    for store in plan.stores:
        for task in plan.tasks:
            geometry = _geometry(plan, store, task, folder, progress)
            scores = _scores(plan, geometry, folder, progress)
            notices += [f"{name}: {note}" for name, note in geometry.provenance.get("notes", {}).items()]
            asked.append(_ask(plan, store, task, geometry, scores, notices))
            if plan.shuffled and _states(store):
                other = _geometry(plan, store, task, folder, progress, control=True, shuffled=True)
                controls.setdefault(SHUFFLED, []).append(
                    _scores(plan, other, folder, progress, control=True).frame
                )
    for name, store in plan.controls.items():
        for task in plan.tasks:
            other = _geometry(plan, store, task, folder, progress, control=True)
            controls.setdefault(name, []).append(_scores(plan, other, folder, progress, control=True).frame)
    return Studied(
        asked,
        {name: pd.concat(parts, ignore_index=True) for name, parts in controls.items()},
        _models(plan, asked, notices),
        _across(plan, asked, progress),
        tuple(dict.fromkeys(notices)),
    )


def _states(store: Store) -> bool:
    return any(shard.complete and shard.kind == "states" for shard in store.contents())


def _geometry(
    plan: Plan,
    store: Store,
    task: str,
    folder: Path | None,
    progress: Progress | None,
    *,
    control: bool = False,
    shuffled: bool = False,
) -> Geometry:
    root: RootPolicy = plan.root if store.recipe.has_start else "exclude"
    features: dict[str, Any] = {"root": root, "mwt": plan.mwt, "standardise": plan.standardise}
    if not _states(store):
        return build_from_statistics(
            store, task=task, layers=plan.layers, languages=plan.languages, **features
        )
    sampling = {"seed": plan.seed, **plan.sampling}
    # A control is asked for its mean alone.
    sampling |= {"halves": 0, "draws": 0} if control else {}
    place = None if folder is None else folder / "spaces" / store.folder.name / task.replace(":", "-")
    return build(
        store,
        task=task,
        layers=plan.layers,
        languages=plan.languages,
        folder=place,
        probes=None if folder is None else folder / "probes" / store.folder.name,
        progress=progress,
        shuffled=shuffled,
        **features,
        **sampling,
    )


def _scores(
    plan: Plan,
    geometry: Geometry,
    folder: Path | None,
    progress: Progress | None,
    *,
    control: bool = False,
) -> Alignability:
    """Measure by measure, so that what is finished is kept."""
    kept, held = KeptScores(None if folder is None else folder / "scores"), content(geometry)
    options: dict[str, Any] = {
        "min_count": plan.min_count,
        "permutations": min(plan.permutations, OF_CONTROLS) if control else plan.permutations,
        "seed": plan.seed,
        "debias": plan.debias,
    }
    parts = []
    for measure in plan.chosen_measures():
        make = partial(alignability, geometry, measures=[measure], progress=progress, **options)
        parts.append(kept.get({"geometry": held, "measure": repr(measure), **options}, make))
    about = {**parts[0].provenance, "measures": [measure.name for measure in plan.chosen_measures()]}
    return Alignability(pd.concat([part.frame for part in parts], ignore_index=True), about)


def best_layer(scores: Alignability) -> str:
    """The layer with the highest mean of the first measure; the first of equals."""
    means = scores.means()
    means = means[means["measure"] == scores.measures[0]]
    return str(means["layer"].iloc[int(means["value"].argmax())])


def _ask(
    plan: Plan, store: Store, task: str, geometry: Geometry, scores: Alignability, notices: list[str]
) -> Asked:
    layer, measure = best_layer(scores), scores.measures[0]
    one = geometry.restricted(layers=[layer])
    one = one.debiased() if scores.provenance["debias"] else one
    words = dict(zip(geometry.languages, geometry.counts.sum(1).tolist(), strict=True))
    grid = matrix(scores.frame, measure=measure, layer=layer)
    found: dict[str, Any] = {}
    for name, ask in {
        "concepts": lambda: concepts.rows(
            one, min_count=plan.min_count, permutations=min(plan.permutations, 199), seed=plan.seed
        ),
        "families": lambda: _families(grid, plan.seed),
        "predictors": lambda: _predictors(plan, grid, words),
        "transfer": lambda: _transfer(plan, scores, words),
        "overlay": lambda: _map(plan, one, layer),
    }.items():
        try:
            found[name] = ask()
        except UsageError as error:  # too few languages, concepts or results: said, and the rest goes on
            notices.append(f"{task}, {name}: {error.message}")
            found[name] = None if name == "overlay" else pd.DataFrame()
    return Asked(store.recipe.model, task, layer, geometry, scores, **found)


def _families(grid: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Are languages with the same family, branch or script more alike than others?"""
    names = [str(name) for name in grid.index]
    labels = {
        "family": families(names),
        "branch": _facts(names, "branch"),
        "script": _facts(names, "script"),
    }
    rows = [
        {"labels": name, **asdict(found), "left_out": ";".join(found.left_out)}
        for name, given in labels.items()
        for found in (contrast(grid, given, seed=seed),)
    ]
    return pd.DataFrame(rows)


def _facts(names: Iterable[str], fact: str) -> dict[str, str]:
    return {name: str(getattr(entry, fact)) for name in names if (entry := languages.known(name)) is not None}


def _predictors(plan: Plan, grid: pd.DataFrame, words: Mapping[str, int]) -> pd.DataFrame:
    names = [str(name) for name in grid.index]
    tables = {
        "family": languages.family(names),
        "branch": languages.branch(names),
        "script": languages.script(names),
        "size": languages.size(names, words),
        **plan.distances,
    }
    return predictors(grid, tables, strata=families(names), permutations=plan.permutations, seed=plan.seed)


def _transfer(plan: Plan, scores: Alignability, words: Mapping[str, int]) -> pd.DataFrame:
    if plan.results is None:
        return pd.DataFrame()
    learners = [name for name in dict.fromkeys(plan.results["learner"]) if name != FLOOR]
    return transfer(
        scores.frame, plan.results, source=plan.source, words=words, learners=learners, seed=plan.seed
    )


def _map(plan: Plan, geometry: Geometry, layer: str) -> Overlay:
    """Of the languages asked for, or of some that are far from each other."""
    shown = [name for name in plan.shown if name in geometry.languages] or _diverse(plan, geometry)
    return overlay(geometry, layer, languages=shown, min_count=plan.min_count, seed=plan.seed)


def _diverse(plan: Plan, geometry: Geometry) -> list[str]:
    """``MAP`` languages: the source, then new families, new branches, and what else there is; large first."""
    size = dict(zip(geometry.languages, geometry.counts.sum(1), strict=True))
    left = sorted(geometry.languages, key=lambda name: (name != plan.source, -size[name]))
    shown: list[str] = []
    for labels in (families(left), _facts(left, "branch"), {}):
        known = {labels.get(name, name) for name in shown}
        for name in left:
            if name not in shown and labels.get(name, name) not in known and len(shown) < MAP:
                known.add(labels.get(name, name))
                shown.append(name)
    return shown


def _models(plan: Plan, asked: Sequence[Asked], notices: list[str]) -> pd.DataFrame:
    """The first model beside each of the others, best layer beside best layer."""
    frames = []
    for task in plan.tasks:
        first, *others = (one for one in asked if one.task == task)
        for other in others:
            for of in ("excess", "z"):
                try:
                    frame = compare_models(first.scores.frame, other.scores.frame, of=of, seed=plan.seed)
                except UsageError as error:
                    notices.append(f"{task}, models: {error.message}")
                    continue
                frame.insert(0, "second", other.model)
                frame.insert(0, "first", first.model)
                frame.insert(0, "task", task)
                frames.append(frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _across(plan: Plan, asked: Sequence[Asked], progress: Progress | None) -> pd.DataFrame:
    """Each language's space in the first model with each language's in another, at both best layers."""
    frames = []
    for task in plan.tasks:
        first, *others = (one for one in asked if one.task == task)
        for other in others:
            found = alignability(
                first.geometry.restricted(layers=[first.layer]),
                other.geometry.restricted(layers=[other.layer]),
                measures=plan.chosen_measures(),
                min_count=plan.min_count,
                permutations=plan.permutations,
                seed=plan.seed,
                debias=plan.debias,
                progress=progress,
            )
            frames.append(found.frame)
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
