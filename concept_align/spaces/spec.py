"""How features are made of states: all that decides them, in one place. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, get_args

from ..config import from_mapping
from ..errors import UsageError
from ..hashing import digest
from ..layers import side_by_side
from ..registration import suggest
from ..treebanks.concepts import check_task, is_relational
from ..types import MwtPolicy, RootPolicy, Standardisation


@dataclass(frozen=True)
class FeatureSpec:
    """How the features of a task are made of a store's states.

    ``task``: ``upos``, ``relation``, ``feature:NAME`` or ``column:NAME``. ``layers``: states put side by
    side; of ``context_layers``, some of them, the states of the words before and after (of a relation: of
    the dependent) stand beside each item too. ``other_layers``: those of a second model, whose states of the
    same words come after the first one's. ``root``: what stands for the head of roots. ``mwt``: the
    words of multiword tokens. ``standardise``: by ``language``, by the ``reference`` languages together
    (``global``; all that have a train split, if None), or ``none``.

    >>> FeatureSpec("upos", (6, 10), context_layers=(10,)).layer_name
    '6+10~10'
    """

    task: str
    layers: tuple[int, ...]
    context_layers: tuple[int, ...] = ()
    root: RootPolicy = "start"
    mwt: MwtPolicy = "share"
    standardise: Standardisation = "language"
    reference: tuple[str, ...] | None = None
    other_layers: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for name in ("layers", "context_layers", "reference", "other_layers"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(value))
        if not self.layers:
            raise UsageError("no layer to load", option="layers", remedy="name one or more")
        if odd := sorted(set(self.context_layers) - set(self.layers)):
            what = f"layers {', '.join(map(str, odd))} are not among the layers"
            remedy = f"choose from {', '.join(map(str, self.layers))}"
            raise UsageError(what, option="context_layers", remedy=remedy)
        for name, kind in (("root", RootPolicy), ("mwt", MwtPolicy), ("standardise", Standardisation)):
            if (value := getattr(self, name)) not in get_args(kind):
                raise UsageError(
                    f"unknown value {value!r}", option=name, remedy=suggest(str(value), get_args(kind))
                )

    @property
    def relational(self) -> bool:
        """Is the task asked of a word and its head?"""
        return is_relational(self.task)

    @property
    def layer_name(self) -> str:
        """The layers as results name them: ``7``, ``6+10+13``, ``6+10+13~10`` with context of layer 10,
        ``10 with 3`` with layer 3 of a second model."""
        own = side_by_side(self.layers, self.context_layers)
        return f"{own} with {side_by_side(self.other_layers)}" if self.other_layers else own

    def with_layers(self, layers: Sequence[int]) -> Self:
        """The same of other layers, with those of the context layers that are among them."""
        context = tuple(layer for layer in self.context_layers if layer in layers)
        return replace(self, layers=tuple(layers), context_layers=context)

    def describe(self) -> dict[str, Any]:
        """What decides the features, as provenance keeps it: no key for what has no part in them."""
        facts: dict[str, Any] = {"task": self.task, "layers": list(self.layers), "mwt": self.mwt}
        if self.relational:
            facts["root"] = self.root
        if self.context_layers:
            facts["context_layers"] = list(self.context_layers)
        if self.other_layers:
            facts["other_layers"] = list(self.other_layers)
        facts["standardise"] = self.standardise
        if self.standardise == "global" and self.reference is not None:
            facts["reference"] = list(self.reference)
        return facts

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Self:
        """Of what :meth:`describe` gave, in this version or 0.1. KeyError, UsageError for anything else."""
        values = {name: facts[name] for name in ("task", "layers", "mwt", "standardise")}
        values["context_layers"] = facts.get("context_layers", facts.get("beside", ()))
        # A root is told only of a task that has heads.
        values |= {name: facts[name] for name in ("root", "reference", "other_layers") if name in facts}
        found = from_mapping(cls, values)
        check_task(found.task)
        return found

    def fingerprint(self) -> str:
        """A hash of :meth:`describe`: features with equal ones, of equal states, are equal."""
        return digest(self.describe())
