"""How well answers are said after their prompts.

    L = -(1/|A|) sum_{t in A} log p(y_t | y_<t)

A holds the tokens of the answers of a batch and the token that ends each; prompts are read and never
trained on. Distributions over the vocabulary are computed at those places alone, a few hundred at once, and
again in the backward pass instead of being kept: of all places of a batch they would be the largest tensor of
a training step.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int64
from torch.utils.checkpoint import checkpoint

from ..errors import LearningError
from ..icl.causal import token_nats
from ..models.heads import READ

Head = Callable[[torch.Tensor], torch.Tensor]  # last states [n, width] -> logits [n, vocabulary]


def answer_loss(
    logits_of: Head,
    states: Float[torch.Tensor, "rows length width"],
    ids: Int64[torch.Tensor, "rows length"],
    answer: Bool[torch.Tensor, "rows length"],
) -> tuple[Float[torch.Tensor, ""], int]:
    """The sum over answer tokens, in nats, and their number; the loss is the first over the second.

    ``states`` are the last ones of a decoder, ``answer`` marks the tokens to be said. Over several processes
    the sum is divided by the number of tokens in all of them. LearningError where a row begins with its
    answer.
    """
    answer = answer.to(states.device)
    if bool(answer[:, 0].any()):
        what = "the first token of a text is to be said, and nothing is before it"
        raise LearningError(what, remedy="begin prompts with the start token, or with some text")
    wanted = ids.to(states.device)[:, 1:][answer[:, 1:]]
    before = states[:, :-1][answer[:, 1:]]
    said = [
        _nats(logits_of, some, own) for some, own in zip(before.split(READ), wanted.split(READ), strict=True)
    ]
    return torch.stack(said).sum() if said else states.sum() * 0, len(wanted)


def _nats(logits_of: Head, states: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    def nats(some: torch.Tensor) -> torch.Tensor:
        return token_nats(logits_of, some, wanted).sum()

    if not torch.is_grad_enabled():
        return nats(states)
    found: torch.Tensor = checkpoint(nats, states, use_reentrant=False, preserve_rng_state=False)
    return found
