"""Which spaces are compared with which, and the table of their scores."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import UsageError
from ..progress import Progress, Silent
from ..statistics import benjamini_hochberg
from .choose import every_layer, groups, layers_of, pairs_of
from .geometry import Geometry
from .measures import Measure
from .scoring import Scored, Side, score_group
from .table import Alignability, framed

DEFAULT = ("cka", "rsa", "procrustes", "retrieval-p1")


def alignability(
    geometry: Geometry,
    against: Geometry | None = None,
    *,
    measures: str | Sequence[str | Measure] = DEFAULT,
    min_count: int = 10,
    permutations: int = 1000,
    seed: int = 0,
    languages: Iterable[str] | None = None,
    pairs: Iterable[tuple[str, str]] | None = None,
    layers: Iterable[tuple[str, str]] | None = None,
    debias: bool | None = None,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> Alignability:
    """How alike the concept spaces of each pair of languages are, in every layer.

    Without ``against``, each unordered pair of languages is compared once, English first and else in the
    order given; a measure that is not symmetric gives a row for either direction. With ``against`` (another
    model, or other layers of this one), every source of ``geometry`` is compared with every target of
    ``against``, the same language too, in the given pairs of ``layers`` (if None: one by one in their order,
    a single layer with all). ``pairs`` names (source, target) languages instead.

    Two languages are compared over the concepts of which both have at least ``min_count`` words. A measure
    that cannot tell noise from structure for so many concepts gives no value, and the row's ``note`` says
    why. ``debias`` takes the prototypes' own errors out of their inner products first; None does so where
    they are known. Without it, two languages look alike because both are vague about the same rare concepts.

    Raises UsageError where nothing can be compared, with the reason.
    """
    chosen = _measures(measures)
    other = geometry if against is None else against
    _check(geometry, other, chosen)
    at = layers_of(geometry, other, layers) if against is not None else every_layer(geometry, layers)
    named = pairs_of(geometry, other, against is None, languages, pairs)
    debias = (geometry.errors_known and other.errors_known) if debias is None else debias
    if debias:
        same = other is geometry
        geometry = geometry.debiased()
        other = geometry if same else other.debiased()
    sides = (Side(geometry, at[0]), Side(other, at[1]))
    bar = (progress or Silent()).bar("alignability", len(named) * len(chosen), unit="pairs")
    tables = []
    for measure in chosen:
        own = named
        if not measure.symmetric and against is None and pairs is None:
            own = [pair for one in named for pair in (one, one[::-1])]
        together, left_out = groups(sides, own, min_count)
        found = Scored.empty(len(at[0]), len(own))
        notes = np.full((len(at[0]), len(own)), "", dtype=object)
        for group in together:
            bar.note(measure.name)
            reasons = [
                measure.refuse(len(group.source_concepts), (geometry.dims[one], other.dims[two]))
                for one, two in zip(*at, strict=True)
            ]
            for layer, reason in enumerate(reasons):
                notes[layer, group.pairs] = reason or ""
            if fit := [layer for layer, reason in enumerate(reasons) if reason is None]:
                rest = (Side(geometry, at[0][fit]), Side(other, at[1][fit]))
                part = score_group(
                    measure,
                    group,
                    rest,
                    relabellings=permutations,
                    seed=seed,
                    confidence=confidence,
                    min_count=min_count,
                )
                found.put(np.array(fit), group.pairs, part)
            bar.advance(len(group.pairs) * len(named) / len(own))
        _refused_everywhere(measure, notes)
        shared = np.zeros(len(own), np.int64)
        for group in together:
            shared[group.pairs] = len(group.source_concepts)
        tables.append(_rows(measure, sides, own, found, notes, shared, left_out, against is not None))
    about = {
        "geometry": dict(geometry.provenance),
        "measures": [measure.name for measure in chosen],
        "min_count": min_count,
        "permutations": permutations,
        "seed": seed,
        "debias": debias,
        "confidence": confidence,
    }
    about |= {} if against is None else {"against": dict(other.provenance)}
    return Alignability(pd.concat(tables, ignore_index=True), about)


def _measures(measures: str | Sequence[str | Measure]) -> tuple[Measure, ...]:
    parts = [measures] if isinstance(measures, str) else measures
    found: list[Measure] = []
    for part in parts:
        if isinstance(part, str):
            from .measures import parse_measures

            found += parse_measures(part)
        else:
            found.append(part)
    if not found:
        raise UsageError("no measure named", where="measures", remedy=f"use {', '.join(DEFAULT)}")
    return tuple({measure.name: measure for measure in found}.values())


def _check(geometry: Geometry, other: Geometry, chosen: Sequence[Measure]) -> None:
    whitened = geometry.whitened and other.whitened
    if odd := [measure.name for measure in chosen if measure.whitened and not whitened]:
        raise UsageError(
            f"{', '.join(odd)} needs whitened prototypes",
            where="measures",
            remedy="build the geometry with whiten=True",
        )
    if geometry.task != other.task:
        raise UsageError(f"concepts of {geometry.task} and of {other.task} cannot be compared")


def _refused_everywhere(measure: Measure, notes: NDArray[np.object_]) -> None:
    if (notes != "").all():
        raise UsageError(
            f"{measure.name} says nothing of any pair: {notes.flat[0]}",
            where="measures",
            remedy="use other measures, a lower min_count, or a space of fewer dimensions",
        )


def _rows(
    measure: Measure,
    sides: tuple[Side, Side],
    named: Sequence[tuple[str, str]],
    found: Scored,
    notes: NDArray[np.object_],
    shared: NDArray[np.int64],
    left_out: Sequence[str],
    across: bool,
) -> pd.DataFrame:
    """The table of one measure, layer by layer."""
    one, two = sides[0].geometry, sides[1].geometry
    layers, pairs = len(sides[0].at), len(named)
    tested = np.isfinite(found.p)
    q = np.full(found.p.shape, np.nan)
    q[tested] = benjamini_hochberg(found.p[tested])
    columns: dict[str, Any] = {name: array.reshape(-1) for name, array in vars(found).items()}
    columns |= {"model": one.model, "revision": one.revision, "task": one.task, "space": one.space}
    columns |= {"measure": measure.name, "q": q.reshape(-1), "note": notes.reshape(-1)}
    columns["layer"] = np.repeat([one.layers[at] for at in sides[0].at], pairs)
    columns["dim"] = np.repeat([one.dims[at] for at in sides[0].at], pairs)
    there = [f"{two.label}:{two.layers[at]}" if across else "" for at in sides[1].at]
    columns["against"] = np.repeat(np.array(there, dtype=object), pairs)
    columns["source"] = [source for source, _ in named] * layers
    columns["target"] = [target for _, target in named] * layers
    columns["n"] = np.tile(shared, layers)
    columns["left_out"] = list(left_out) * layers
    return framed(columns)
