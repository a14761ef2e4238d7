"""How sure a classifier may be: one number that divides its log-probabilities and changes no prediction.

    p_T(k | x) = p(k | x)^(1/T) / Z,   T = argmin of the mean over languages of -log p_T(y | x)

Guo et al. 2017 (arXiv 1706.04599), section 4.2, each language with equal weight.
"""

import math
from collections.abc import Sequence

import torch
from scipy.optimize import minimize_scalar

BOUNDS = (0.05, 20.0)


def temperature(scores: Sequence[torch.Tensor], labels: Sequence[torch.Tensor]) -> float:
    """T, 1.0 where no word's label can be predicted.

    One pair a language: log-probabilities ``scores`` [words, concepts] (-inf where a concept is never
    predicted) and ``labels`` [words].
    """
    known = []
    for log_p, y in zip(scores, labels, strict=True):
        there = log_p.gather(1, y.unsqueeze(1)).squeeze(1).isfinite()
        if bool(there.any()):
            known.append((log_p[there].double(), y[there]))
    if not known:
        return 1.0

    def loss(log_t: float) -> float:
        """Convex in 1 / T, so there is one minimum."""
        losses = [
            -(log_p / math.exp(log_t)).log_softmax(1).gather(1, y.unsqueeze(1)).mean() for log_p, y in known
        ]
        return float(torch.stack(losses).mean())

    low, high = map(math.log, BOUNDS)
    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x)
