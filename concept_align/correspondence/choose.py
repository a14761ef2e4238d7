"""Which layers, languages and concepts are compared with which."""

from collections.abc import Iterable, Sequence

import numpy as np

from ..errors import UsageError
from .geometry import Geometry, places
from .scoring import Group, Place, Side

FIRST = "en"  # the source of every pair it is in, where it is among the languages


def every_layer(geometry: Geometry, layers: object) -> tuple[Place, Place]:
    """Places of all layers, each compared with itself."""
    if layers is not None:
        raise UsageError(
            "pairs of layers need a space to compare with",
            where="layers",
            remedy="give against=, which may be the same geometry; or geometry.restricted(layers=...)",
        )
    every = np.arange(len(geometry.layers))
    return every, every


def layers_of(
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
        raise UsageError(
            f"{here} layers against {there}: which are to be compared is not clear",
            where="layers",
            remedy="give pairs: layers=[(mine, theirs), ...]",
        )
    both = np.broadcast_arrays(np.arange(here), np.arange(there))
    return both[0].copy(), both[1].copy()


def pairs_of(
    geometry: Geometry,
    other: Geometry,
    within: bool,
    languages: Iterable[str] | None,
    pairs: Iterable[tuple[str, str]] | None,
) -> list[tuple[str, str]]:
    """Names of the languages compared, once each."""
    if pairs is not None:
        named = list(dict.fromkeys((source, target) for source, target in pairs))
        places(geometry.languages, [source for source, _ in named], "language")
        places(other.languages, [target for _, target in named], "language")
    elif within:
        names = list(geometry.languages if languages is None else dict.fromkeys(languages))
        places(geometry.languages, names, "language")
        names.sort(key=lambda name: name != FIRST)  # stable: the rest keeps its order
        named = [(one, two) for place, one in enumerate(names) for two in names[place + 1 :]]
    else:
        wanted = None if languages is None else set(languages)
        sources, targets = (
            [name for name in side.languages if wanted is None or name in wanted]
            for side in (geometry, other)
        )
        named = [(source, target) for source in sources for target in targets]
    if not named:
        raise UsageError("no pair of languages to compare", remedy="give two languages or more")
    return named


def groups(
    sides: tuple[Side, Side], named: Sequence[tuple[str, str]], min_count: int
) -> tuple[list[Group], list[str]]:
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
        groups.append(Group(own, source[own], target[own], where[0][shared], where[1][shared]))
    left_out = [
        ";".join([*(name for name, kept in zip(names, row, strict=True) if not kept), *alone]) for row in both
    ]
    return groups, left_out
