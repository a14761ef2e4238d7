"""How alike the languages' concept spaces are: the demo's stage of alignability."""

from dataclasses import dataclass

import pandas as pd

from ..correspondence import alignability, build_geometry
from ..correspondence.study import SHUFFLED
from ..progress import Progress
from ..store import Store
from ..types import RootPolicy
from .plan import Plan
from .within import Within

# RSA is as high in untrained models: it sees how few words make up a class (experiments/alignability).
MEASURE = "cka"
PERMUTATIONS = 199
HALVES = 4
FEW_WORDS = 5  # of a concept that both languages must have, where a language has some dozen sentences


@dataclass(frozen=True)
class Alike:
    """Tidy scores of all pairs and layers with the models' short names, and the same for shuffled labels."""

    scores: pd.DataFrame
    controls: dict[str, pd.DataFrame]


def compare(plan: Plan, stores: dict[str, Store], *, seed: int, progress: Progress | None = None) -> Alike:
    """Debiased CKA of all pairs of languages, for each layer, model and task."""
    own: list[pd.DataFrame] = []
    shuffled: list[pd.DataFrame] = []
    within = Within(progress, "comparing languages", 4 * len(stores) * len(plan.tasks), share=1)
    for short, store in stores.items():
        root: RootPolicy = "start" if store.recipe.has_start else "exclude"
        for task in plan.tasks:
            for control, frames in ((False, own), (True, shuffled)):
                geometry = build_geometry(
                    store,
                    task=task,
                    langs=plan.roles.all,
                    root=root,
                    halves=0 if control else HALVES,
                    bootstrap=0,
                    shuffled=control,
                    seed=seed,
                    progress=within,
                )
                found = alignability(
                    geometry,
                    measures=MEASURE,
                    min_count=FEW_WORDS if plan.mini else 10,
                    permutations=PERMUTATIONS,
                    seed=seed,
                    progress=within,
                )
                frames.append(found.frame().assign(model=short))
    within.finish()
    return Alike(pd.concat(own, ignore_index=True), {SHUFFLED: pd.concat(shuffled, ignore_index=True)})
