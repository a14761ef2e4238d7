"""Classification by the nearest prototype.

    log p(k | x) = log softmax_k(-||x - c_k||^2)

The square of x is the same for every k and drops out, so one matrix product gives the scores. Prototypes are
moved to their middle first: distances do not change, and float32 does not drown in a common offset.
"""

from dataclasses import dataclass

import torch

from ..errors import LearningError
from .prototypes import ConceptSpace

CHUNK = 16384


def middle(prototypes: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """[dim] the median of the valid prototypes: unlike their mean, not dragged off by one far concept."""
    if not bool(valid.any()):
        raise LearningError(
            "no concept may be predicted", remedy="lower the least number of words of a concept"
        )
    return prototypes[valid].median(dim=0).values


def similarities(x: torch.Tensor, prototypes: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """[words, concepts] -||x - c_k||^2 up to a constant of each word; -inf where ``valid`` is false.

    ``x`` [words, dim], ``prototypes`` [concepts, dim], ``valid`` bool [concepts].
    """
    centre = middle(prototypes, valid)
    placed = torch.where(valid[:, None], prototypes - centre, torch.zeros((), dtype=prototypes.dtype))
    scores = 2 * (x - centre) @ placed.T - placed.square().sum(1)
    return scores.masked_fill(~valid, -torch.inf)


@dataclass(frozen=True, eq=False)
class NearestPrototype:
    """A classifier by squared Euclidean distance to the prototypes of ``space``."""

    space: ConceptSpace
    valid: torch.Tensor  # bool [concepts]: what may be predicted

    @classmethod
    def of(
        cls, space: ConceptSpace, *, min_count: int = 1, valid: torch.Tensor | None = None
    ) -> "NearestPrototype":
        """For the concepts with at least ``min_count`` words, among ``valid`` where that is given."""
        known = space.valid(min_count)
        return cls(space, known if valid is None else known & valid)

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """float32 [words, concepts] log-probabilities; -inf for a concept that may not be predicted."""
        return torch.log_softmax(similarities(x.float(), self.space.prototypes, self.valid), dim=1)

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        """int64 [words] the nearest concept, in chunks of words."""
        found = [
            similarities(part.float(), self.space.prototypes, self.valid).argmax(1) for part in x.split(CHUNK)
        ]
        return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)
