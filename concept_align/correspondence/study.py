"""Everything that is asked of the concept spaces in one or several stores, as tables.

Scores of all pairs and layers come first, then controls; the other questions are asked in the layer where
the mean of the first measure is highest.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ..progress import Progress
from ..store.store import Store
from ..types import RootPolicy
from .asking import ask, models
from .build import build
from .from_statistics import build_from_statistics
from .geometry import Geometry
from .kept_scores import KeptScores, content
from .pairs import alignability
from .plan import Asked, Plan, Studied
from .score import COLUMNS
from .table import Alignability

SHUFFLED = "labels shuffled over words"
OF_CONTROLS = 200  # permutations at most: their means are asked for, not their pairs


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
            asked.append(ask(plan, store, task, geometry, scores, notices))
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
        models(plan, asked, notices),
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
