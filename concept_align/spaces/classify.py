"""Classification by the nearest prototype.

    log p(k | x) = log softmax_k(-||x - c_k||^2)

The square of x is the same for every k and drops out, so one matrix product gives the scores. Prototypes are
moved to their middle first: distances do not change, and float32 does not drown in a common offset.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float32, Int64

from ..errors import LearningError
from .prototypes import ConceptSpace

CHUNK = 16384

Words = Float[torch.Tensor, "words dim"]
Prototypes = Float[torch.Tensor, "concepts dim"]
Valid = Bool[torch.Tensor, " concepts"]


def middle(prototypes: Prototypes, valid: Valid) -> Float[torch.Tensor, " dim"]:
    """The median of the valid prototypes: unlike their mean, not dragged off by one far concept."""
    if not bool(valid.any()):
        raise LearningError("no concept may be predicted", remedy="lower min_count")
    return prototypes[valid].median(dim=0).values


def similarities(x: Words, prototypes: Prototypes, valid: Valid) -> Float[torch.Tensor, "words concepts"]:
    """-||x - c_k||^2 up to a constant of each word; -inf where ``valid`` is false."""
    centre = middle(prototypes, valid)
    placed = torch.where(valid[:, None], prototypes - centre, torch.zeros((), dtype=prototypes.dtype))
    scores = 2 * (x - centre) @ placed.T - placed.square().sum(1)
    return scores.masked_fill(~valid, -torch.inf)


def nearest_concept(
    x: Words, prototypes: torch.Tensor, valid: Valid, projection: torch.Tensor | None = None
) -> Int64[torch.Tensor, " words"]:
    """The concept whose prototype is nearest, in chunks of words; of x B with a ``projection`` B [dim, rank],
    whose prototypes are projected already."""
    found = []
    for part in x.split(CHUNK):
        placed = part.float() if projection is None else part.float() @ projection
        found.append(similarities(placed, prototypes, valid).argmax(1))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.int64)


@dataclass(frozen=True, eq=False)
class NearestPrototype:
    """A classifier by squared Euclidean distance to the prototypes of ``space``."""

    space: ConceptSpace
    valid: Valid  # what may be predicted

    @classmethod
    def of(cls, space: ConceptSpace, *, min_count: int = 1, valid: Valid | None = None) -> "NearestPrototype":
        """For the concepts with at least ``min_count`` words, among ``valid`` where that is given."""
        known = space.valid(min_count)
        return cls(space, known if valid is None else known & valid)

    def scores(self, x: Words) -> Float32[torch.Tensor, "words concepts"]:
        """Log-probabilities; -inf for a concept that may not be predicted."""
        return torch.log_softmax(similarities(x.float(), self.space.prototypes, self.valid), dim=1)

    def predict(self, x: Words) -> Int64[torch.Tensor, " words"]:
        """The nearest concept."""
        return nearest_concept(x, self.space.prototypes, self.valid)
