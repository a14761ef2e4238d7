"""Which concepts correspond best over languages, and which worst?

For each concept k, the mean over pairs of languages (a, b) of

    corr over j != k of d_a(k, j) and d_b(k, j):    is k near to the same concepts in both?

d are Euclidean distances of prototypes, the correlation is Spearman's: the representational similarity
(Kriegeskorte, Mur and Bandettini 2008, Frontiers in Systems Neuroscience 2) of one concept. Intervals are
those of the jackknife over languages (:mod:`concept_align.statistics`). The null relabels the concepts of
every language at random, each language in its own way: p = (1 + #as large) / (1 + permutations). q is
adjusted over the concepts and layers of one call.

A prototype of few words is noisy, hence far from all others in every language, which looks like
correspondence in every row: compare with ``geometry.debiased()`` and with a higher ``min_count``.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import UsageError
from ...seeding import stream
from ...statistics import Floats, adjusted, jackknife, mean_and_sd, mean_over_pairs, p_values, ranked
from ..geometry import Geometry

COLUMNS: tuple[str, ...] = (
    "concept", "layer", "kind", "measure", "value", "low", "high",
    "null_mean", "null_sd", "p", "q", "n", "pairs",
)  # fmt: skip
LEAST_CONCEPTS = 5  # a correlation over fewer than four other concepts says nothing
CHUNK = 64  # relabellings at once: 64 x 43 languages x 37 x 37 concepts are 15 MB


def concept_scores(
    geometry: Geometry,
    *,
    min_count: int = 10,
    permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """One row per layer and concept: its mean row correlation; ``n`` counts the languages that have it.

    Choose languages and layers with ``geometry.restricted``. Raises UsageError where no two languages share
    five concepts of ``min_count`` words.
    """
    known = geometry.valid(min_count)
    if not any(len(concepts) >= LEAST_CONCEPTS for concepts, _ in shared(known)):
        message = f"no two languages share {LEAST_CONCEPTS} concepts of at least {min_count} words"
        raise UsageError(message, remedy="lower min_count or choose other languages")
    found = []
    for layer, products in zip(geometry.layers, geometry.gram, strict=True):
        # The same relabellings in every layer, so that layers are compared under equal chance.
        keys = stream(seed, "concepts", "row").random((permutations, *known.shape), dtype=np.float32)
        values, null = row_correlations(products, known, keys)
        means, without = mean_over_pairs(values)
        about = {"layer": layer, "kind": "row", "measure": "spearman of euclidean distances"}
        for k, concept in enumerate(geometry.concepts):
            own = _summary(values[k], float(means[k]), without[k], null[:, k])
            found.append({"concept": concept, **about, **own})
    frame = pd.DataFrame(found, columns=list(COLUMNS))
    frame["q"] = adjusted(frame["p"].to_numpy(dtype=np.float64))
    return frame


def _summary(values: Floats, mean: float, without: Floats, null: Floats) -> dict[str, float]:
    """Of one concept: values [L, L], their mean, that without each language [L], and the null [draws]."""
    has = ~np.isnan(values).all(axis=1)
    low, high = jackknife(mean, without[has], within=(-1, 1))
    null_mean, null_sd = mean_and_sd(null[:0] if np.isnan(mean) else null)
    return {
        "value": mean, "low": low, "high": high, "null_mean": null_mean, "null_sd": null_sd,
        "p": p_values(mean, null)[1], "n": int(has.sum()), "pairs": int((~np.isnan(values)).sum()) // 2,
    }  # fmt: skip


def row_correlations(
    products: Floats, known: NDArray[np.bool_], keys: NDArray[np.float32]
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
        standard = standard_rows(products[np.ix_(members, concepts, concepts)])
        correlations = (standard[first] * standard[second]).sum(axis=-1)  # [pairs, concepts]
        values[concepts[:, None], pairs[:, 0], pairs[:, 1]] = correlations.T
        values[concepts[:, None], pairs[:, 1], pairs[:, 0]] = correlations.T
        pairs_of[concepts] += len(pairs)
        partners = np.zeros((len(members), len(members)), dtype=np.float32)
        partners[first, second] = 1
        standard, languages = standard.astype(np.float32), np.arange(len(members))[:, None, None]
        for begin in range(0, len(keys), CHUNK):
            # The order of random keys relabels any subset of the concepts uniformly, and each language the
            # same way whichever the partner, as far as that can be. A row keeps its ranks: they move with it.
            order = np.argsort(keys[begin : begin + CHUNK, members[:, None], concepts], axis=-1)
            moved = standard[languages, order[..., :, None], order[..., None, :]]  # [draws, L, S, S]
            opposite = np.tensordot(moved, partners, axes=([1], [1])).transpose(0, 3, 1, 2)
            sums[begin : begin + CHUNK, concepts] += np.einsum("dast,dast->ds", moved, opposite)
    with np.errstate(invalid="ignore", divide="ignore"):
        return values, sums / pairs_of


def standard_rows(products: Floats) -> Floats:
    """[L, K, K]: ranks of a concept's distances to the others, of mean 0 and length 1; 0 on the diagonal."""
    size = products.shape[-1]
    others = np.array([[j for j in range(size) if j != k] for k in range(size)])  # [K, K - 1]
    own = np.arange(size)[:, None]
    squares = np.diagonal(products, axis1=-2, axis2=-1)
    # Rounding, or debiasing, can take a square below 0.
    apart = np.sqrt(np.maximum(squares[..., :, None] + squares[..., None, :] - 2 * products, 0.0))
    rows = ranked(apart[:, own, others], "spearman")
    rows = rows - rows.mean(axis=-1, keepdims=True)
    rows /= np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-300)
    standard = np.zeros_like(products)
    standard[:, own, others] = rows
    return standard


def shared(known: NDArray[np.bool_]) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Pairs of rows of ``known`` [languages, concepts], by what both have: (concepts, pairs [N, 2])."""
    rows, columns = np.triu_indices(len(known), 1)
    both = known[rows] & known[columns]
    masks, kind = np.unique(both, axis=0, return_inverse=True)
    for number, mask in enumerate(masks):
        group = np.flatnonzero(kind.ravel() == number)
        yield np.flatnonzero(mask), np.stack([rows[group], columns[group]], axis=1)
