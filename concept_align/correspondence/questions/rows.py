"""How well each concept's distances to the others correlate over pairs of languages, and by chance."""

import numpy as np
from numpy.typing import NDArray

from ...statistics import Floats, Method, ranked
from .spaces import CHUNK, LEAST_CONCEPTS, distances, orders, relabelled, shared


def row_correlations(
    products: Floats, known: NDArray[np.bool_], keys: NDArray[np.float32], method: Method, metric: str
) -> tuple[Floats, Floats]:
    """Of products [L, K, K] of the ``known`` [L, K]: values [K, L, L] and null means over pairs [draws, K].

    ``keys`` [draws, L, K] are the random numbers that relabel concepts. NaN where a pair does not share the
    concept.
    """
    count, size = known.shape
    values = np.full((size, count, count), np.nan)
    sums, pairs_of = np.zeros((len(keys), size)), np.zeros(size)
    for concepts, pairs in shared(known):
        if len(concepts) < LEAST_CONCEPTS:
            continue
        members, flat = np.unique(pairs, return_inverse=True)
        first, second = flat.reshape(pairs.shape).T
        standard = standard_rows(products[np.ix_(members, concepts, concepts)], method, metric)
        correlations = (standard[first] * standard[second]).sum(axis=-1)  # [pairs, concepts]
        values[concepts[:, None], pairs[:, 0], pairs[:, 1]] = correlations.T
        values[concepts[:, None], pairs[:, 1], pairs[:, 0]] = correlations.T
        pairs_of[concepts] += len(pairs)
        partners = np.zeros((len(members), len(members)), dtype=np.float32)
        partners[first, second] = 1
        standard = standard.astype(np.float32)
        for begin in range(0, len(keys), CHUNK):
            # A relabelled row keeps its ranks: they move with it.
            moved = relabelled(standard, orders(keys[begin : begin + CHUNK], members, concepts))
            opposite = np.tensordot(moved, partners, axes=([1], [1])).transpose(0, 3, 1, 2)
            sums[begin : begin + CHUNK, concepts] += np.einsum("dast,dast->ds", moved, opposite)
    with np.errstate(invalid="ignore", divide="ignore"):
        return values, sums / pairs_of


def standard_rows(products: Floats, method: Method, metric: str) -> Floats:
    """[L, K, K]: each concept's distances to the others, of mean 0 and length 1; 0 on the diagonal."""
    size = products.shape[-1]
    others = np.array([[j for j in range(size) if j != k] for k in range(size)])  # [K, K - 1]
    own = np.arange(size)[:, None]
    rows = ranked(distances(products, metric)[:, own, others], method)
    rows = rows - rows.mean(axis=-1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-300)
    standard = np.zeros_like(products)
    standard[:, own, others] = rows
    return standard
