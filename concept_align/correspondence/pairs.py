"""Which spaces are compared with which, and the table of their scores."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import UsageError
from ..progress import Progress, Silent
from ..spaces.source import FeatureSource
from ..statistics import adjusted
from ..store.store import Store
from .build import build_geometry
from .geometry import Geometry, Layers, languages_of, places
from .measures import Measure, resolve_measures
from .scoring import ComparedSide, PairGroup, PairScores, Place, score_group
from .table import Alignability, framed

DEFAULT = ("cka", "rsa", "procrustes", "retrieval-p1")
Spaces = Geometry | Store | str | Path | FeatureSource | Sequence[FeatureSource]
FIRST = "en"  # the source of every pair it is in, where it is among the languages


def alignability(
    spaces: Spaces,
    against: Spaces | None = None,
    *,
    task: str = "upos",
    measures: str | Sequence[str | Measure] = DEFAULT,
    layers: Layers = "all",
    langs: str | Iterable[str] = "all",
    min_count: int = 10,
    permutations: int = 1000,
    debias: bool | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Alignability:
    """How alike the concept spaces of languages are, pair by pair, layer by layer.

    ``spaces`` are a :class:`Geometry`, or what :func:`build_geometry` makes one of: a store or its folder, or
    sources of features. ``against`` is another model (or other layers): then every language of the first is
    compared with every language of the second, layer by layer in their order. ``task``, ``layers``, ``langs``
    choose what is compared, and ``options`` are further arguments of :func:`build_geometry` (space,
    bootstrap, halves, ...).

    ``measures`` are names (``"cka"``, ``"rsa/cosine"``, one of your own) or measures. Two languages are
    compared over the concepts of which both have ``min_count`` words; each score comes with its null under
    ``permutations`` relabellings of the concepts, an interval over resampled sentences, and the ceiling that
    halves of one language reach. ``debias`` subtracts the expected errors of the prototypes; None does so
    where they are known. Raises UsageError where nothing can be compared, with the reason.

    >>> import concept_align as ca
    >>> scores = ca.alignability("runs/store", task="upos", measures=["cka", "rsa"], min_count=3)
    >>> scores.matrix("cka", layer=3).shape
    (4, 4)
    """

    def geometry_of(given: Spaces) -> Geometry:
        if isinstance(given, Geometry):
            return _chosen(given, layers, langs)
        return build_geometry(
            given, task=task, layers=layers, langs=langs, progress=progress, **{"seed": seed, **options}
        )

    return compare_geometries(
        geometry_of(spaces),
        None if against is None else geometry_of(against),
        measures=measures,
        min_count=min_count,
        permutations=permutations,
        debias=debias,
        seed=seed,
        progress=progress,
    )


def _chosen(geometry: Geometry, layers: Layers, langs: str | Iterable[str]) -> Geometry:
    """The layers and languages asked for."""
    at = None
    if not isinstance(layers, str):
        given = layers if isinstance(layers, Sequence) and not isinstance(layers, tuple) else [layers]
        at = ["+".join(map(str, one)) if isinstance(one, tuple) else str(one) for one in given]
    names = None if langs == "all" else languages_of(langs, geometry.languages, "prototypes")
    return geometry.restricted(layers=at, languages=names)


def compare_geometries(
    geometry: Geometry,
    against: Geometry | None = None,
    *,
    measures: str | Sequence[str | Measure] = DEFAULT,
    min_count: int = 10,
    permutations: int = 1000,
    seed: int = 0,
    langs: Iterable[str] | None = None,
    pairs: Iterable[tuple[str, str]] | None = None,
    layers: Iterable[tuple[str, str]] | None = None,
    debias: bool | None = None,
    confidence: float = 0.95,
    progress: Progress | None = None,
) -> Alignability:
    """How alike the concept spaces of each pair of languages are, in every layer of a geometry.

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
    chosen = resolve_measures(measures)
    other = geometry if against is None else against
    _check(geometry, other, chosen)
    at = _layers_of(geometry, other, layers) if against is not None else _every_layer(geometry, layers)
    named = _pairs_of(geometry, other, against is None, langs, pairs)
    debias = (geometry.errors_known and other.errors_known) if debias is None else debias
    if debias:
        same = other is geometry
        geometry = geometry.debiased()
        other = geometry if same else other.debiased()
    sides = (ComparedSide(geometry, at[0]), ComparedSide(other, at[1]))
    bar = (progress or Silent()).bar("alignability", len(named) * len(chosen), unit="pairs")
    tables = []
    for measure in chosen:
        own = named
        if not measure.symmetric and against is None and pairs is None:
            own = [pair for one in named for pair in (one, one[::-1])]
        together, left_out = _groups(sides, own, min_count)
        found = PairScores.empty(len(at[0]), len(own))
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
                rest = (ComparedSide(geometry, at[0][fit]), ComparedSide(other, at[1][fit]))
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


def _check(geometry: Geometry, other: Geometry, chosen: Sequence[Measure]) -> None:
    whitened = geometry.whitened and other.whitened
    if odd := [measure.name for measure in chosen if measure.whitened and not whitened]:
        remedy = "build the geometry with whiten=True"
        raise UsageError(f"{', '.join(odd)} needs whitened prototypes", option="measures", remedy=remedy)
    if geometry.task != other.task:
        raise UsageError(f"concepts of {geometry.task} and of {other.task} cannot be compared")


