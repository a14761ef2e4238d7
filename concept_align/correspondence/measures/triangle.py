"""The engine of measures that are a dot product of two vectors of matrix entries.

RSA compares distances, CKA inner products, CCA projections: each takes the entries of a concepts x concepts
matrix, brings them to unit norm, and the score of two spaces is a dot product. To relabel the concepts of one
space is to reorder its entries, so ranks and norms are taken once, and all pairs of languages under all
relabellings are one gather and one matrix product:

    null[p, a, b] = sum over entries t of a[t] * b[place[p, t]]
"""

from abc import abstractmethod

import torch
from jaxtyping import Float

from .base import Grams, Measure, MeasureScores, Orders, Pairs, Targets, differs

# Bytes gathered at once: what stays in a core's cache until it is multiplied.
GATHERED = 1 << 20
# Languages are padded to whole vector registers; the gather then copies whole cache lines.
LINE = 16


def upper(concepts: int, diagonal: bool = False) -> torch.Tensor:
    """int64 [2, entries]: rows and columns of the upper triangle, row by row."""
    return torch.triu_indices(concepts, concepts, 0 if diagonal else 1)


def places(permutations: torch.Tensor, diagonal: bool = False) -> torch.Tensor:
    """int32 [P, entries]: which entry of the upper triangle each relabelling puts in the place of each."""
    concepts = permutations.shape[1]
    rows, columns = upper(concepts, diagonal)
    place = torch.zeros(concepts, concepts, dtype=torch.int32)
    place[rows, columns] = torch.arange(len(rows), dtype=torch.int32)
    place = torch.maximum(place, place.T)
    flat = permutations[:, rows] * concepts + permutations[:, columns]
    return place.view(-1)[flat]


def unit(vectors: torch.Tensor, *, centre: bool = False) -> torch.Tensor:
    """``vectors`` [..., entries], centred if so asked, at unit norm; NaN where all entries are equal."""
    size = vectors.abs().amax(-1, keepdim=True)
    if centre:
        vectors = vectors - vectors.mean(-1, keepdim=True)
    norm = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return torch.where(norm > 1e-12 * size, vectors / norm, torch.nan)


class Triangle(Measure):
    """A measure whose score is the dot product of two vectors of entries."""

    diagonal = False  # whether the diagonal's entries count

    @abstractmethod
    def vectors(
        self, gram: Float[torch.Tensor, "langs concepts concepts"]
    ) -> Float[torch.Tensor, "langs entries"]:
        """The entries compared, at unit norm; float64 as ``gram``."""

    def compare(self, a: Grams, b: Targets, pairs: Pairs, permutations: Orders) -> MeasureScores:
        layers, draws = len(a), len(permutations)
        place = places(permutations.cpu(), self.diagonal).to(a.device)
        values = torch.empty(layers, len(pairs), dtype=torch.float64, device=a.device)
        null = torch.empty(draws, layers, len(pairs), device=a.device)
        for layer in range(layers):
            left = self._vectors(a[layer])
            right = left if a is b else self._vectors(b[layer])
            values[layer] = (left @ right.T)[pairs[:, 0], pairs[:, 1]]
            if draws:
                null[:, layer] = relabelled_products(left.float(), right.float(), pairs, place)
        return MeasureScores(values, null)

    def _vectors(self, gram: torch.Tensor) -> torch.Tensor:
        return torch.where(differs(gram)[:, None], self.vectors(gram.double()), torch.nan)


def relabelled_products(
    left: torch.Tensor, right: torch.Tensor, pairs: torch.Tensor, place: torch.Tensor
) -> torch.Tensor:
    """float32 [P, pairs]: products of rows of ``left`` [A, entries] and reordered rows of ``right``."""
    entries, columns = right.shape[1], -(-len(right) // LINE) * LINE
    by_entry = torch.zeros(entries, columns, device=right.device)
    by_entry[:, : len(right)] = right.T
    wanted = pairs[:, 0] * columns + pairs[:, 1]
    step = max(1, GATHERED // (4 * entries * columns))
    null = torch.empty(len(place), len(pairs), device=left.device)
    for begin in range(0, len(place), step):
        some = place[begin : begin + step]
        gathered = by_entry.index_select(0, some.reshape(-1)).view(len(some), entries, columns)
        products = left @ gathered  # [some, A, columns]
        null[begin : begin + len(some)] = products.view(len(some), -1).index_select(1, wanted)
    return null
