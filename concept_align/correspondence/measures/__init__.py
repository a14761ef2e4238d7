"""Measures of the likeness of two concept spaces, by name.

    rsa[-spearman|-pearson|-cosine][/euclidean|/cosine|/mahalanobis]
    procrustes    cka    cca    retrieval-p1[-csls]    retrieval-mrr[-csls]

The first choice of each bracket is the default and is left out of a measure's name; ``retrieval`` is short
for ``retrieval-p1``.
"""

from collections.abc import Callable
from typing import get_args

from ...errors import UsageError
from .base import Compared, Invariance, Measure
from .cca import CCA
from .cka import CKA
from .procrustes import Procrustes, procrustes_rotation
from .retrieval import Metric, Retrieval
from .rsa import RSA, Correlation, Distance
from .transport import Transported, transport_agreement

__all__ = [
    "CCA",
    "CKA",
    "MEASURES",
    "RSA",
    "Compared",
    "Invariance",
    "Measure",
    "Procrustes",
    "Retrieval",
    "Transported",
    "parse_measures",
    "procrustes_rotation",
    "transport_agreement",
]


def _registry() -> dict[str, Callable[[], Measure]]:
    """Every measure by its own name, in the order of the docstring."""
    rsa = [RSA(c, d) for d in get_args(Distance) for c in get_args(Correlation)]
    retrieval = [Retrieval(metric, csls) for metric in get_args(Metric) for csls in (False, True)]
    every: list[Measure] = [*rsa, Procrustes(), CKA(), CCA(), *retrieval]
    return {measure.name: _always(measure) for measure in every}


def _always(measure: Measure) -> Callable[[], Measure]:
    return lambda: measure


MEASURES: dict[str, Callable[[], Measure]] = _registry()


def parse_measures(names: str) -> tuple[Measure, ...]:
    """The measures of a list of ``names`` with commas, each once, in the order given."""
    found: dict[str, Measure] = {}
    for part in names.split(","):
        name = part.strip().lower()
        if name:
            measure = _measure(name)
            found.setdefault(measure.name, measure)
    if not found:
        raise UsageError("no measure named", where="measures", remedy=f"use {', '.join(MEASURES)}")
    return tuple(found.values())


def _measure(name: str) -> Measure:
    if name == "procrustes-rotation":
        raise UsageError(
            "a space and its mirror image have the same inner products: rotation alone cannot be told",
            where=name,
            remedy="use procrustes, or procrustes_rotation on the prototypes themselves",
        )
    plain = "retrieval-p1" if name == "retrieval" else name.replace("-spearman", "").replace("/euclidean", "")
    if plain not in MEASURES:
        raise UsageError("unknown measure", where=name, remedy=f"use {', '.join(MEASURES)}")
    return MEASURES[plain]()
