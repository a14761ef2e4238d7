"""The options of probes and of evaluations, without torch: what the command line reads its own from."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from ..errors import UsageError
from ..layers import resolve_layers
from ..spaces.spec import FeatureSpec
from ..treebanks.registry import select
from ..types import MwtPolicy, RootPolicy, Standardisation

if TYPE_CHECKING:
    from ..spaces.probe import ProbeConfig
    from ..store.store import Store

Valid = Literal["train", "source", "pair", "all"]
Short = Literal["omit", "all"]
SupportFrom = Literal["train", "dev", "test"]
VALIDS: tuple[Valid, ...] = get_args(Valid)
SHORTS: tuple[Short, ...] = get_args(Short)
SUPPORTS: tuple[SupportFrom, ...] = get_args(SupportFrom)
SHOTS: tuple[int, ...] = (0, 1, 5, 10, 20, 50, 100)


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How an aligner is put to the test.

    >>> Protocol(shots=(0, 5), support_draws=3).draws_of(5)
    3
    """

    shots: tuple[int, ...] = SHOTS
    """Numbers of labelled sentences of the target; 0 is zero-shot."""
    support_draws: int = 10
    """Support sets drawn at each number of shots."""
    valid: Valid = "train"
    """Concepts that may be predicted: train (those the aligner knows from its training languages), source
    (those with LEAST training words in the source), pair (as published: in source and target both, which
    looks at the target's training labels even with no support), all. Words of others stay in the test and
    count as errors."""
    least: int = 10
    """Training words without which a concept is not valid in a source or pair."""
    smoothing: bool = False
    """As published: a sentence more for each class that the support lacks."""
    short: Short = "omit"
    """With fewer usable training sentences than shots: omit the rows, or take all there are. Either way it is
    reported."""
    support_from: SupportFrom = "train"
    """Labelled sentences of targets: train (their training split alone), dev (the dev split of those without
    one), test (of those with neither, sentences drawn from the test split; the others are tested)."""
    bootstrap: int = 1000
    """Resamples behind the intervals."""
    confidence: float = 0.95
    """Coverage of the intervals."""
    seed: int = 0
    """Seed of everything that is drawn at random."""

    # Supports are each target's own. Where all targets see the same draws, so do intervals of their means.
    shared_draws: ClassVar[bool] = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "shots", tuple(self.shots))
        if not self.shots or min(self.shots) < 0 or len(set(self.shots)) < len(self.shots):
            remedy = "give different numbers of sentences, 0 for zero-shot"
            raise UsageError(f"impossible shots {self.shots}", option="shots", remedy=remedy)
        for name, least in (("support_draws", 1), ("bootstrap", 100)):
            if getattr(self, name) < least:
                raise UsageError(
                    f"{getattr(self, name)} is too few", option=name, remedy=f"ask for {least} or more"
                )
        for name, known in (("short", SHORTS), ("valid", VALIDS), ("support_from", SUPPORTS)):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"unknown value {getattr(self, name)!r}", option=name, remedy=f"use {', '.join(known)}"
                )

    def draws_of(self, shots: int) -> int:
        """Support draws at ``shots``: there is but one empty support, and one whole train split."""
        return self.support_draws if shots > 0 else 1


@dataclass(frozen=True, kw_only=True)
class SharedDrawsProtocol(Protocol):
    """A protocol whose draws are the same for all targets: demonstrations that stand before all of them."""

    shared_draws: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class EvaluateConfig(Protocol):
    """All options of an evaluation of saved aligners: protocol, target languages, what is compared."""

    aligners: tuple[str, ...] = ()
    """Folders that meta-train wrote, or hub ids; NAME=FOLDER gives one a name. Those that differ in the
    training seed alone (with one NAME, or without) are one learner."""
    store: str = ""
    """Folder that extract wrote."""
    with_store: str | None = None
    """Folder of the second model's states, for aligners of two models."""
    langs: tuple[str, ...] | None = None
    """Target languages: codes, or names of sets. Default: those set aside in training."""
    family_disjoint: bool = False
    """Leave out targets of a family that an aligner has seen, and those whose family is not known."""
    across: bool = False
    """Compare aligners with different features (layers, standardisation) of the same words, each under its
    own name. Default: those with the same features are compared."""
    against: tuple[str, ...] = ()
    """Learners that each is compared with: pooled,proto. Default: all pairs of up to six, else pooled,
    source-probe and proto. p-values are corrected over what is compared."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("aligners", "langs", "against"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, (value,) if isinstance(value, str) else tuple(value))

    @property
    def protocol(self) -> Protocol:
        """How aligners are put to the test, whatever they and their targets are."""
        return Protocol(**{one.name: getattr(self, one.name) for one in fields(Protocol)})


@dataclass(frozen=True, kw_only=True)
class ProbeSweep:
    """What is swept, and how probes are trained."""

    store: str = ""
    """Folder that extract wrote."""
    langs: tuple[str, ...] = ("all",)
    """Languages: codes, or names of sets."""
    layers: tuple[int, ...] | Literal["all"] = "all"
    """Layers of the store."""
    task: str = "upos"
    """upos, relation, feature:NAME or column:NAME."""
    root: RootPolicy = "start"
    """What stands for the head of roots: start (the model's sentence-start token) or exclude."""
    mwt: MwtPolicy = "share"
    """Words of a multiword token: share (its state), first or skip."""
    standardise: Standardisation = "language"
    """Mean and scale of states from unlabelled words: language, global or none."""
    preset: Literal["fast", "faithful"] = "fast"
    """Training: fast, or faithful (as published: slower, and it underfits)."""
    rank: int | None = None
    """Dimensions of the concept space (32; 64 for relations)."""
    epochs: int | None = None
    """Epochs, in place of the preset's."""
    batch_sentences: int | None = None
    """Sentences in a batch, in place of the preset's."""
    lr: float | None = None
    """Learning rate, in place of the preset's."""
    max_sentences: int | None = None
    """At most so many training sentences per language, drawn by the seed."""
    bootstrap: int = 1000
    """Resamples behind the intervals."""
    confidence: float = 0.95
    """Coverage of the intervals."""
    seed: int = 0
    """Seed of everything that is drawn at random."""

    def __post_init__(self) -> None:
        if self.max_sentences is not None and self.max_sentences < 1:
            raise UsageError(
                f"{self.max_sentences} training sentences", option="max_sentences", remedy="give 1 or more"
            )
        if isinstance(self.langs, str):
            object.__setattr__(self, "langs", (self.langs,))

    @property
    def training(self) -> "ProbeConfig":
        """How each probe is trained."""
        from ..spaces.probe import probe_config

        given = {name: getattr(self, name) for name in ("rank", "epochs", "batch_sentences", "lr")}
        changes = {name: value for name, value in given.items() if value is not None}
        return probe_config(self.preset, relational=self.spec(0).relational, **changes)

    def spec(self, layer: int) -> FeatureSpec:
        """How features of ``layer`` are made."""
        return FeatureSpec(self.task, (layer,), root=self.root, mwt=self.mwt, standardise=self.standardise)

    def layers_in(self, store: "Store") -> tuple[int, ...]:
        """The layers that are asked for. UsageError for those that the store has no states of."""
        every = self.layers == "all"
        chosen = None if every else resolve_layers(self.layers, store.recipe.layers)
        return store.layers_with_states(chosen)

    def languages_in(self, store: "Store") -> tuple[str, ...]:
        """The languages that are asked for, of those in the store: some may lack a split."""
        return select(store.named(self.langs), store.languages())
