"""The options of meta-training, without torch: what the command line reads its own from."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from ..config import from_mapping
from ..errors import UsageError
from ..layers import resolve_layers
from ..spaces.spec import FeatureSpec
from ..types import MwtPolicy, RootPolicy, Standardisation


@dataclass(frozen=True)
class MetaTrainConfig:
    """What a run is made from; ``options`` are the learner's own, over its preset's."""

    store: str
    """Folder that extract wrote."""
    layers: tuple[int, ...] | Literal["all"] = (-1,)
    """Layers whose states are concatenated: 7, 6,9 or -1 (the last); 0 is the embeddings."""
    context_layers: tuple[int, ...] = ()
    """Those of the layers whose states of the context (neighbouring words for word classes, the dependent for
    relations) are appended to each item's own. Without, none are, as published."""
    with_store: str | None = None
    """Folder that extract wrote from the same treebanks with another model, whose states are appended to each
    item's own."""
    with_layers: tuple[int, ...] | None = None
    """Layers of that model. By default its last."""
    learner: str = "self-train"
    """Any number of labelled sentences: self-train, tagger, shrink, closed-form. Published: proto. By
    gradient steps: maml, fomaml, anil, meta-sgd, reptile. Baselines: source-probe, pooled, procrustes, ridge,
    target-only, oracle."""
    preset: str = "default"
    """default, or faithful: as published, for learners that were."""
    task: str = "upos"
    """upos, relation, feature:NAME (feature:Case) or column:NAME (column:XPOS)."""
    source: str = "en"
    """Source language."""
    train_langs: tuple[str, ...] = ("train",)
    """Training languages: en,de,... or the name of a set: all, train, family:germanic. A treebank's name
    (UD_English-PUD) stands for its language in these options; it must where the store has several of one."""
    validation_langs: tuple[str, ...] = ("validation",)
    """Languages that choose the epoch; none: it is chosen on the training languages."""
    target_langs: tuple[str, ...] = ("targets",)
    """Languages set aside for the test; used only to refuse an overlap."""
    family_disjoint: bool = False
    """Refuse targets that share a family with a training language."""
    root: RootPolicy = "start"
    """Head of root words: start (the sentence-start state) or exclude."""
    mwt: MwtPolicy = "share"
    """Words of multiword tokens: share the surface's state, first only, or skip."""
    standardise: Standardisation = "language"
    """Mean and scale that states are standardised by."""
    seed: int = 0
    """Seed of everything drawn at random."""
    options: dict = field(default_factory=dict)
    """Settings of the learner."""

    @classmethod
    def of(cls, **options: Any) -> Self:
        """From Python's values: one layer or language where several may stand, a path for text."""
        given = {key: str(value) if isinstance(value, Path) else value for key, value in options.items()}
        return from_mapping(cls, given)

    def spec(self, last: int, other_last: int | None = None) -> FeatureSpec:
        """How features are made of the states of a model that has layers ``0..last``, and of a second one
        with layers ``0..other_last``.

        UsageError for layers of a second model without one.
        """
        if other_last is None and self.with_layers:
            raise UsageError(
                "layers of a second store, and none is given",
                option="with_layers",
                remedy="name it: with_store",
            )
        others = () if other_last is None else resolve_layers(self.with_layers or (-1,), other_last)
        return FeatureSpec(
            self.task,
            resolve_layers(self.layers, last),
            resolve_layers(self.context_layers, last),
            root=self.root,
            mwt=self.mwt,
            standardise=self.standardise,
            other_layers=others,
        )
