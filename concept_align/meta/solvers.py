"""What is solved to its end: ridge and logistic regression, and the orthogonal map nearest to a matrix.

    ridge    argmin_W ||U W - T||^2 + r ||W||^2 = (U'U + r I)^-1 U'T = U'(U U' + r I)^-1 T
    rigid    argmin_{R'R = I, a} sum_k w_k ||R p_k + a - z_k||^2 + turn ||R - I||^2 + move ||a||^2

The second form of ridge (Woodbury) is cheaper where words are fewer than features. Of ``rigid``, all terms
quadratic in R are constant, so R is the polar factor of M + turn I, M = sum_k w_k z_k p_k' less its part
along the means (Schoenemann 1966, Psychometrika 31; the penalties add turn I, and shrink the means' part).
Leading dimensions are tasks, and gradients go through both solutions.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch.nn import functional


def ridge(
    features: Float[torch.Tensor, "*tasks words dim"],
    targets: Float[torch.Tensor, "*tasks words outputs"],
    strength: Float[torch.Tensor, ""],
) -> Float[torch.Tensor, "*tasks dim outputs"]:
    """W from U and T.

    Rows of zero features have no part. Solved in words or in features, whichever are fewer.
    """
    transposed = features.transpose(-1, -2)
    dual = features.shape[-2] < features.shape[-1]
    gram = features @ transposed if dual else transposed @ features
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    factor = torch.linalg.cholesky(gram + strength * eye)
    if dual:
        return transposed @ torch.cholesky_solve(targets, factor)
    return torch.cholesky_solve(transposed @ targets, factor)


class _Polar(torch.autograd.Function):
    """A = R P with R orthogonal: from A = U S V', R = U V'."""

    @staticmethod
    def forward(ctx: Any, matrix: torch.Tensor) -> torch.Tensor:
        u, s, vh = torch.linalg.svd(matrix)
        ctx.save_for_backward(u, s, vh)
        return u @ vh

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        u, s, vh = ctx.saved_tensors
        inner = u.transpose(-1, -2) @ gradient @ vh.transpose(-1, -2)
        sums = s.unsqueeze(-1) + s.unsqueeze(-2)
        # A singular matrix has no derivative here; the floor keeps what is beside it finite.
        floor = 1e-6 * s.amax(-1, keepdim=True).unsqueeze(-1) + torch.finfo(s.dtype).tiny
        return u @ ((inner - inner.transpose(-1, -2)) / sums.maximum(floor)) @ vh


def polar(matrix: torch.Tensor) -> torch.Tensor:
    """The orthogonal matrix nearest to ``matrix`` [..., rank, rank].

    The derivative is the polar factor's own, dR = U ((U'dA V - V'dA'U)_ij / (s_i + s_j)) V', and not that
    through U and V, which divides by s_i^2 - s_j^2: few words leave A near a multiple of the identity, where
    all s_i are equal and only the former is finite. It is exact, unlike an iteration (Newton-Schulz) that
    needs more steps the worse the condition.
    """
    value: torch.Tensor = _Polar.apply(matrix)
    return value


def cross(
    points: torch.Tensor, goals: torch.Tensor, weights: torch.Tensor, move: torch.Tensor
) -> torch.Tensor:
    """M [..., rank, rank] of p, z [..., concepts, rank] and w [..., concepts], not all 0 where move is."""
    weighted = weights.unsqueeze(-1) * goals
    towards = weighted.sum(-2)
    of = (weights.unsqueeze(-1) * points).sum(-2)
    total = (weights.sum(-1) + move)[..., None, None]
    return weighted.transpose(-1, -2) @ points - towards.unsqueeze(-1) * of.unsqueeze(-2) / total


def rigid(
    points: Float[torch.Tensor, "*tasks concepts rank"],
    goals: Float[torch.Tensor, "*tasks concepts rank"],
    weights: Float[torch.Tensor, "*tasks concepts"],
    *,
    turn: Float[torch.Tensor, ""],
    move: Float[torch.Tensor, ""],
) -> tuple[Float[torch.Tensor, "*tasks rank rank"], Float[torch.Tensor, "*tasks rank"]]:
    """R and a; the identity and 0 where all weights are 0.

    ``turn`` and ``move`` are positive numbers.
    """
    eye = torch.eye(points.shape[-1], dtype=points.dtype, device=points.device)
    rotation = polar(cross(points, goals, weights, move) + turn * eye)
    apart = goals - points @ rotation.transpose(-1, -2)
    shift = (weights.unsqueeze(-1) * apart).sum(-2) / (weights.sum(-1) + move).unsqueeze(-1)
    return rotation, shift


def fit_logistic(
    x: Float[torch.Tensor, "words dim"],
    y: Int[torch.Tensor, " words"],
    offset: Float[torch.Tensor, " concepts"],
    *,
    strength: float,
    iterations: int = 100,
) -> Float[torch.Tensor, "dim+1 concepts"]:
    """Multinomial logistic regression with a Gaussian prior: W, and b in its last row.

        argmin_{W, b} -sum_i log softmax(x_i W + b + offset)_{y_i} + strength / 2 (||W||^2 + ||b||^2)

    The sum, not the mean: the strength is the precision of the prior, the same whatever the number of words.
    ``offset`` is -inf where not valid; ``y`` are valid concepts. L-BFGS on all words at once from
    zeros: nothing is drawn at random.
    """
    weights = x.new_zeros(x.shape[1] + 1, len(offset))
    if not len(y):
        return weights
    weights.requires_grad_(True)
    lbfgs = torch.optim.LBFGS(
        [weights],
        max_iter=iterations,
        tolerance_grad=1e-5,
        tolerance_change=1e-7,
        line_search_fn="strong_wolfe",
    )

    def objective() -> torch.Tensor:
        lbfgs.zero_grad(set_to_none=True)
        logits = torch.addmm(weights[-1] + offset, x, weights[:-1])
        # Divided by the number of words: the optimiser's tolerances are of that size.
        loss = functional.cross_entropy(logits, y) + strength / 2 / len(y) * weights.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        lbfgs.step(objective)
    return weights.detach()
