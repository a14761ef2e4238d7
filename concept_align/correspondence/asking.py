"""The questions asked of one store's scores, in the layer where the first measure's mean is highest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from ..errors import UsageError
from ..store.store import Store
from .geometry import Geometry
from .plan import Asked, Plan
from .questions import concepts, languages
from .questions.clusters import contrast
from .questions.languages import families
from .questions.models import compare_models
from .questions.overlay import Overlay, overlay
from .questions.predictors import predictors
from .questions.table import matrix
from .questions.transfer import transfer
from .table import Alignability

FLOOR = "majority"  # among the learners of a table of results: not a learner at all
MAP = 8  # languages in the map of prototypes, unless some are named


def best_layer(scores: Alignability) -> str:
    """The layer with the highest mean of the first measure; the first of equals."""
    means = scores.means()
    means = means[means["measure"] == scores.measures[0]]
    return str(means["layer"].iloc[int(means["value"].argmax())])


def ask(
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


def models(plan: Plan, asked: Sequence[Asked], notices: list[str]) -> pd.DataFrame:
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
