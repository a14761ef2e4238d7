"""How well answers are said after their prompts.

    L = -(1/|A|) sum_{t in A} log p(y_t | y_<t)

A holds the tokens of the answers of a batch and the token that ends each; prompts are read and never
trained on. Distributions over the vocabulary are computed at those places alone, a few hundred at once: of
all places of a batch they would be the largest tensor of a training step.
"""

import torch
from jaxtyping import Bool, Float, Int64

from ..errors import LearningError
from ..icl.causal import token_nats
from .by_parts import Head, SizedHead, summed_by_parts


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
    head = SizedHead(logits_of)

    def nats(some: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        return token_nats(head, some, own).sum()

    return summed_by_parts(nats, head, states[:, :-1][answer[:, 1:]], wanted), len(wanted)
