"""The correlation of two quantities over languages, simple or partial, with interval and p.

Here every language gives one observation, so that the interval is a bootstrap of languages (percentiles;
Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13), and p comes from permuting one
quantity (or its residuals, :mod:`.partial`) over languages: two-sided, p = (1 + #as extreme) /
(1 + permutations). In simulations nominal 95 % intervals of r = 0.6 cover it in 90 % of cases with 10
languages, 91 % with 17 and 93 % with 42: read those of few languages as a little wider.
"""

from dataclasses import dataclass

import numpy as np

from ...seeding import stream
from .dyads import Floats, p_values
from .partial import Method, moved_partial, partial, ranked, residuals

LEAST = 5  # languages


@dataclass(frozen=True)
class Correlation:
    """r over ``n`` languages with a bootstrap interval and a permutation p."""

    r: float
    low: float
    high: float
    p: float
    n: int


def correlate(
    x: Floats,
    y: Floats,
    *,
    controls: Floats | None = None,
    method: Method = "spearman",
    draws: int = 2000,
    permutations: int = 9999,
    confidence: float = 0.95,
    seed: int = 0,
) -> Correlation:
    """The correlation of ``x`` and ``y`` [languages].

    With ``controls`` [controls, languages] it is partial. NaN for fewer than 5 languages or constant values.
    """
    n = len(x)
    nan = float("nan")
    nothing = Correlation(nan, nan, nan, nan, n)
    held = np.empty((0, n)) if controls is None else controls
    if n < LEAST + len(held):
        return nothing
    data = ranked(np.vstack([x, y, held]), method)
    (rest_x, rest_y), basis = residuals(data)
    r = float(rest_x @ rest_y)
    if np.isnan(r):
        return nothing
    drawn = stream(seed, "correlation-bootstrap", n).integers(0, n, size=(draws, n))
    spread = partial(ranked(np.moveaxis(np.vstack([x, y, held])[:, drawn], 0, 1), method))
    spread = spread[~np.isnan(spread)]  # draws of few languages over and over have no correlation
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    low, high = np.percentile(spread, tails) if len(spread) else (nan, nan)
    random = stream(seed, "correlation-permutation", n)
    orders = random.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
    p, _, _ = p_values(r, moved_partial(rest_x[orders], rest_y, basis))
    return Correlation(r, float(low), float(high), p, n)
