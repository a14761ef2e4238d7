"""Pseudo-labels: what a classifier says of unlabelled words, sharpened, for it to learn from.

    free   q(k | x) = p(k | x)^(1/T) / Z(x)
    kept   q(k | x) = a_k p(k | x)^(1/T) / Z(x),   a such that  sum_x q(k | x) = sum_x p(k | x)

Sharpening gives what is frequent more than it had, and what is rare less: round by round rare concepts die
out. ``kept`` leaves every concept the number of words that it had. a is found by dividing columns and rows by
turns (iterative proportional fitting, Deming and Stephan 1940), as pseudo-labels of equal mass are in
Asano et al. 2020 (arXiv 1911.05371). Distribution alignment (Berthelot et al. 2020, ReMixMatch, arXiv
1911.09785) is its relative: one such division, before sharpening, towards the frequencies of given labels; of
a new language there are none, and those of other languages are not its own.
"""

from typing import Literal

import torch
from jaxtyping import Float

Mass = Literal["kept", "free"]
TURNS, TOLERANCE = 200, 1e-4  # of the mass of a concept


def pseudo_labels(
    logits: Float[torch.Tensor, "words concepts"], sharpen: float, mass: Mass
) -> Float[torch.Tensor, "words concepts"]:
    """float32 q of log-probabilities ``logits`` (up to a constant of each word); ``sharpen`` is T."""
    q = (logits.double() / sharpen).softmax(1)
    if mass == "free" or not len(q):
        return q.float()
    goal = logits.double().softmax(1).sum(0)
    for _ in range(TURNS):
        now = q.sum(0)
        if bool(((now - goal).abs() <= TOLERANCE * goal).all()):
            break
        q = q * torch.where(now > 0, goal / now, 1.0)
        q = q / q.sum(1, keepdim=True)
    return q.float()
