"""What a study of alignability is asked for, with the stores and tables that its options name."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ..errors import UsageError
from ..layers import resolve_layers
from ..store.store import Store, select_split
from ..treebanks.registry import select
from .analyses.languages import great_circle
from .analyses.transfer import table_of_results
from .analyses.typology import distances_by, read_places, read_typology
from .build import source_has_states
from .config import AlignabilityConfig


@dataclass(frozen=True)
class AlignabilityPlan:
    """The options with the stores and tables they name, checked against what the stores hold."""

    config: AlignabilityConfig
    stores: tuple[Store, ...]  # of one model each
    controls: Mapping[str, Store]  # "untrained model" -> its store
    languages: tuple[str, ...]
    layers: tuple[int, ...] | Literal["all"]  # all: each store has its own
    shown: tuple[str, ...]  # languages of the map; none: chosen by family
    distances: Mapping[str, pd.DataFrame]  # languages x languages, by name: the user's own predictors
    results: pd.DataFrame | None  # of zero-shot accuracy
    notices: tuple[str, ...] = ()  # which languages are left out

    @classmethod
    def of(cls, config: AlignabilityConfig) -> "AlignabilityPlan":
        """Open everything. UsageError and StoreError for what is not there, before any work is done."""
        stores = tuple(Store.open(folder) for folder in config.store)
        controls = {}
        for text in config.control:
            name, equals, folder = text.rpartition("=")
            if not equals or not name.strip():
                raise UsageError(f"cannot read {text!r}", option="control", remedy="write NAME=STORE")
            controls[name.strip()] = Store.open(Path(folder))
        layers = config.layers
        if layers != "all":  # every store must hold them
            layers = resolve_layers(layers, min(store.recipe.layers for store in stores))
        names, notices = select_split(config.langs, config.split, (*stores, *controls.values()))
        tables = {}
        for path in config.typology:
            table = read_typology(path)
            tables[table.name] = distances_by(table, names)
        if config.places is not None:
            tables["geography"] = great_circle(names, read_places(config.places))
        return cls(
            config,
            stores,
            controls,
            names,
            layers,
            select(config.show, names) if config.show else (),
            tables,
            None if config.results is None else table_of_results(config.results),
            notices,
        )

    def weights(self) -> list[float]:
        """Of the study's bars: spaces and each measure of stores and tasks, then measures across models."""
        config, measures = self.config, len(self.config.chosen_measures())
        whole, control = [float(measures), *[1.0] * measures], [0.2] * (1 + measures)
        found: list[float] = []
        for store in self.stores:
            shuffled = control if config.shuffled and source_has_states(store) else []
            found += (whole + shuffled) * len(config.task)
        found += control * len(config.task) * len(self.controls)
        return found + [float(measures)] * (len(self.stores) - 1) * len(config.task)

    def facts(self) -> dict[str, Any]:
        """What will be done, in plain values."""
        count = len(self.languages)
        return {
            "models": [store.recipe.model for store in self.stores],
            "controls": list(self.controls),
            "tasks": list(self.config.task),
            "languages": list(self.languages),
            "pairs": count * (count - 1) // 2,
            "measures": [measure.name for measure in self.config.chosen_measures()],
        }
