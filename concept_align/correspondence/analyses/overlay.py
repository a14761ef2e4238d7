"""The prototypes of several languages in one picture.

The prototypes of each language are rebuilt from their inner products (classical scaling: Torgerson 1952,
Psychometrika 17), centred, brought to one size, and fitted to their mean by rotations and reflections
(generalised Procrustes analysis: Gower 1975, Psychometrika 40); the plane shown is that of the first two
principal components of the mean. What two languages differ by after that is not a matter of axes.

In K - 1 dimensions rotation alone makes any K points look alike: for 11 concepts of five languages of a real
model the mean keeps 0.91 of all variance when concepts are relabelled at random, in two dimensions 0.43. So
that the picture cannot flatter, each language is reduced to its own first two principal components before it
is rotated (``dims``), and ``agreement``, the share that the mean keeps, ships with that null.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ...errors import UsageError
from ...seeding import stream
from ...statistics import Floats, mean_and_sd, p_values
from ..geometry import Geometry

LEAST_CONCEPTS = 3
ROUNDS = 200


@dataclass(frozen=True, eq=False)
class Overlay:
    """Places in the plane, and how much of the whole they are."""

    points: pd.DataFrame  # language, concept, x, y, shift (distance to the mean, in all dimensions), count
    consensus: pd.DataFrame  # concept, x, y, spread (root mean squared shift)
    kept: float  # share of the languages' variance in the ``dims`` that were rotated, on average
    shown: tuple[float, float]  # share of the mean's variance on each axis
    shown_points: float  # share of the variance of all points on both, of what was rotated
    agreement: float  # share of all variance kept by the mean, 1 / languages to 1
    null_mean: float
    null_sd: float
    p: float
    layer: str
    languages: tuple[str, ...]
    left_out: tuple[str, ...]  # concepts that some language has too few words of

    def places(self) -> Floats:
        """x and y [languages, concepts, 2], in the order of ``languages`` and of ``consensus``."""
        count = len(self.languages)
        return np.asarray(self.points[["x", "y"]].to_numpy(dtype=np.float64).reshape(count, -1, 2))


def overlay(
    geometry: Geometry,
    layer: str,
    *,
    langs: Sequence[str] | None = None,
    dims: int | None = 2,
    min_count: int = 10,
    permutations: int = 99,
    seed: int = 0,
) -> Overlay:
    """The picture of ``langs`` in ``layer``, of the concepts all of them have ``min_count`` words of.

    ``dims`` is how many principal components of each language are rotated; None: all. Raises UsageError for
    fewer than two languages or three shared concepts.
    """
    part = geometry.restricted(languages=langs, layers=[layer])
    if len(part.languages) < 2:
        raise UsageError("at least two languages are needed", option="langs", remedy="choose more languages")
    known = np.flatnonzero(part.valid(min_count).all(axis=0))
    concepts = tuple(part.concepts[k] for k in known)
    if len(concepts) < LEAST_CONCEPTS:
        message = f"the languages share {len(concepts)} concepts of at least {min_count} words"
        raise UsageError(message, option="langs", remedy="choose fewer languages or lower min_count")
    part = part.restricted(concepts=concepts)
    places = configurations(part.gram[0], dims=dims)
    rotated, mean = procrustes(places[None])
    agreement = float(_agreement(rotated, mean)[0])
    null = np.empty(0)
    if permutations:
        null = _agreement(*procrustes(_relabelled(places, permutations, seed)))
    axes, shown = _plane(mean[0])
    points, consensus, share = _tables(part, rotated[0], mean[0], axes)
    return Overlay(
        points, consensus, _kept(part.gram[0], dims), shown, share, agreement, *mean_and_sd(null),
        p_values(agreement, null)[1], part.layers[0], part.languages,
        tuple(name for name in geometry.concepts if name not in concepts),
    )  # fmt: skip


def _tables(
    part: Geometry, rotated: Floats, mean: Floats, axes: Floats
) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Points and mean in the plane of ``axes`` [p, 2], and the share of the points' variance there."""
    shift = np.linalg.norm(rotated - mean, axis=-1)  # [L, K]
    flat, middle = rotated @ axes, mean @ axes
    points = pd.DataFrame({
        "language": np.repeat(part.languages, len(part.concepts)),
        "concept": np.tile(part.concepts, len(part.languages)),
        "x": flat[..., 0].ravel(), "y": flat[..., 1].ravel(),
        "shift": shift.ravel(), "count": part.counts.ravel(),
    })  # fmt: skip
    consensus = pd.DataFrame({
        "concept": part.concepts, "x": middle[:, 0], "y": middle[:, 1],
        "spread": np.sqrt((shift**2).mean(axis=0)),
    })  # fmt: skip
    return points, consensus, float((flat**2).sum() / max(float((rotated**2).sum()), 1e-300))


