"""The correlation of two quantities over languages, simple or partial, with interval and p.

Here every language gives one observation, so that the interval is a bootstrap of languages (percentiles;
Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13), and p comes from permuting one
quantity over languages: two-sided, p = (1 + #as extreme) / (1 + permutations). A partial correlation's null
permutes the residuals of x and takes the controls out once more (Freedman and Lane 1983, Journal of Business
and Economic Statistics 1).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...seeding import stream
from .dyads import Floats, p_values

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
    ranks: bool = True,
    draws: int = 2000,
    permutations: int = 9999,
    confidence: float = 0.95,
    seed: int = 0,
) -> Correlation:
    """The correlation of ``x`` and ``y`` [languages], of ranks (Spearman) or not (Pearson).

    With ``controls`` [controls, languages] it is partial. NaN for fewer than 5 languages or constant values.
    """
    n = len(x)
    nan = float("nan")
    nothing = Correlation(nan, nan, nan, nan, n)
    held = np.empty((0, n)) if controls is None else controls
    if n < LEAST + len(held):
        return nothing
    data = np.vstack([x, y, held])[None]
    r = float(_partial(data, ranks)[0])
    if np.isnan(r):
        return nothing
    drawn = stream(seed, "transfer-bootstrap", n).integers(0, n, size=(draws, n))
    spread = _partial(np.moveaxis(data[0][:, drawn], 0, 1), ranks)
    spread = spread[~np.isnan(spread)]  # draws of one language over and over have no correlation
    tails = [50 * (1 - confidence), 50 * (1 + confidence)]
    low, high = np.percentile(spread, tails) if len(spread) else (np.nan, np.nan)
    random = stream(seed, "transfer-permutation", n)
    orders = random.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
    null = _null(data, orders, ranks)
    return Correlation(r, float(low), float(high), p_values(r, null)[0], n)


def _residuals(data: Floats, ranks: bool) -> tuple[Floats, Floats, Floats]:
    """Of data [draws, 2 + controls, n]: what constant and controls leave of x and y, and their basis."""
    from scipy.stats import rankdata

    values = np.asarray(rankdata(data, axis=-1)) if ranks else data
    values = values - values.mean(axis=-1, keepdims=True)
    held = np.swapaxes(values[:, 2:], 1, 2)  # [draws, n, controls]
    basis = np.linalg.qr(held)[0] if held.shape[2] else held
    both = values[:, :2]
    return values, both - np.einsum("dvc,dnc->dvn", np.einsum("dvn,dnc->dvc", both, basis), basis), basis


def _partial(data: Floats, ranks: bool) -> Floats:
    """[draws] of correlations; NaN where x or y is constant, or nothing is left of it."""
    values, rest, _ = _residuals(data, ranks)
    lengths = np.linalg.norm(rest, axis=-1)
    gone = (lengths <= 1e-9 * np.maximum(np.linalg.norm(values[:, :2], axis=-1), 1e-300)).any(axis=1)
    product = lengths.prod(axis=1)
    return np.where(gone, np.nan, (rest[:, 0] * rest[:, 1]).sum(axis=1) / np.where(gone, 1.0, product))


def _null(data: Floats, orders: NDArray[np.intp], ranks: bool) -> Floats:
    _, rest, basis = _residuals(data, ranks)
    x, y = rest[0]
    moved = x[orders]
    length = np.sqrt(np.maximum((moved**2).sum(axis=1) - ((moved @ basis[0]) ** 2).sum(axis=1), 1e-300))
    null: Floats = moved @ y / (length * np.linalg.norm(y))
    return null
