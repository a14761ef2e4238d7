"""The options of a study of alignability, without torch: what the command line reads its own from."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from ..config import from_mapping
from ..errors import UsageError
from ..types import SPLITS, MwtPolicy, RootPolicy, Space, Split, Standardisation, Unit

if TYPE_CHECKING:
    from .measures import Measure
    from .own_probe import SpaceSampling

DEFAULT = ("cka", "rsa", "procrustes", "retrieval-p1")


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
    split: Split = "train"
    """Whose words: train, dev or test. Many small treebanks have a test split alone."""
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
        if self.split not in SPLITS:
            remedy = f"use {', '.join(SPLITS)}"
            raise UsageError(f"unknown split {self.split!r}", option="split", remedy=remedy)
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

    def chosen_measures(self) -> "tuple[Measure, ...]":
        """The measures by their names. UsageError for an unknown one."""
        from .measures import resolve_measures

        return resolve_measures(self.measures)

    def sampling(self) -> "SpaceSampling":
        """Which words make the prototypes. UsageError for what cannot be."""
        from .own_probe import SpaceSampling

        same = ("space", "max_sentences", "halves", "bootstrap", "unit", "seed")
        given = {name: getattr(self, name) for name in same}
        return SpaceSampling(whiten=any(measure.whitened for measure in self.chosen_measures()), **given)