def configurations(products: Floats, *, dims: int | None = None, scale: bool = True) -> Floats:
    """Centred points [..., K, K] with the inner products [..., K, K], of unit Frobenius norm if ``scale``.

    With ``dims`` (at least 2) only their first principal components: [..., K, dims].
    """
    size = products.shape[-1]
    centre = np.eye(size) - 1 / size
    values, vectors = np.linalg.eigh(centre @ products @ centre)
    # Rounding, or debiasing, can leave eigenvalues below 0: no real points have them.
    points = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
    if dims is not None:
        points = points[..., -max(dims, 2) :]  # eigenvalues ascend
    if not scale:
        return np.asarray(points)
    return np.asarray(points / np.maximum(np.linalg.norm(points, axis=(-2, -1), keepdims=True), 1e-300))


def _kept(products: Floats, dims: int | None) -> float:
    whole, part = (configurations(products, dims=d, scale=False) for d in (None, dims))
    shares = (part**2).sum(axis=(-2, -1)) / np.maximum((whole**2).sum(axis=(-2, -1)), 1e-300)
    return float(shares.mean())


def procrustes(places: Floats, *, tolerance: float = 1e-10) -> tuple[Floats, Floats]:
    """Places [draws, L, K, p] rotated to fit their mean, and it [draws, K, p].

    The mean is found in rounds: all are rotated to the mean, whose mean is the next, until it stays where it
    is.
    """
    target = places[:, 0]
    rotated = _rotated(places, target)
    for _ in range(ROUNDS):
        mean = rotated.mean(axis=1)
        if np.abs(mean - target).max() <= tolerance * max(float(np.abs(mean).max()), 1e-300):
            break
        target = mean
        rotated = _rotated(rotated, target)
    return rotated, rotated.mean(axis=1)


def _rotated(places: Floats, target: Floats) -> Floats:
    """Each of places [draws, L, K, p] under the rotation or reflection that brings it nearest to target."""
    left, _, right = np.linalg.svd(np.swapaxes(places, -1, -2) @ target[:, None])
    return np.asarray(places @ (left @ right))


def _agreement(rotated: Floats, mean: Floats) -> Floats:
    """[draws]: squared length of the mean, over the mean squared length."""
    return np.asarray((mean**2).sum(axis=(-2, -1)) / (rotated**2).sum(axis=(-2, -1)).mean(axis=-1))


def _relabelled(places: Floats, draws: int, seed: int) -> Floats:
    count, size = places.shape[:2]
    order = stream(seed, "overlay", count, size).random((draws, count, size)).argsort(axis=-1)
    return places[np.arange(count)[:, None], order]


def _plane(mean: Floats) -> tuple[Floats, tuple[float, float]]:
    """The first two principal axes [p, 2], largest place positive, and their shares of the variance."""
    left, sizes, right = np.linalg.svd(mean, full_matrices=False)
    signs = np.sign(left[np.abs(left).argmax(axis=0), np.arange(left.shape[1])])
    share = sizes**2 / max(float((sizes**2).sum()), 1e-300)
    return np.asarray((right * signs[:, None])[:2].T), (float(share[0]), float(share[1]))
