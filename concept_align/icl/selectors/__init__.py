"""Which demonstrations go into a prompt: selectors behind one interface.

Where a selector ranks sentences, the best stands last, next to the query: what a causal model predicts leans
towards what stood near the end of the prompt (recency bias: Zhao et al. 2021, Calibrate Before Use, arXiv
2102.09690), so the demonstration that fits the query should be there. How much order matters differs from
task to task (Liu et al. 2022, arXiv 2101.06804; Lu et al. 2022, arXiv 2104.08786): compare selectors under
one convention.

What a selector chooses for a query does not depend on other queries, and never is a sentence of the query's
own words (treebanks repeat sentences across splits; their labels would stand in the prompt).

A selector of your own needs a ``select`` (:class:`Selector`) and a name; :class:`BaseSelector` checks what
``select`` is given. A class with a class method ``from_inputs(inputs)`` gets states and tables
(:class:`SelectorInputs`); with ``from_variant(inputs, variant)`` it is asked for as ``NAME:VARIANT`` too:

    @register_selector("shortest")
    class ShortestSelector:
        name = "shortest"
        seeded = False  # all draws are the same

        def select(self, query, candidates, k, *, seed):
            return sorted(range(len(candidates)), key=lambda place: len(candidates[place].words))[:k]

Packages register theirs by an entry point of the group ``concept_align.selectors``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import pandas as pd
import torch
from jaxtyping import Float32

from ...errors import UsageError
from ...registration import Registry
from ..base import PromptSentence
from ..config import Teacher

if TYPE_CHECKING:
    from .helping import Gains

There = Mapping[int, PromptSentence]  # what may be chosen: place among the candidates -> sentence
# What a choice depends on besides the candidates: of "nothing", one choice serves all queries and ``select``
# may be given None; of "language", all queries of a language; else the "query" itself.
LooksAt = Literal["nothing", "language", "query"]


class Selector(Protocol):
    """Chooses demonstrations for a query; for all queries of a language where it does not look at them.

    A selector may say what it ``looks_at`` (LooksAt; "nothing" where it does not say), and that it is not
    ``seeded``: then draws are all the same, and asked once. What its choices depend on besides sentences
    and their labels, it tells by ``made_from`` (anything that JSON holds): answers are kept with it.
    """

    name: str

    def select(
        self, query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, seed: int
    ) -> list[int]:
        """The places in ``candidates`` of ``k`` demonstrations, in the order they are to stand."""
        ...


class SelectorTraining(Protocol):
    """What a study offers to selectors that learn: gains of single demonstrations in other languages.

    ``teacher`` is the study's, ``folder`` the study's own, ``facts`` are for the card of what was learned.
    """

    @property
    def teacher(self) -> Teacher: ...

    @property
    def seed(self) -> int: ...

    @property
    def folder(self) -> Path | None: ...

    @property
    def facts(self) -> Mapping[str, Any]: ...

    def gains(self, teacher: Teacher) -> "Gains":
        """Measured when they are first asked for."""
        ...

    def made_from(self, teacher: Teacher) -> Mapping[str, Any]:
        """What decides them; known before they are measured."""
        ...


@dataclass(frozen=True, eq=False)
class SelectorInputs:
    """What a study offers to a selector whose class has ``from_inputs(inputs)``.

    ``pools(language)`` are the sentences that the study uses of a language: candidates of its train split,
    queries of its test split. ``word_states(sentences)`` are the model's states of their words, end to end,
    float32 [words, dim], all of one layer; a sentence that the model cannot read has none, and raises
    ModelError. ``alignability`` is the tidy table of ``concept-align alignability``, if one was given.
    ``classify(sentences)`` are log-probabilities [words, concepts] that a saved aligner gives to the words of
    sentences of one language, end to end (NaN for a word it cannot read), if one was given; ``aligner`` is
    what it was made from. ``diversity`` is what a selector that ranks takes off for what is shown already.
    ``training`` is what selectors learn from, where the study has languages for it.
    """

    concepts: tuple[str, ...]
    pools: Callable[[str], Sequence[Sequence[PromptSentence]]]
    word_states: Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words dim"]]
    layer: int  # of the states, as it was asked for
    alignability: pd.DataFrame | None = None
    classify: Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words concepts"]] | None = None
    aligner: Mapping[str, Any] = field(default_factory=dict)
    diversity: float = 0.0
    training: SelectorTraining | None = None


class BaseSelector(ABC):
    """A :class:`Selector` among sentences that do not have the words of the query."""

    name: str
    looks_at: LooksAt = "nothing"
    seeded: bool = False
    labelled: ClassVar[bool] = False  # it looks at labels of words, which not all sentences have

    def select(
        self, query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, seed: int
    ) -> list[int]:
        """UsageError for a query that is needed, or candidates too few for ``k``."""
        where = f"selector {self.name}"
        if k < 0:
            raise UsageError(f"{k} demonstrations", where=where, remedy="ask for none or more")
        if self.looks_at == "nothing":
            query = None
        elif query is None:
            what = "demonstrations are chosen for a query, and none was given"
            raise UsageError(what, where=where, remedy="select for each query by itself")
        own = None if query is None else query.words
        there = {place: one for place, one in enumerate(candidates) if one.words != own}
        self.enough(len(there), k, of=f"{len(candidates)} candidates without the query's own words")
        return self._choose(query, there, k, seed)

    @abstractmethod
    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        """``k`` places of ``there``; ``query`` is None where it is not looked at."""

    def enough(self, found: int, k: int, *, of: str) -> None:
        """UsageError where ``found`` of what is to be chosen from are fewer than ``k``."""
        if found < k:
            what = f"{k} demonstrations are asked for, and there are {found} ({of})"
            remedy = "ask for fewer, or give more candidates"
            raise UsageError(what, where=f"selector {self.name}", remedy=remedy)

    def tried(self, there: There, known: Collection[PromptSentence], k: int) -> There:
        """Of ``there`` what is ``known`` from training. UsageError where that is fewer than ``k``."""
        found = {place: one for place, one in there.items() if one in known}
        self.enough(len(found), k, of="tried in other languages; raise select_candidates")
        return found


SELECTORS: Registry[Any] = Registry(
    "selector",
    option="selectors",
    entry_point_group="concept_align.selectors",
    builtin={
        "random": f"{__name__}.simple:RandomSelector",
        "random-per-query": f"{__name__}.simple:random_per_query",
        "fixed": f"{__name__}.simple:FixedSelector",
        "coverage": f"{__name__}.simple:CoverageSelector",
        "nearest-state": f"{__name__}.nearest:NearestStateSelector",
        "nearest-concept": f"{__name__}.nearest:NearestConceptSelector",
        "nearest-concept-gold": f"{__name__}.nearest:GoldConceptSelector",
        "best-on-train": f"{__name__}.trained:BestOnTrainSelector",
        "learned": f"{__name__}.learned:StudySelector",
        "alignability": f"{__name__}.simple:AlignabilitySelector",
    },
)


def register_selector(name: str) -> Callable[[Any], Any]:
    """A decorator that makes a class with a ``select`` (:class:`Selector`) known as ``name``.

    UsageError for a name that is taken.

    Example:
        >>> import concept_align as ca
        >>> @ca.register_selector("the-first")
        ... class First:
        ...     name = "the-first"
        ...     seeded = False
        ...     looks_at = "nothing"
        ...
        ...     def select(self, query, candidates, k, *, seed):
        ...         return list(range(k))
    """
    return SELECTORS.register(name)


def training_of(inputs: SelectorInputs, name: str) -> SelectorTraining:
    """What the selector ``name`` learns from. UsageError where nothing measures gains."""
    if inputs.training is None:
        what = f"the selector {name} learns from gains of demonstrations, and nothing measures them"
        remedy = "ask for it by name, from icl_study or concept-align icl"
        raise UsageError(what, option="selectors", remedy=remedy)
    return inputs.training


def look_up(name: str, targets: Sequence[str] = ()) -> tuple[Any, str]:
    """What the selector ``NAME`` or ``NAME:VARIANT`` is made by, and its variant.

    UsageError for an unknown name, for a variant of a selector that has none, and for one that it refuses
    (``check_variant``) to use in ``targets``.
    """
    kind, _, variant = name.partition(":")
    made = SELECTORS.get(kind)
    if variant and not hasattr(made, "from_variant"):
        what = f"the selector {kind} has no variants, and {variant!r} is none"
        raise UsageError(what, option="selectors", remedy=f"say {kind}")
    if variant and hasattr(made, "check_variant"):
        made.check_variant(variant, targets)
    return made, variant


def create(name: str, inputs: SelectorInputs) -> Selector:
    """The selector called ``name``, made from what it needs. UsageError for an unknown name."""
    made, variant = look_up(name)
    if variant:
        selector: Selector = made.from_variant(inputs, variant)
    else:
        selector = made.from_inputs(inputs) if hasattr(made, "from_inputs") else made()
    return selector
