"""Multinomial logistic regression on words, with a Gaussian prior on the weights and an offset.

    argmin_{W, b} -sum_i log softmax(x_i W + b + o)_{y_i} + r / 2 (||W||^2 + ||b||^2)

The sum, not the mean: r is the precision of the prior, the same whatever the number of words.
"""

import torch
from jaxtyping import Float, Int
from torch.nn import functional

from ...spaces.features import Features


def log_frequencies(features: Features) -> torch.Tensor:
    """float32 [concepts]: log frequency of each concept, one word more than counted."""
    return (features.counts() + 1.0).log().log_softmax(0)


def fit_logistic(
    x: Float[torch.Tensor, "words dim"],
    y: Int[torch.Tensor, " words"],
    offset: Float[torch.Tensor, " concepts"],
    *,
    strength: float,
    start: Float[torch.Tensor, "dim+1 concepts"] | None = None,
    iterations: int = 100,
) -> Float[torch.Tensor, "dim+1 concepts"]:
    """W, and b in its last row. ``offset`` is -inf where not valid.

    ``y`` are valid concepts. Limited-memory BFGS on all words at once from ``start`` (zeros without one):
    nothing is drawn at random.
    """
    weights = x.new_zeros(x.shape[1] + 1, len(offset)) if start is None else start.clone()
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
