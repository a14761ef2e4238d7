"""One vector for a sentence, from the states h_1..h_n of its tokens.

    mean             v = (1/n) sum_i h_i
    last             v = h_n
    weighted-mean    v = sum_i i h_i / sum_i i      (Muennighoff 2022, arXiv 2202.08904)

Special tokens and padding are none of the n: the last token of a text is never one that ends it by rule.
"""

from typing import get_args

import torch
from jaxtyping import Bool, Float

from ..errors import LearningError, UsageError
from .settings import SentencePooling

SENTENCE_POOLINGS: tuple[SentencePooling, ...] = get_args(SentencePooling)


def pooled(
    states: Float[torch.Tensor, "sents length dim"],
    content: Bool[torch.Tensor, "sents length"],
    how: SentencePooling = "mean",
) -> Float[torch.Tensor, "sents dim"]:
    """Vectors of sentences, in float32, or float64 where the states are.

    ``content`` marks the tokens that count. UsageError for another ``how``; LearningError for a sentence
    without such a token.

    Example:
        >>> states = torch.tensor([[[9.0], [1.0], [4.0]]])
        >>> pooled(states, torch.tensor([[False, True, True]]), "weighted-mean")
        tensor([[3.]])
    """
    if how not in SENTENCE_POOLINGS:
        raise UsageError(
            f"no pooling {how!r}", option="pooling", remedy=f"use {', '.join(SENTENCE_POOLINGS)}"
        )
    content = content.to(states.device)
    places = content.cumsum(1)  # 1..n
    if bool((places[:, -1] == 0).any()):
        row = int(places[:, -1].argmin())
        raise LearningError("a text has no token", where=f"row {row}", remedy="leave empty texts out")
    weights = content if how == "mean" else places * content
    if how == "last":
        weights = content & (places == places[:, -1:])
    weights = weights.to(torch.float64 if states.dtype == torch.float64 else torch.float32)
    weights = weights / weights.sum(1, keepdim=True)
    return torch.einsum("bt,btd->bd", weights, states.to(weights.dtype))
