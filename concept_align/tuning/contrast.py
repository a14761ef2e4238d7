"""Translations nearer to each other than to everything else in the batch.

    s_ij = cos(a_i, b_j) / T
    L = -(1/2B) sum_i [ log exp s_ii / sum_{j in N(i)} exp s_ij  +  log exp s_ii / sum_{j in N(i)} exp s_ji ]

a_i and b_i are the vectors of two translations, T is the temperature. N(i) is i and every other pair of the
batch but those that say the same (``excluded``). One direction alone is the first term over B (InfoNCE; van
den Oord et al. 2018, arXiv 1807.03748, as in Li et al. 2023, arXiv 2311.08089); vectors that are all equal
give log B.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch.nn.functional import cross_entropy, normalize

from ..errors import LearningError, UsageError


@dataclass(frozen=True, eq=False)
class ContrastLoss:
    """The loss in nats, with its gradient, and the share of rows whose translation is the nearest."""

    loss: torch.Tensor
    accuracy: torch.Tensor


def contrast(
    a: Float[torch.Tensor, "pairs dim"],
    b: Float[torch.Tensor, "pairs dim"],
    *,
    temperature: float = 0.05,
    both: bool = True,
    excluded: Bool[torch.Tensor, "pairs columns"] | None = None,
    own: bool = False,
    more: Float[torch.Tensor, "more dim"] | None = None,
) -> ContrastLoss:
    """The contrastive loss of the pairs (a_i, b_i).

    Args:
        a, b: vectors of both sides, row i of one translates row i of the other.
        temperature: T, above 0.
        both: both directions, else from a to b alone.
        excluded: True where pair j is no negative of pair i; the diagonal does not matter. It may go on with
            a column for each of ``more``.
        own: sentences of the anchor's own side are negatives too: cos(a_i, a_j), and cos(b_i, b_j).
        more: vectors of further texts that are negatives of every row, on whichever side.

    UsageError for a temperature of 0 or below, LearningError where nothing is a negative of anything.

    Example:
        >>> vectors = torch.eye(3)
        >>> found = contrast(vectors, vectors, temperature=1.0)
        >>> round(found.loss.item(), 4), found.accuracy.item()
        (0.5514, 1.0)
    """
    if not temperature > 0:
        raise UsageError(f"a temperature of {temperature}", option="temperature", remedy="use 0.05")
    pairs = len(a)
    if pairs < 2 and more is None:
        raise LearningError("a batch of one pair has no negatives", remedy="let batch be 2 or more")
    a, b = normalize(a, dim=1), normalize(b, dim=1)
    further = a[:0] if more is None else normalize(more, dim=1)
    left_out = torch.zeros(pairs, pairs + len(further), dtype=torch.bool, device=a.device)
    if excluded is not None:
        left_out[:, : excluded.shape[1]] = excluded.to(a.device)
    itself = torch.eye(pairs, dtype=torch.bool, device=a.device)
    left_out[:, :pairs] &= ~itself

    def scores(anchors: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        columns = [torch.cat([others, further])]
        blocked = [left_out]
        if own:
            columns.append(anchors)
            blocked.append(left_out[:, :pairs] | itself)
        found = anchors @ torch.cat(columns).T / temperature
        return found.masked_fill(torch.cat(blocked, dim=1), -torch.inf)

    target = torch.arange(pairs, device=a.device)
    sides = [scores(a, b), scores(b, a)] if both else [scores(a, b)]
    loss = torch.stack([cross_entropy(found, target) for found in sides]).mean()
    right = torch.stack([(found.argmax(1) == target).to(a.dtype).mean() for found in sides])
    return ContrastLoss(loss, right.mean().detach())