def _refused_everywhere(measure: Measure, notes: NDArray[np.object_]) -> None:
    if (notes != "").all():
        message = f"{measure.name} gives no pair a score: {notes.flat[0]}"
        remedy = "use other measures, a lower min_count, or a space of fewer dimensions"
        raise UsageError(message, option="measures", remedy=remedy)


def _rows(
    measure: Measure,
    sides: tuple[ComparedSide, ComparedSide],
    named: Sequence[tuple[str, str]],
    found: PairScores,
    notes: NDArray[np.object_],
    shared: NDArray[np.int64],
    left_out: Sequence[str],
    across: bool,
) -> pd.DataFrame:
    """The table of one measure, layer by layer."""
    one, two = sides[0].geometry, sides[1].geometry
    layers, pairs = len(sides[0].at), len(named)
    columns: dict[str, Any] = {name: array.reshape(-1) for name, array in vars(found).items()}
    columns |= {"model": one.model, "revision": one.revision, "task": one.task, "space": one.space}
    columns |= {"measure": measure.name, "q": adjusted(found.p.reshape(-1)), "note": notes.reshape(-1)}
    columns["layer"] = np.repeat([one.layers[at] for at in sides[0].at], pairs)
    columns["dim"] = np.repeat([one.dims[at] for at in sides[0].at], pairs)
    there = [f"{two.label}:{two.layers[at]}" if across else "" for at in sides[1].at]
    columns["against"] = np.repeat(np.array(there, dtype=object), pairs)
    columns["source"] = [source for source, _ in named] * layers
    columns["target"] = [target for _, target in named] * layers
    columns["n"] = np.tile(shared, layers)
    columns["left_out"] = list(left_out) * layers
    return framed(columns)


def _every_layer(geometry: Geometry, layers: object) -> tuple[Place, Place]:
    """Places of all layers, each compared with itself."""
    if layers is not None:
        remedy = "give against=, which may be the same geometry; or geometry.restricted(layers=...)"
        raise UsageError("pairs of layers need a space to compare with", option="layers", remedy=remedy)
    every = np.arange(len(geometry.layers))
    return every, every


def _layers_of(
    geometry: Geometry, other: Geometry, layers: Iterable[tuple[str, str]] | None
) -> tuple[Place, Place]:
    """Places of the compared layers on either side."""
    if layers is not None:
        given = [(str(one), str(two)) for one, two in layers]
        one = places(geometry.layers, [pair[0] for pair in given], "layer")
        two = places(other.layers, [pair[1] for pair in given], "layer")
        return np.array(one, np.int64), np.array(two, np.int64)
    here, there = len(geometry.layers), len(other.layers)
    if here != there and 1 not in (here, there):
        message = f"{here} layers against {there}: which are to be compared is not clear"
        raise UsageError(message, option="layers", remedy="give pairs: layers=[(mine, theirs), ...]")
    both = np.broadcast_arrays(np.arange(here), np.arange(there))
    return both[0].copy(), both[1].copy()


def _pairs_of(
    geometry: Geometry,
    other: Geometry,
    within: bool,
    langs: Iterable[str] | None,
    pairs: Iterable[tuple[str, str]] | None,
) -> list[tuple[str, str]]:
    """Names of the languages compared, once each."""
    if pairs is not None:
        named = list(dict.fromkeys((source, target) for source, target in pairs))
        places(geometry.languages, [source for source, _ in named], "language")
        places(other.languages, [target for _, target in named], "language")
    elif within:
        names = list(geometry.languages if langs is None else dict.fromkeys(langs))
        places(geometry.languages, names, "language")
        names.sort(key=lambda name: name != FIRST)  # stable: the rest keeps its order
        named = [(one, two) for place, one in enumerate(names) for two in names[place + 1 :]]
    else:
        wanted = None if langs is None else set(langs)
        sources, targets = (
            [name for name in side.languages if wanted is None or name in wanted]
            for side in (geometry, other)
        )
        named = [(source, target) for source in sources for target in targets]
    if not named:
        raise UsageError("no pair of languages to compare", remedy="give two languages or more")
    return named


def _groups(
    sides: tuple[ComparedSide, ComparedSide], named: Sequence[tuple[str, str]], min_count: int
) -> tuple[list[PairGroup], list[str]]:
    """Pairs by the concepts they share, and for each pair the names of those left out."""
    one, two = sides[0].geometry, sides[1].geometry
    names = [concept for concept in one.concepts if concept in set(two.concepts)]
    alone = [concept for concept in (*one.concepts, *two.concepts) if concept not in set(names)]
    where = [np.array(places(side.concepts, names, "concept"), np.int64) for side in (one, two)]
    valid = [side.geometry.valid(min_count)[:, at] for side, at in zip(sides, where, strict=True)]
    source = np.array(places(one.languages, [pair[0] for pair in named], "language"), np.int64)
    target = np.array(places(two.languages, [pair[1] for pair in named], "language"), np.int64)
    both = valid[0][source] & valid[1][target]  # [pairs, names]
    kinds, kind = np.unique(both, axis=0, return_inverse=True)
    groups = []
    for number, shared in enumerate(kinds):
        own = np.flatnonzero(kind.reshape(-1) == number)
        groups.append(PairGroup(own, source[own], target[own], where[0][shared], where[1][shared]))
    left_out = [
        ";".join([*(name for name, kept in zip(names, row, strict=True) if not kept), *alone]) for row in both
    ]
    return groups, left_out
