"""What each concept adds to the score of a pair of languages, and by chance."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...statistics import Floats
from .spaces import CHUNK, LEAST_CONCEPTS, orders, relabelled, shared

if TYPE_CHECKING:
    import torch

    from ..measures.base import Measure


def changes(
    products: Floats, known: NDArray[np.bool_], keys: NDArray[np.float32], measure: "Measure"
) -> tuple[Floats, Floats]:
    """Of products [L, K, K] of the ``known`` [L, K]: values [K, L, L] and null means over pairs [draws, K].

    ``keys`` [draws, L, K] are the random numbers that relabel concepts. NaN where a pair does not share the
    concept, or too few others.
    """
    count, size = known.shape
    values = np.full((size, count, count), np.nan)
    sums, pairs_of = np.zeros((len(keys), size)), np.zeros(size)
    for concepts, pairs in shared(known):
        if len(concepts) < max(LEAST_CONCEPTS, measure.least + 1):
            continue
        members, flat = np.unique(pairs, return_inverse=True)
        places = flat.reshape(pairs.shape)
        here = products[np.ix_(members, concepts, concepts)]
        change = _added(here[None], places, measure)[0]  # [concepts, pairs]
        values[concepts[:, None], pairs[:, 0], pairs[:, 1]] = change
        values[concepts[:, None], pairs[:, 1], pairs[:, 0]] = change
        pairs_of[concepts] += len(pairs)
        for begin in range(0, len(keys), CHUNK):
            moved = relabelled(here, orders(keys[begin : begin + CHUNK], members, concepts))
            sums[begin : begin + CHUNK, concepts] += _added(moved, places, measure).sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return values, sums / pairs_of


def _added(products: Floats, pairs: NDArray[np.intp], measure: "Measure") -> Floats:
    """Of products [draws, L, S, S]: score with all concepts less that without each [draws, S, pairs]."""
    import torch

    spaces, numbers = torch.from_numpy(np.ascontiguousarray(products)), torch.from_numpy(pairs)
    size = products.shape[-1]
    whole = _score(spaces, numbers, measure)
    parts = []
    for k in range(size):
        kept = torch.tensor([j for j in range(size) if j != k])
        parts.append(whole - _score(spaces[..., kept[:, None], kept], numbers, measure))
    return np.asarray(torch.stack(parts, dim=1).numpy(), dtype=np.float64)


def _score(spaces: "torch.Tensor", pairs: "torch.Tensor", measure: "Measure") -> "torch.Tensor":
    """[draws, pairs]: draws stand where layers do, so that all are scored at once; over both directions."""
    import torch

    nothing = torch.empty((0, spaces.shape[-1]), dtype=torch.int64)
    there = measure.compare(spaces, spaces, pairs, nothing).values
    if measure.symmetric:
        return there
    return (there + measure.compare(spaces, spaces, pairs.flip(1), nothing).values) / 2
