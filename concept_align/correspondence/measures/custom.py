"""Measures of your own: a function of two Gram matrices becomes a measure like all others."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from ...hashing import digest
from ...registration import Registry
from .base import FEWEST, Grams, Invariance, Measure, MeasureScores, Orders, Pairs, Scale, Targets, differs

GramFunction = Callable[[torch.Tensor, torch.Tensor], Any]

MEASURES: Registry[Measure] = Registry(
    "measure", option="measures", entry_point_group="concept_align.measures", builtin={}
)


@dataclass(frozen=True, eq=False)
class GramMeasure(Measure):
    """A measure made of ``function(a, b)``, the score of two Gram matrices; see :func:`register_measure`."""

    name: str
    function: GramFunction
    symmetric: bool = True
    batched: bool = False
    least: int = FEWEST
    scale: Scale = "correlation"
    invariances: frozenset[Invariance] = frozenset({"rotation", "reflection"})

    def __repr__(self) -> str:
        return f"GramMeasure({self.name!r})"

    @property
    def fingerprint(self) -> str:
        """What decides the scores: kept ones are not taken for those of a function that was changed."""
        code = getattr(self.function, "__code__", None)
        facts = repr(self.function) if code is None else (code.co_code.hex(), code.co_names, code.co_varnames)
        values = [repr(one) for one in getattr(code, "co_consts", ()) if not hasattr(one, "co_code")]
        return digest([self.name, self.symmetric, self.batched, self.least, self.scale, facts, values])

    def compare(self, a: Grams, b: Targets, pairs: Pairs, permutations: Orders) -> MeasureScores:
        left, right = a[:, pairs[:, 0]].double(), b[:, pairs[:, 1]].double()
        there = differs(left) & differs(right)
        values = self._scores(left, right).masked_fill(~there, torch.nan)
        null = torch.empty(len(permutations), *values.shape)
        for draw, order in enumerate(permutations):
            moved = right[..., order[:, None], order]
            null[draw] = self._scores(left, moved).masked_fill(~there, torch.nan).float()
        return MeasureScores(values, null)

    def _scores(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        """float64 [layers, pairs] of a and b [layers, pairs, concepts, concepts]."""
        if self.batched:
            return torch.as_tensor(self.function(a, b), dtype=torch.float64).reshape(a.shape[:2])
        found = [float(self.function(*both)) for both in zip(a.flatten(0, 1), b.flatten(0, 1), strict=True)]
        return torch.tensor(found, dtype=torch.float64).reshape(a.shape[:2])


def register_measure(
    name: str,
    *,
    symmetric: bool = True,
    batched: bool = False,
    least: int = FEWEST,
    scale: Scale = "correlation",
    invariances: frozenset[Invariance] = frozenset({"rotation", "reflection"}),
) -> Callable[[Any], Any]:
    """A decorator that makes a function of two Gram matrices, or a :class:`Measure`, known as ``name``
    (in lower case).

    The function takes float64 ``a`` and ``b`` [concepts, concepts], inner products of the prototypes of the
    same concepts in the same order, and gives a number, larger for spaces that are more alike; with
    ``batched`` it takes [..., concepts, concepts] and gives [...], which is much faster. ``symmetric``:
    whether f(a, b) is f(b, a). ``least``: concepts needed. ``scale``: that of the interval, "correlation" for
    scores from -1 (or 0) to 1, "share" for shares. p-values, intervals and ceilings are those of every other
    measure.

    A package registers its measure with an entry point in the group ``concept_align.measures``. Raises
    UsageError for a name that is taken.

    >>> @register_measure("cosine-of-grams", batched=True)
    ... def cosine(a, b):
    ...     return torch.nn.functional.cosine_similarity(a.flatten(-2), b.flatten(-2), dim=-1)
    """

    def take(made: Any) -> Any:
        if not hasattr(made, "compare"):
            measure: Measure = GramMeasure(name.lower(), made, symmetric, batched, least, scale, invariances)
        else:
            measure = made() if isinstance(made, type) else made
        MEASURES.register(name.lower())(measure)
        return made

    return take
