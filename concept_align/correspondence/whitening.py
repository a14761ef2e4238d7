"""Mahalanobis distances: words are brought to unit variance within concepts, then distances are Euclidean.

    d^2(i, j) = (c_i - c_j)' S^-1 (c_i - c_j),   S the pooled covariance of words about their prototypes

S is shrunk to a multiple of the identity by as much as minimises its expected squared error
(Ledoit & Wolf 2004, J. Multivariate Analysis 88, eq. 14), so that it can be inverted with few words.
"""

import torch
from jaxtyping import Float

from ..errors import LearningError
from ..spaces.features import Features
from ..spaces.prototypes import fit_prototypes
from .moments import CHUNK


def pooled_within(
    features: Features, projection: Float[torch.Tensor, "dim rank"] | None = None
) -> tuple[Float[torch.Tensor, "width width"], float]:
    """The shrunk covariance (float64) of words about their concept's mean, and the shrinkage."""
    means = fit_prototypes(features.stored, features.y, features.concepts).filled()
    dim = features.dim if projection is None else projection.shape[1]
    second = torch.zeros(dim, dim, dtype=torch.float64)
    fourth = torch.zeros((), dtype=torch.float64)
    for begin in range(0, features.words, CHUNK):
        piece = slice(begin, begin + CHUNK)
        residual = features.rows(piece) - means[features.y[piece]]
        if projection is not None:
            residual = residual @ projection
        second += residual.T @ residual
        fourth += residual.double().square().sum(1).square().sum()
    n = max(features.words, 1)
    second /= n
    level = second.diagonal().mean()
    if not level > 0:
        message = "words do not vary about the prototypes, so distances cannot be whitened"
        raise LearningError(message, where=f"language {features.language}", remedy="use whiten=False")
    identity = torch.eye(dim, dtype=torch.float64)
    far = (second - level * identity).square().sum()
    error = (fourth / n - second.square().sum()) / n
    shrinkage = float((error.clamp(min=0) / far).clamp(max=1)) if far > 0 else 1.0
    return (1 - shrinkage) * second + shrinkage * level * identity, shrinkage


def whitening(
    features: Features, projection: Float[torch.Tensor, "dim rank"] | None = None
) -> Float[torch.Tensor, "dim width"]:
    """W (float32) with W W' = S^-1, so that x -> x W; after ``projection`` where there is one."""
    covariance, _ = pooled_within(features, projection)
    lower = torch.linalg.cholesky(covariance)
    identity = torch.eye(len(lower), dtype=torch.float64)
    own = torch.linalg.solve_triangular(lower, identity, upper=False).T
    whole = own if projection is None else projection.double() @ own
    return whole.float()
