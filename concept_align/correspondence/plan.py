"""What a study of alignability is asked for: its options, and these with the stores and tables they name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import pandas as pd

from ..config import from_mapping
from ..errors import UsageError
from ..layers import resolve_layers
from ..store.store import Store
from ..treebanks.registry import select
from ..types import MwtPolicy, RootPolicy, Standardisation
from .analyses.languages import great_circle
from .analyses.transfer import table_of_results
from .analyses.typology import distances_by, read_places, read_typology
from .build import Space, SpaceSampling, Unit
from .measures import Measure, resolve_measures
from .pairs import DEFAULT


@dataclass(frozen=True, kw_only=True)
class AlignabilityConfig:
    """The options of ``concept-align alignability``."""

    store: tuple[Path, ...]
    """Folder that extract wrote; give two or more to compare their models."""
    langs: tuple[str, ...] = ("all",)
    """Languages: codes, treebanks, all, a set (targets, train, ...), family:NAME, script:NAME; - before one
    leaves it out."""
    layers: tuple[int, ...] | Literal["all"] = "all"
    """Layers: 7, 0-12, 3,6,9, -1 (the last) or all."""
    task: tuple[str, ...] = ("upos",)
    """Tasks: upos, relation, feature:NAME, column:NAME."""
    measures: tuple[str, ...] = DEFAULT
    """The first decides which layer is looked at closely: rsa[-spearman|-pearson|-cosine]
    [/euclidean|/cosine|/mahalanobis], procrustes, cka, cca, retrieval-p1[-csls], retrieval-mrr[-csls], or one
    of your own."""
    space: Space = "raw"
    """raw states, or probe: after each language's own linear probe."""
    root: RootPolicy = "start"
    """What stands for the head of a root: the sentence-start state, or exclude the relation."""
    mwt: MwtPolicy = "share"
    """Words of a multiword token: share its state, first (the first one has it) or skip."""
    standardise: Standardisation = "language"
    """Mean and scale of states from unlabelled words: language, global or none (as they are)."""
    debias: bool | None = None
    """Subtract the expected errors of the prototypes from their distances; default: where they are known."""
    min_count: int = 10
    """Words of a concept that both languages of a pair must have."""
    permutations: int = 1000
    """Relabellings of the null."""
    bootstrap: int = 200
    """Bootstrap draws of the intervals."""
    halves: int = 10
    """Splits into halves, for the ceiling."""
    unit: Unit = "sentences"
    """What is resampled: sentences or words."""
    max_sentences: int | None = None
    """At most so many training sentences per language, drawn by the seed."""
    control: tuple[str, ...] = ()
    """NAME=STORE, a control: "untrained model=runs/untrained"."""
    shuffled: bool = True
    """As a control, shuffle the labels over the words of each language."""
    typology: tuple[Path, ...] = ()
    """CSV or TSV of features, one row per language (or CLDF's values.csv)."""
    places: Path | None = None
    """CSV or TSV with Latitude and Longitude, one row per language."""
    results: Path | None = None
    """What evaluate wrote: does alignability predict zero-shot accuracy?"""
    source: str = "en"
    """The language that transfer starts from."""
    show: tuple[str, ...] = ()
    """Languages of the map of prototypes; default: one of each family."""
    seed: int = 0
    """Seed of all random draws."""

    def __post_init__(self) -> None:
        chosen = self.chosen_measures()
        if any(measure.whitened for measure in chosen) and not all(measure.whitened for measure in chosen):
            message = "mahalanobis distances need whitened prototypes, which other measures do not expect"
            raise UsageError(message, option="measures", remedy="run it by itself: rsa/mahalanobis")
        if min(self.permutations, self.min_count - 1) < 0:
            remedy = "permutations is 0 or more, min_count 1 or more"
            raise UsageError(f"permutations {self.permutations}, min_count {self.min_count}", remedy=remedy)
        self.sampling()

    @classmethod
    def of(cls, **options: Any) -> Self:
        """From Python's values: one name where several may stand, text for a path."""
        return from_mapping(cls, options)

    def chosen_measures(self) -> tuple[Measure, ...]:
        """The measures by their names. UsageError for an unknown one."""
        return resolve_measures(self.measures)

    def sampling(self) -> SpaceSampling:
        """Which words make the prototypes. UsageError for what cannot be."""
        return SpaceSampling(
            space=self.space,
            whiten=any(measure.whitened for measure in self.chosen_measures()),
            max_sentences=self.max_sentences,
            halves=self.halves,
            bootstrap=self.bootstrap,
            unit=self.unit,
            seed=self.seed,
        )


@dataclass(frozen=True)
class AlignabilityPlan:
    """The options with the stores and tables they name, checked against what the stores hold."""

    config: AlignabilityConfig
    stores: tuple[Store, ...]  # of one model each
    controls: Mapping[str, Store]  # "untrained model" -> its store
    languages: tuple[str, ...]
    layers: tuple[int, ...] | Literal["all"]  # all: each store has its own
    shown: tuple[str, ...]  # languages of the map; none: chosen by family
    distances: Mapping[str, pd.DataFrame]  # languages x languages, by name
    results: pd.DataFrame | None  # of zero-shot accuracy

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
        there = set.intersection(*(set(store.languages("train")) for store in (*stores, *controls.values())))
        names = select(config.langs, tuple(sorted(there)))
        return cls(
            config,
            stores,
            controls,
            names,
            layers,
            select(config.show, names) if config.show else (),
            distances(names, config.typology, config.places),
            None if config.results is None else table_of_results(config.results),
        )

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


def distances(
    names: Sequence[str], typology: Sequence[Path] = (), places: Path | None = None
) -> dict[str, pd.DataFrame]:
    """Tables of the user's own, languages x languages, by name: predictors beside those known already."""
    tables = {}
    for path in typology:
        table = read_typology(path)
        tables[table.name] = distances_by(table, names)
    if places is not None:
        tables["geography"] = great_circle(names, read_places(places))
    return tables
