"""Which demonstrations go into a prompt: selectors behind one interface.

Where a selector ranks sentences, the best stands last, next to the query: what a causal model predicts leans
towards what stood near the end of the prompt (recency bias: Zhao et al. 2021, Calibrate Before Use, arXiv
2102.09690), so the demonstration that fits the query should be there. How much order matters differs from
task to task (Liu et al. 2022, arXiv 2101.06804; Lu et al. 2022, arXiv 2104.08786): compare selectors under
one convention.

What a selector chooses for a query does not depend on other queries, and never is a sentence of the query's
own words (treebanks repeat sentences across splits; their labels would stand in the prompt).

A selector of your own needs a ``select`` (:class:`..base.Selector`) and a name; a class with a class method
``from_inputs(inputs)`` is given states and tables (:class:`.simple.SelectorInputs`):

    @register_selector("shortest")
    class ShortestSelector:
        name = "shortest"
        seeded = False  # all draws are the same

        def select(self, query, candidates, k, *, seed):
            return sorted(range(len(candidates)), key=lambda place: len(candidates[place].words))[:k]

Packages register theirs by an entry point of the group ``concept_align.selectors``.
"""

from collections.abc import Callable
from typing import Any

from ...registration import Registry
from ..base import Selector
from .simple import SelectorInputs

SELECTORS: Registry[Any] = Registry(
    "selector",
    option="selectors",
    entry_point_group="concept_align.selectors",
    builtin={
        "random": f"{__name__}.simple:RandomSelector",
        "random-per-query": f"{__name__}.simple:random_per_query",
        "fixed": f"{__name__}.simple:FixedSelector",
        "coverage": f"{__name__}.simple:CoverageSelector",
        "nearest": f"{__name__}.nearest:NearestSelector",
        "nearest-concept": f"{__name__}.nearest:NearestConceptSelector",
        "alignability": f"{__name__}.alignability:AlignabilitySelector",
    },
)


def register_selector(name: str) -> Callable[[Any], Any]:
    """A decorator that makes a class with a ``select`` (:class:`..base.Selector`) known as ``name``.

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


def create(name: str, inputs: SelectorInputs) -> Selector:
    """The selector called ``name``, made from what it needs. UsageError for an unknown name."""
    made = SELECTORS.get(name)
    selector: Selector = made.from_inputs(inputs) if hasattr(made, "from_inputs") else made()
    return selector
