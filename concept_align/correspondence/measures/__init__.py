"""Measures of how alike two concept spaces are, by name.

    rsa[-spearman|-pearson|-cosine][/euclidean|/cosine|/mahalanobis]
    procrustes    cka    cca    retrieval-p1[-csls]    retrieval-mrr[-csls]

The first choice of each bracket is the default and is left out of a measure's name; ``retrieval`` is short
for ``retrieval-p1``. A measure of your own is known by name after :func:`register_measure`.
"""

from collections.abc import Iterable
from typing import cast, get_args

from ...errors import UsageError
from .base import Invariance, Measure, MeasureScores, Scale
from .custom import MEASURES, GramFunction, GramMeasure, register_measure
from .kernels import CCA, CKA
from .procrustes import ProcrustesFit
from .retrieval import Metric, Retrieval
from .rsa import RSA, Correlation, Distance

__all__ = [
    "CCA",
    "CKA",
    "MEASURES",
    "RSA",
    "GramMeasure",
    "Invariance",
    "Measure",
    "MeasureScores",
    "ProcrustesFit",
    "Retrieval",
    "Scale",
    "find_measure",
    "register_measure",
    "resolve_measures",
]

_BUILTIN: tuple[Measure, ...] = (
    *(RSA(correlation, distance) for distance in get_args(Distance) for correlation in get_args(Correlation)),
    ProcrustesFit(),
    CKA(),
    CCA(),
    *(Retrieval(metric, csls) for metric in get_args(Metric) for csls in (False, True)),
)
for _measure in _BUILTIN:
    MEASURES.register(_measure.name)(_measure)


def find_measure(name: str) -> Measure:
    """The measure called ``name``. UsageError, with the nearest name, for an unknown one.

    >>> find_measure("rsa-spearman/cosine").name
    'rsa/cosine'
    """
    short = name.strip().lower()
    if short == "procrustes-rotation":
        message = "a space and its mirror image have the same inner products: rotation alone cannot be told"
        raise UsageError(message, option="measures", remedy="use procrustes")
    if short == "retrieval":
        short = "retrieval-p1"
    elif short.startswith("rsa"):
        short = short.replace("-spearman", "").replace("/euclidean", "")
    found = MEASURES.get(short)
    if hasattr(found, "compare"):
        return found
    # What an entry point names may be the plain function.
    return GramMeasure(short, cast(GramFunction, found))


def resolve_measures(measures: str | Iterable[str | Measure]) -> tuple[Measure, ...]:
    """The measures named (or given), each once, in the order given. UsageError for none and for unknown ones.

    >>> [measure.name for measure in resolve_measures(["cka", "rsa", "rsa-spearman"])]
    ['cka', 'rsa']
    """
    given = [measures] if isinstance(measures, str) else measures
    found = [find_measure(one) if isinstance(one, str) else one for one in given]
    if not found:
        raise UsageError("no measure named", option="measures", remedy=f"use {', '.join(MEASURES.names())}")
    return tuple({measure.name: measure for measure in found}.values())
