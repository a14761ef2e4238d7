"""What the model says of ordinary text stays what it was.

    L = mean over tokens of KL(p_before || p) = mean of sum_v p_before(v) (log p_before(v) - log p(v))

of monolingual text, as learning without forgetting does (Li & Hoiem 2016, arXiv 1606.09282). p_before is the
distribution before training: it is computed anew with the weights as they were, so that nothing of the size
of a vocabulary is kept.

A decoder is asked for the next token, at every token. An encoder is asked about text in which 15 % of the
tokens are masked, at all tokens: of a token that it sees, its head says little but that token, and a loss on
plain text would hardly look at what it has learned of contexts.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch.nn.functional import kl_div

from .by_parts import Head, SizedHead, summed_by_parts

MASKED = 0.15  # of an encoder's tokens, as it was trained (Devlin et al. 2019, arXiv 1810.04805)
Within = Callable[[], AbstractContextManager[None]]


def kept_nats(
    logits_of: Head,
    before: Float[torch.Tensor, "n width"],
    after: Float[torch.Tensor, "n width"],
    *,
    within: Within = nullcontext,
) -> Float[torch.Tensor, ""]:
    """The sum of KL over tokens, in nats.

    ``before`` and ``after`` are last states at the same tokens, of the model before training and as it is.
    ``within`` is entered while the head of the model before is read: where the head, or embeddings that are
    tied to it, learn too, it is :meth:`Learning.before`.
    """

    head = SizedHead(logits_of)

    def nats(now: torch.Tensor, then: torch.Tensor) -> torch.Tensor:
        with torch.no_grad(), within():
            target = head(then).log_softmax(1)
        return kl_div(head(now).log_softmax(1), target, reduction="sum", log_target=True)

    return summed_by_parts(nats, head, after, before.detach())


def masked(
    ids: Int64[torch.Tensor, "rows length"],
    content: Bool[torch.Tensor, "rows length"],
    mask_token: int,
    rng: np.random.Generator,
    share: float = MASKED,
) -> Int64[torch.Tensor, "rows length"]:
    """``ids`` with a ``share`` of the ``content`` tokens masked at random, one in every row at least."""
    drawn = torch.from_numpy(rng.random(tuple(ids.shape))).to(ids.device)
    drawn = drawn.masked_fill(~content, torch.inf)
    return ids.masked_fill(content & ((drawn < share) | (drawn == drawn.amin(1, keepdim=True))), mask_token)
