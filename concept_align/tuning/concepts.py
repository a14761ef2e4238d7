"""Word classes or relations of labelled sentences of many languages, read off by one linear map.

    x_i = h_i                 a word class: the state of the word
    x_i = h_head - h_i        a relation: the states of the word's head and of the word
    L = -(1/n) sum_i log softmax(W x_i + c)[y_i]

W and c [concepts] are the same for all languages, so a concept comes to lie in one place for all of them.
What is learned from is labelled words, not translations: the supervised counterpart of the contrast.
Representations are those of Xu et al. 2023 (arXiv 2310.12794), as everywhere in this project.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import nn
from torch.nn.functional import cross_entropy

from ..models.batches import pool
from .concept_rows import ConceptBatch


class ConceptHead(nn.Module):
    """W and c, zero at first: every concept is as likely as any other, whatever the seed."""

    def __init__(self, dim: int, concepts: int) -> None:
        super().__init__()
        self.linear = nn.Linear(dim, concepts)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: Float[torch.Tensor, "items dim"]) -> Float[torch.Tensor, "items concepts"]:
        scores: torch.Tensor = self.linear(x)
        return scores


@dataclass(frozen=True, eq=False)
class ConceptLoss:
    """Summed over the items of a batch: nats, with their gradient, and items that are predicted correctly."""

    nats: torch.Tensor
    correct: torch.Tensor
    count: int

    @property
    def loss(self) -> torch.Tensor:
        """Mean nats; over several processes, divide ``nats`` by the items of all of them."""
        return self.nats / max(self.count, 1)

    @property
    def accuracy(self) -> torch.Tensor:
        """The share of items that are predicted correctly."""
        return self.correct / max(self.count, 1)


def concept_vectors(
    states: Float[torch.Tensor, "sents length dim"], batch: ConceptBatch
) -> Float[torch.Tensor, "items dim"]:
    """x of each item of ``batch``, in float32, with the gradient of ``states``.

    ``states`` are those of ``batch.ids`` in one layer. Words are pooled as the batch was made to.
    """
    words = pool(states, batch.index)
    own = words[batch.words.to(words.device)]
    if not len(batch.heads):
        return own
    heads, starts = batch.heads.to(words.device), batch.starts.to(words.device)
    begins = states.flatten(0, 1)[starts].to(words.dtype)
    head = torch.where((heads < 0)[:, None], begins, words[heads.clamp(min=0)])
    return head - own


def concept_loss(
    head: ConceptHead, x: Float[torch.Tensor, "items dim"], y: Int64[torch.Tensor, " items"]
) -> ConceptLoss:
    """The loss of the items' vectors ``x``, standardised or not, under ``head``.

    Example:
        >>> found = concept_loss(ConceptHead(4, 8), torch.randn(6, 4), torch.arange(6))
        >>> round(found.loss.item(), 4)
        2.0794
    """
    scores, y = head(x), y.to(x.device)
    correct = (scores.detach().argmax(1) == y).sum()
    return ConceptLoss(cross_entropy(scores, y, reduction="sum"), correct, len(y))
