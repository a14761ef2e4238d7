"""Correlations, simple and partial, many at once, and their null.

The partial correlation of x and y given controls is the correlation of what the controls leave of both. Its
null moves the residuals of x and takes the controls out once more (Freedman and Lane 1983, Journal of
Business and Economic Statistics 1; for languages x languages tables Dekker, Krackhardt and Snijders 2007,
Psychometrika 72), which keeps its level where x goes with the controls, as moving x itself does not.
"""

from typing import Literal

import numpy as np

from .dyads import Floats

Method = Literal["spearman", "pearson"]


def ranked(values: Floats, method: Method) -> Floats:
    """``values`` [..., observations] as they are, or as ranks (ties share their mean)."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(values, axis=-1)) if method == "spearman" else values


def residuals(data: Floats) -> tuple[Floats, Floats]:
    """Of data [..., 2 + controls, m], what constant and controls leave of the first two [..., 2, m].

    They have length 1, or are NaN where nothing is left. Beside them an orthonormal basis of the centred
    controls [..., m, controls], with columns of 0 where controls depend on each other.
    """
    centred = data - data.mean(axis=-1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=-1, keepdims=True)
    # A constant differs from its mean in the last bits.
    least = 1e-9 * np.maximum(np.linalg.norm(data, axis=-1, keepdims=True), 1e-300)
    centred = np.where(lengths > least, centred / np.maximum(lengths, 1e-300), 0.0)
    basis = np.swapaxes(centred[..., 2:, :], -1, -2)
    if basis.shape[-1]:
        basis, sizes, _ = np.linalg.svd(basis, full_matrices=False)
        basis = basis * (sizes > 1e-9)[..., None, :]
    both = centred[..., :2, :]
    rest = both - (both @ basis) @ np.swapaxes(basis, -1, -2)
    lengths = np.linalg.norm(rest, axis=-1, keepdims=True)
    return np.where(lengths > 1e-9, rest / np.maximum(lengths, 1e-300), np.nan), basis


def partial(data: Floats) -> Floats:
    """[...] correlations of the first two rows of data [..., 2 + controls, m] given the others; or NaN."""
    rest, _ = residuals(data)
    return np.asarray((rest[..., 0, :] * rest[..., 1, :]).sum(axis=-1))


def moved_partial(moved: Floats, y: Floats, basis: Floats) -> Floats:
    """[draws] correlations of residuals ``y`` [m] and of residuals that were ``moved`` [draws, m].

    y is free of the controls' ``basis`` [m, controls] already: taking it out of the moved ones as well
    changes their length only.
    """
    explained = ((moved @ basis) ** 2).sum(axis=1)
    length = np.sqrt(np.maximum((moved**2).sum(axis=1) - explained, 1e-300))
    return np.asarray(moved @ y / length)
