"""Which spaces are compared with which, and the table of their scores."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ..errors import UsageError
from ..progress import Progress, Silent
from ..spaces.source import FeatureSource
from ..statistics import Floats, adjusted
from ..store.store import Store
from .build import build_geometry
from .config import DEFAULT
from .geometry import Geometry, Layers, languages_of, places
from .measures import Measure, resolve_measures
from .scoring import SCORES, ComparedSide, PairGroup, Place, Sides, score_group
from .table import Alignability, framed

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
    names = None if langs == "all" else languages_of(langs, geometry.languages, "prototypes")[0]
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
    at = _layers_of(geometry, against, layers)
    named = _pairs_of(geometry, against, langs, pairs)
    debias = (geometry.errors_known and other.errors_known) if debias is None else debias
    if debias:
        same = other is geometry
        geometry = geometry.debiased()
        other = geometry if same else other.debiased()
    sides = (ComparedSide(geometry, at[0]), ComparedSide(other, at[1]))
    options = {"min_count": min_count, "permutations": permutations, "seed": seed, "confidence": confidence}
    bar = (progress or Silent()).bar("alignability", len(named) * len(chosen), unit="pairs")
    tables = []
    for measure in chosen:
        own = named
        if not measure.symmetric and against is None and pairs is None:
            own = [pair for one in named for pair in (one, one[::-1])]
        together, about_pairs = _groups(sides, own, min_count)
        found = {name: np.full((len(at[0]), len(own)), np.nan) for name in SCORES}
        notes = np.full((len(at[0]), len(own)), "", dtype=object)
        for group in together:
            bar.note(measure.name)
            dims = [(geometry.dims[one], other.dims[two]) for one, two in zip(*at, strict=True)]
            reasons = [measure.refuse(len(group.concepts[0]), both) for both in dims]
            notes[:, group.at] = np.array([reason or "" for reason in reasons], dtype=object)[:, None]
            if fit := [layer for layer, reason in enumerate(reasons) if reason is None]:
                rest = (ComparedSide(geometry, at[0][fit]), ComparedSide(other, at[1][fit]))
                for name, part in score_group(measure, group, rest, options).items():
                    found[name][np.array(fit)[:, None], group.at] = part
            bar.advance(len(group.at) * len(named) / len(own))
        if (notes != "").all():
            message = f"{measure.name} gives no pair a score: {notes.flat[0]}"
            remedy = "use other measures, a lower min_count, or a space of fewer dimensions"
            raise UsageError(message, option="measures", remedy=remedy)
        tables.append(_rows(measure, sides, found, notes, about_pairs, against is not None))
    about: dict[str, Any] = {"geometry": dict(geometry.provenance), **options, "debias": debias}
    about["measures"] = [measure.name for measure in chosen]
    about |= {} if against is None else {"against": dict(other.provenance)}
    return Alignability(pd.concat(tables, ignore_index=True), about)


def _check(geometry: Geometry, other: Geometry, chosen: Sequence[Measure]) -> None:
    whitened = geometry.whitened and other.whitened
    if odd := [measure.name for measure in chosen if measure.whitened and not whitened]:
        remedy = "build the geometry with whiten=True"
        raise UsageError(f"{', '.join(odd)} needs whitened prototypes", option="measures", remedy=remedy)
    if geometry.task != other.task:
        raise UsageError(f"concepts of {geometry.task} and of {other.task} cannot be compared")


def _rows(
    measure: Measure,
    sides: Sides,
    found: Mapping[str, Floats],
    notes: NDArray[np.object_],
    about_pairs: Mapping[str, Sequence[Any]],
    across: bool,
) -> pd.DataFrame:
    """The table of one measure, layer by layer."""
    one, two = sides[0].geometry, sides[1].geometry
    layers, pairs = found["value"].shape
    columns: dict[str, Any] = {name: array.reshape(-1) for name, array in found.items()}
    columns |= {name: list(values) * layers for name, values in about_pairs.items()}
    columns |= {"model": one.model, "revision": one.revision, "task": one.task, "space": one.space}
    columns |= {"measure": measure.name, "q": adjusted(columns["p"]), "note": notes.reshape(-1)}
    columns["layer"] = np.repeat([one.layers[at] for at in sides[0].at], pairs)
    columns["dim"] = np.repeat([one.dims[at] for at in sides[0].at], pairs)
    there = [f"{two.label}:{two.layers[at]}" if across else "" for at in sides[1].at]
    columns["against"] = np.repeat(np.array(there, dtype=object), pairs)
    return framed(columns)


def _layers_of(
    geometry: Geometry, against: Geometry | None, layers: Iterable[tuple[str, str]] | None
) -> tuple[Place, Place]:
    """Places of the compared layers on either side."""
    here = len(geometry.layers)
    if against is None:
        if layers is not None:
            message = "pairs of layers need a space to compare with"
            remedy = "give against=, which may be the same geometry; or geometry.restricted(layers=...)"
            raise UsageError(message, option="layers", remedy=remedy)
        return np.arange(here), np.arange(here)
    if layers is not None:
        one, two = zip(*layers, strict=True)
        return places(geometry.layers, one, "layer"), places(against.layers, two, "layer")
    there = len(against.layers)
    if here != there and 1 not in (here, there):
        message = f"{here} layers against {there}: which are to be compared is not clear"
        raise UsageError(message, option="layers", remedy="give pairs: layers=[(mine, theirs), ...]")
    both = np.broadcast_arrays(np.arange(here), np.arange(there))
    return both[0].copy(), both[1].copy()


def _pairs_of(
    geometry: Geometry,
    against: Geometry | None,
    langs: Iterable[str] | None,
    pairs: Iterable[tuple[str, str]] | None,
) -> list[tuple[str, str]]:
    """Names of the languages compared, once each."""
    wanted = None if langs is None else list(dict.fromkeys(langs))
    if pairs is not None:
        named = list(dict.fromkeys((source, target) for source, target in pairs))
    elif against is None:
        names = list(geometry.languages if wanted is None else wanted)
        places(geometry.languages, names, "language")
        names.sort(key=lambda name: name != FIRST)  # stable: the rest keeps its order
        named = list(combinations(names, 2))
    else:
        both = (geometry.languages, against.languages)
        sources, targets = ([one for one in side if wanted is None or one in wanted] for side in both)
        named = list(product(sources, targets))
    if not named:
        there = ", ".join(geometry.languages) or "none"
        remedy = "give two languages or more, or another split of theirs"
        raise UsageError(f"no pair of languages to compare; there are spaces of {there}", remedy=remedy)
    return named


def _groups(
    sides: Sides, named: Sequence[tuple[str, str]], min_count: int
) -> tuple[list[PairGroup], dict[str, Sequence[Any]]]:
    """Pairs by the concepts they share; and columns of all pairs: who, how many concepts, which left out."""
    one, two = sides[0].geometry, sides[1].geometry
    names = [concept for concept in one.concepts if concept in set(two.concepts)]
    alone = [concept for concept in (*one.concepts, *two.concepts) if concept not in set(names)]
    where = [places(side.concepts, names, "concept") for side in (one, two)]
    valid = [side.geometry.valid(min_count)[:, at] for side, at in zip(sides, where, strict=True)]
    sources, targets = zip(*named, strict=True)
    source = places(one.languages, sources, "language")
    target = places(two.languages, targets, "language")
    both = valid[0][source] & valid[1][target]  # [pairs, names]
    kinds, kind = np.unique(both, axis=0, return_inverse=True)
    groups = []
    for number, shared in enumerate(kinds):
        own, concepts = np.flatnonzero(kind.reshape(-1) == number), (where[0][shared], where[1][shared])
        groups.append(PairGroup.of(sides, own, source[own], target[own], concepts))
    left_out = [
        ";".join([*(name for name, kept in zip(names, row, strict=True) if not kept), *alone]) for row in both
    ]
    return groups, {"source": sources, "target": targets, "n": both.sum(1), "left_out": left_out}
