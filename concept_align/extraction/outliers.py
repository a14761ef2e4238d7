"""Words whose state is massively longer than the others of its layer.

A few tokens of many models (the first of a text, delimiters) have states with some activations thousands of
times the usual ones, whatever they stand for (Sun et al. 2024, arXiv 2402.17762). One such word moves the
mean and scale of a language.

    massive(i)  if  |h_i| > 10 median_j |h_j|

over the words j of a treebank's split (or of a text) in one layer. They are kept; or clipped, to that bound;
or dropped: the mean of the other words stands for each, which tells nothing of it.
"""

import torch
from jaxtyping import Bool, Float

from ..types import Outliers

MASSIVE = 10.0
CHUNK = 8192  # words at once


def massive(norms: Float[torch.Tensor, " words"]) -> Bool[torch.Tensor, " words"]:
    """Which words are massive, of the norms of their states."""
    return norms > MASSIVE * norms.median() if len(norms) else norms > 0


def tame(words: Float[torch.Tensor, "words dim"], norms: Float[torch.Tensor, " words"], how: Outliers) -> int:
    """Clip or drop massive states [words, dim] of these ``norms`` in place; how many there are."""
    found = massive(norms)
    rows = torch.nonzero(found)[:, 0]
    if len(rows) and how == "clip":
        share = MASSIVE * norms.median() / norms[rows]
        words[rows] = (words[rows].float() * share[:, None]).to(words.dtype)
    elif len(rows) and how == "drop":
        total = torch.zeros(words.shape[1], dtype=torch.float64)
        for part, own in zip(words.split(CHUNK), found.split(CHUNK), strict=True):
            total += part[~own].double().sum(0)
        words[rows] = (total / (len(norms) - len(rows))).to(words.dtype)
    return len(rows)


def norms_of(words: Float[torch.Tensor, "words dim"]) -> Float[torch.Tensor, " words"]:
    """Their norms, in float32, on the CPU."""
    return torch.cat([part.float().norm(dim=1).cpu() for part in words.split(CHUNK)])
