r"""Intervals of scores, from bootstrap draws of the words (or sentences) of both languages.

What an interval is for: the score that prototypes of infinitely many words would have. Two biases stand
between it and the bootstrap. Errors of prototypes make every score smaller, or, where the same concepts are
rare in both languages, larger; and a draw has those errors twice, the sample's and its own. So the
percentiles of the draws lie around another value than the wanted one and cover it in 0-95 % of samples.

Here, on Fisher's scale z = artanh(score), with the draws' mean m and standard deviation s, the excess
z - m of the sample over the draws estimates that of the truth over the sample (bias-corrected normal
interval, Davison & Hinkley 1997, section 5.2), and is itself counted among the errors, because the true
excess is larger than its estimate where errors are large:

    2 z - m  +-  t sqrt(s^2 + (z - m)^2).

Coverage of 95 % intervals by this rule, for 8 to 37 concepts, of which the rarest has ten words in either
language (``experiments/alignability/calibration.csv``; 312 samples a setting, so 93-97 % is what can be told
from 95 %): 92-98 % for RSA and CKA, 98-99 % where there are 37 concepts; Procrustes 97-100 %, wider than it
need be. That is for debiased spaces (:meth:`Geometry.debiased`, whose draws are debiased twice) and draws
whose prototypes vary as means of n words do. Without debiasing RSA has 83-93 %, Procrustes 92 %; CKA, which
debiasing does not change, 96 %. Too small even so, 85-92 % for RSA and CKA: spaces alike above 0.85 in which
a quarter of the concepts have ten to fifty words and words scatter more widely than concepts.
"""

import numpy as np
from numpy.typing import ArrayLike

from ..statistics import Floats
from .measures.base import Scale

LIMIT = 1 - 1e-6  # a score of 1 has no place on Fisher's scale


def interval(
    value: ArrayLike,
    replicates: ArrayLike,
    confidence: float = 0.95,
    *,
    freedom: float = 18,
    scale: Scale | None = "correlation",
) -> tuple[Floats, Floats]:
    """Bounds [...] of scores ``value`` [...] with bootstrap draws ``replicates`` [draws, ...].

    ``freedom``: degrees of freedom of Student's t. The rarest concepts have the largest errors; of n words
    each in both languages, their size is known with 2 (n - 1). Draws without a score are left out; without
    a value, or with fewer than two draws, there is no interval (NaN). Without a ``scale`` values and bounds
    are taken as they are, as of differences of scores.
    """
    from scipy.stats import t

    scores = np.asarray(value, dtype=np.float64)
    draws = np.asarray(replicates, dtype=np.float64)
    if scale == "correlation":
        scores, draws = (np.arctanh(np.clip(array, -LIMIT, LIMIT)) for array in (scores, draws))
    known = np.isfinite(draws)
    number = known.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, draws, 0).sum(0) / number
        variance = np.where(known, (draws - mean) ** 2, 0).sum(0) / (number - 1)
        excess = scores - mean
        half = t.isf((1 - confidence) / 2, freedom) * np.sqrt(variance + excess**2)
    half = np.where(number > 1, half, np.nan)
    low, high = scores + excess - half, scores + excess + half
    if scale == "correlation":
        return np.tanh(low), np.tanh(high)
    if scale is None:
        return low, high
    return np.clip(low, 0, 1), np.clip(high, 0, 1)
