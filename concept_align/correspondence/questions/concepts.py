"""Which concepts correspond best over languages, and which worst?

Two answers for each concept k, as means over pairs of languages (a, b):

    row             corr over j != k of d_a(k, j) and d_b(k, j): is k as near to the same concepts in both?
    leave-one-out   score(all concepts) - score(all but k): does k raise or lower the score of the pair?

d are distances of prototypes; the row correlation is the representational similarity (Kriegeskorte, Mur and
Bandettini 2008, Frontiers in Systems Neuroscience 2) of one concept. Intervals are those of the jackknife
over languages (:mod:`.dyads`). The null relabels the concepts of every language at random, each language in
its own way: p = (1 + #as large) / (1 + permutations), upper for rows, two-sided about the null's mean for
leave-one-out, which is not zero for measures that depend on the number of concepts. q is adjusted over the
concepts and layers of one call.

A prototype of few words is noisy, hence far from all others in every language, which looks like
correspondence in every row: compare with ``geometry.debiased()`` and with a higher ``min_count``.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...errors import UsageError
from ...seeding import stream
from ...statistics import Floats, Method, adjusted, jackknife, mean_over_pairs, p_values
from .drops import changes
from .rows import row_correlations
from .spaces import LEAST_CONCEPTS, shared

if TYPE_CHECKING:
    from ..geometry import Geometry
    from ..measures.base import Measure

COLUMNS: tuple[str, ...] = (
    "concept", "layer", "kind", "measure", "value", "low", "high",
    "null_mean", "null_sd", "p", "q", "n", "pairs",
)  # fmt: skip

# products [L, K, K], known [L, K], keys [draws, L, K] -> values [K, L, L], null means over pairs [draws, K]
Compute = Callable[[Floats, NDArray[np.bool_], NDArray[np.float32]], tuple[Floats, Floats]]


def rows(
    geometry: "Geometry",
    *,
    min_count: int = 10,
    method: Method = "spearman",
    metric: Literal["euclidean", "cosine"] = "euclidean",
    permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """A row a layer and concept: its mean row correlation. ``n`` counts the languages that have it.

    Choose languages and layers with ``geometry.restricted``.
    """

    def compute(
        products: Floats, known: NDArray[np.bool_], keys: NDArray[np.float32]
    ) -> tuple[Floats, Floats]:
        return row_correlations(products, known, keys, method, metric)

    name = f"{method} of {metric} distances"
    return _table(geometry, compute, ("row", name), min_count, permutations, seed)


def leave_one_out(
    geometry: "Geometry",
    measure: "Measure",
    *,
    min_count: int = 10,
    permutations: int = 99,
    seed: int = 0,
) -> pd.DataFrame:
    """A row a layer and concept: the mean change of the pairs' score by ``measure`` when it is there.

    Every relabelling is scored anew without each concept: as much work as concepts x permutations tables.
    Raises UsageError for a measure that cannot tell structure from noise for so few concepts.
    """
    most = max((len(concepts) for concepts, _ in shared(geometry.valid(min_count))), default=0)
    for layer, dim in zip(geometry.layers, geometry.dims, strict=True):
        if reason := measure.refuse(most - 1, (dim, dim)):
            raise UsageError(reason, where=f"{measure.name}, layer {layer}", remedy="choose another measure")

    def compute(
        products: Floats, known: NDArray[np.bool_], keys: NDArray[np.float32]
    ) -> tuple[Floats, Floats]:
        return changes(products, known, keys, measure)

    return _table(geometry, compute, ("leave-one-out", measure.name), min_count, permutations, seed)


def _table(
    geometry: "Geometry",
    compute: Compute,
    titles: tuple[str, str],
    min_count: int,
    permutations: int,
    seed: int,
) -> pd.DataFrame:
    known = geometry.valid(min_count)
    if not any(len(concepts) >= LEAST_CONCEPTS for concepts, _ in shared(known)):
        raise UsageError(
            f"no two languages share {LEAST_CONCEPTS} concepts of at least {min_count} words",
            where="concepts",
            remedy="lower min_count or choose other languages",
        )
    found = []
    for layer, products in zip(geometry.layers, geometry.gram, strict=True):
        # The same relabellings in every layer, so that layers are compared under equal chance.
        keys = stream(seed, "concepts", titles[0]).random((permutations, *known.shape), dtype=np.float32)
        values, null = compute(products, known, keys)
        means, without = mean_over_pairs(values)
        for k, concept in enumerate(geometry.concepts):
            row = {"concept": concept, "layer": layer, "kind": titles[0], "measure": titles[1]}
            found.append(
                row | _summary(values[k], float(means[k]), without[k], null[:, k], titles[0] == "row")
            )
    frame = pd.DataFrame(found, columns=list(COLUMNS))
    frame["q"] = adjusted(frame["p"].to_numpy(dtype=np.float64))
    return frame


def _summary(values: Floats, mean: float, without: Floats, null: Floats, upper: bool) -> dict[str, float]:
    """Of one concept: values [L, L], their mean, that without each language [L], and the null [draws]."""
    has = ~np.isnan(values).all(axis=1)
    low, high = jackknife(mean, without[has])
    known = len(null) > 0 and not np.isnan(mean)
    centre = float(null.mean()) if known else float("nan")
    p = p_values(mean, null)[1] if upper or not known else p_values(mean - centre, null - centre)[0]
    return {
        "value": mean, "low": low, "high": high,
        "null_mean": centre, "null_sd": float(null.std()) if known else float("nan"),
        "p": p, "n": int(has.sum()), "pairs": int((~np.isnan(values)).sum()) // 2,
    }  # fmt: skip
