r"""What power a score's permutation test should have, worked out from how relabelling acts on distances.

The squared distances of K prototypes split into parts that relabelling cannot mix,

    d_ij^2 = mean + a_i + a_j - 2 g_ij,    sum_i a_i = 0,    g with zero rows and diagonal,

where a says which concepts lie far out, and g, the U-centred Gram matrix, who lies near whom. So the
Pearson correlation of squared distances, debiased CKA and, in spaces of far more dimensions than concepts,
the Procrustes fit are one family: T = w r(a, b) + (1 - w) CKA(g, h), up to scale. Its w, for prototypes
spread alike in all directions, is

- CKA: 0, by its definition (Song et al. 2012, the U-statistic of HSIC);
- RSA: (K - 1) / (2 (K - 2)), from the expected squares of both parts, (K - 2) |a|^2 and 2 |g|^2;
- Procrustes: 2 (K - 1) / ((K - 2) (K + 1)). When both centred Gram matrices are near the identity, the sum of
  singular values is that of a Bures distance, whose second order is |G - H|^2 / 8, so that it orders
  relabellings as <G, H> does, with parts (K - 2) |a|^2 / K and |g|^2.

The null. The a form an irreducible representation of the relabellings, of dimension K - 1, and the g another,
of dimension K (K - 3) / 2. By Schur's lemma both correlations have mean 0 over all relabellings, variance
one over their dimension, exactly, and are uncorrelated:

    Var_0 T = w^2 / (K - 1) + (1 - w)^2 2 / (K (K - 3)).

The alternative. Prototypes x_k ~ N(0, I_p) in one language and y_k = rho x_k + sqrt(1 - rho^2) e_k, rotated,
in the other. Both parts then have expectation rho^2, and the first and second terms of their Hoeffding
expansion (delta method for the ratios; joint cumulants of Gaussian squares) give, with s = rho^2,

    Var r      = [(1 - s^2)^2 + 2 s (1 - s)^2 (4 + s) / p] / (K - 1),
    Var CKA    = 4 s (1 - s)^2 / (p (K - 1)) + 2 (1 - s^2)^2 / (K (K - 3)),
    Cov        = 4 s (1 - s)^2 / (p (K - 1)).

Power at level alpha, taking both for normal, is P(N(s, Var T) > z_alpha sqrt(Var_0 T)). Terms of order
1 / K and, for Procrustes, K / p relative to these are left out. ``calibration.py`` compares it with
simulations.
"""

from math import sqrt
from typing import Literal

from concept_align.errors import UsageError

Family = Literal["rsa", "procrustes", "cka"]


def row_share(concepts: int, family: Family) -> float:
    """w, the weight of "which concepts lie far out" in a measure's score."""
    k = concepts
    if k < 4:
        raise UsageError(f"{k} concepts have no power to speak of", remedy="use four or more")
    shares = {"cka": 0.0, "rsa": (k - 1) / (2 * (k - 2)), "procrustes": 2 * (k - 1) / ((k - 2) * (k + 1))}
    if family not in shares:
        raise UsageError(f"no power is known for {family!r}", remedy=f"use one of {', '.join(shares)}")
    return shares[family]


def null_sd(concepts: int, family: Family) -> float:
    """Standard deviation of T over relabellings (for CKA exactly that of its score, whatever the data)."""
    k, w = concepts, row_share(concepts, family)
    return sqrt(w**2 / (k - 1) + (1 - w) ** 2 * 2 / (k * (k - 3)))


def score_sd(concepts: int, dim: int, correspondence: float, family: Family) -> float:
    """Standard deviation of T over prototypes with ``correspondence`` rho in ``dim`` dimensions."""
    k, w, s = concepts, row_share(concepts, family), correspondence**2
    shared = 4 * s * (1 - s) ** 2 / (dim * (k - 1))
    rows = ((1 - s**2) ** 2 + 2 * s * (1 - s) ** 2 * (4 + s) / dim) / (k - 1)
    rest = shared + 2 * (1 - s**2) ** 2 / (k * (k - 3))
    return sqrt(w**2 * rows + (1 - w) ** 2 * rest + 2 * w * (1 - w) * shared)


def power(
    concepts: int, dim: int, correspondence: float, family: Family = "rsa", *, level: float = 0.05
) -> float:
    """The chance that the permutation test of a score finds ``correspondence`` (from 0 to 1) at ``level``."""
    from scipy.stats import norm

    if not 0 <= correspondence < 1:
        raise UsageError(f"a correspondence of {correspondence} is not in [0, 1)")
    least = float(norm.isf(level)) * null_sd(concepts, family)
    return float(norm.sf((least - correspondence**2) / score_sd(concepts, dim, correspondence, family)))
