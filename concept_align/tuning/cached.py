"""Vectors of many sentences, a few at a time, with the gradient of all at once.

A contrastive loss wants a large batch, but the activations of a large batch do not fit. So each chunk is run
without keeping them, the loss is computed of all vectors, and in the backward pass each chunk is run again
for its own part of the gradient (Gao et al. 2021, arXiv 2101.06983). It costs one more forward pass
and changes nothing.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch.utils.checkpoint import checkpoint

from ..errors import UsageError

Encode = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def in_chunks(
    encode: Encode,
    ids: Int64[torch.Tensor, "sents length"],
    mask: Int64[torch.Tensor, "sents length"],
    content: Bool[torch.Tensor, "sents length"],
    chunk: int,
) -> Float[torch.Tensor, "sents dim"]:
    """``encode(ids, mask, content)`` [sents, dim] of ``chunk`` sentences of like length at a time.

    Padding is on the right and cut to the longest sentence of a chunk. UsageError for a chunk below 1.

    Example:
        >>> ids = torch.tensor([[3, 4], [5, 0], [6, 7]])
        >>> in_chunks(lambda i, m, c: (i * m).sum(1, True).double(), ids, (ids > 0).long(), ids > 0, 2)[:, 0]
        tensor([ 7.,  5., 13.], dtype=torch.float64)
    """
    if chunk < 1:
        raise UsageError(f"chunks of {chunk}", option="chunk", remedy="use 1 or more")
    if len(ids) <= chunk:
        return encode(ids, mask, content)
    lengths = mask.sum(1)
    order = lengths.argsort(descending=True, stable=True)
    parts = []
    for rows in order.split(chunk):
        most = int(lengths[rows[0]])
        some = ids[rows, :most], mask[rows, :most], content[rows, :most]
        parts.append(checkpoint(encode, *some, use_reentrant=False))
    return torch.cat(parts)[order.argsort().to(parts[0].device)]
