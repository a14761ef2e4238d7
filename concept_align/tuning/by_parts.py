"""Sums over many distributions over a vocabulary, of which a few hundred are held at once.

Where all of them together are large, those of a part are computed again in the backward pass instead of being
kept; where they are small that would be time lost.
"""

from collections.abc import Callable

import torch
from torch.utils.checkpoint import checkpoint

from ..models.heads import READ

Head = Callable[[torch.Tensor], torch.Tensor]  # last states [n, width] -> logits [n, vocabulary]
KEPT = 1 << 27  # logits that may be kept for the backward pass, 0.5 GiB


class SizedHead:
    """A head that remembers how many tokens it knows, once it was asked."""

    def __init__(self, logits_of: Head) -> None:
        self._logits_of, self.vocabulary = logits_of, 0

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        logits = self._logits_of(states)
        self.vocabulary = logits.shape[1]
        return logits


def summed_by_parts(
    nats: Callable[..., torch.Tensor], head: SizedHead, first: torch.Tensor, second: torch.Tensor
) -> torch.Tensor:
    """The sum of ``nats(a part of first, the same of second)``, which asks ``head``; their rows go together.

    0, with a gradient of 0 into ``first``, where there are no rows.
    """
    parts = []
    for one, other in zip(first.split(READ), second.split(READ), strict=True):
        large = len(first) * head.vocabulary > KEPT  # known from the second part on
        if large and torch.is_grad_enabled():
            parts.append(checkpoint(nats, one, other, use_reentrant=False, preserve_rng_state=False))
        else:
            parts.append(nats(one, other))
    return torch.stack(parts).sum() if len(first) else first.sum() * 0
