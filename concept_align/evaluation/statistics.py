"""Paired tests over languages; with them, corrections for testing many pairs (``multiplicity``).

The sign-flip test asks how often the mean difference would be as large if, in each language, which of the
two learners is better were a coin's throw (Fisher's randomisation test on paired differences). It is exact
up to 18 languages and drawn beyond that, with the identity counted: p = (1 + #as large) / (1 + draws).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..multiplicity import benjamini_hochberg, holm
from ..seeding import stream

__all__ = ["benjamini_hochberg", "holm", "sign_flip", "wilcoxon"]

Floats = NDArray[np.float64]

EXACT_UP_TO = 18


@lru_cache(maxsize=2)
def _signs(n: int) -> Floats:
    """[2^(n - 1), n] of +1 and -1: every pattern that leaves the last sign +1.

    The other half has all signs turned, hence the same absolute sums.
    """
    return np.asarray(1.0 - 2.0 * ((np.arange(1 << (n - 1))[:, None] >> np.arange(n)) & 1), dtype=np.float64)


def sign_flip(differences: Floats, *, draws: int = 10_000, seed: int = 0) -> float:
    """Two-sided p of the mean of ``differences [languages]`` under random signs; NaN for none."""
    n = len(differences)
    if n == 0:
        return float("nan")
    observed = abs(differences.sum())
    # Sums of the same numbers in another order differ in the last bits: equal must count as as large.
    least = observed - 1e-9 * max(np.abs(differences).sum(), 1e-300)
    if n <= EXACT_UP_TO:
        return float((np.abs(_signs(n) @ differences) >= least).mean())
    random = stream(seed, "sign-flip", n)
    signs = random.integers(0, 2, size=(draws, n)) * 2.0 - 1.0
    large = int((np.abs(signs @ differences) >= least).sum())
    return (1 + large) / (1 + draws)


def wilcoxon(differences: Floats) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, zeros ranked (Pratt); 1 where all are zero."""
    from scipy.stats import wilcoxon as signed_rank

    if len(differences) == 0:
        return float("nan")
    if not differences.any():
        return 1.0
    # Differences that are equal in truth differ in the last bits and would not tie.
    return float(signed_rank(np.round(differences, 12), zero_method="pratt").pvalue)
