"""What a study of alignability is asked for, and what it gives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from ..store.store import Store
from ..types import MwtPolicy, RootPolicy, Standardisation
from .geometry import Geometry
from .measures import Measure, parse_measures
from .pairs import DEFAULT
from .questions.overlay import Overlay
from .table import Alignability

Question = Literal["concepts", "families", "predictors", "transfer"]


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
