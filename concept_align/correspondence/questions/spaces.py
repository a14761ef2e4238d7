"""What the questions ask of prototypes: who shares which concepts, and how far apart they are."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...statistics import Floats

LEAST_CONCEPTS = 5  # a row correlation over fewer than four others says nothing
CHUNK = 64  # relabellings at once: 64 x 43 languages x 37 x 37 concepts are 15 MB


def shared(known: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of rows of ``known`` [languages, concepts], by what both have: (concepts, pairs [N, 2])."""
    rows, columns = np.triu_indices(len(known), 1)
    both = known[rows] & known[columns]
    for mask, group in zip(*_grouped(both), strict=True):
        yield np.flatnonzero(mask), np.stack([rows[group], columns[group]], axis=1)


def _grouped(masks: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], list[NDArray[np.intp]]]:
    unique, inverse = np.unique(masks, axis=0, return_inverse=True)
    flat = inverse.ravel()
    return unique, [np.flatnonzero(flat == at) for at in range(len(unique))]


def distances(products: Floats, metric: str = "euclidean") -> Floats:
    """Distances [..., K, K] of what has inner products [..., K, K]: euclidean or cosine (1 - cosine)."""
    squares = np.diagonal(products, axis1=-2, axis2=-1)
    if metric == "cosine":
        lengths = np.sqrt(np.maximum(squares, 1e-300))
        return np.asarray(1 - products / (lengths[..., :, None] * lengths[..., None, :]))
    apart = squares[..., :, None] + squares[..., None, :] - 2 * products
    return np.sqrt(np.maximum(apart, 0.0))  # rounding, or debiasing, can take it below 0


def orders(
    keys: NDArray[np.float32], members: NDArray[np.intp], concepts: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Random orders [draws, members, concepts] from ``keys`` [draws, L, K].

    The order of random keys relabels any subset of the concepts uniformly, and each language the same way
    whichever the partner, as far as that can be.
    """
    return np.argsort(keys[:, members[:, None], concepts], axis=-1)


def relabelled(squares: NDArray[Any], order: NDArray[np.intp]) -> NDArray[Any]:
    """Rows and columns of squares [L, S, S] in ``order`` [draws, L, S]: [draws, L, S, S]."""
    rows = np.arange(len(squares))[:, None, None]
    return np.asarray(squares[rows, order[..., :, None], order[..., None, :]])
