"""What a measure of the likeness of two concept spaces is, and its result.

All that is asked of a space is the matrix of inner products of its prototypes [concepts, concepts], its
Gram matrix. So spaces of any dimension, and of different models, can be compared, and no measure can tell
a space from its rotation or mirror image.

Two engines serve all built-in measures. :class:`TargetwiseMeasure` takes one target space at a time.
:class:`Triangle` is for measures that are a dot product of two vectors of matrix entries: RSA compares
distances, CKA inner products, CCA projections. Each takes the entries of a concepts x concepts matrix and
brings them to unit norm. To relabel the concepts of one space is to reorder its entries, so ranks and norms
are taken once, and all pairs of languages under all relabellings are one gather and one matrix product:

    null[p, a, b] = sum over entries t of a[t] * b[place[p, t]]
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int

# What may be done to one of both spaces without a change of score: what a measure is invariant to. "linear":
# any invertible map.
Invariance = Literal["rotation", "reflection", "translation", "scale", "linear"]
# What an interval is made on. "correlation": Fisher's scale, for scores from -1 (or 0) to 1. "share": as they
# are, kept in [0, 1], for precision and reciprocal ranks, which reach 1.
Scale = Literal["correlation", "share"]

Grams = Float[torch.Tensor, "layers sources concepts concepts"]
Targets = Float[torch.Tensor, "layers targets concepts concepts"]
Pairs = Int[torch.Tensor, "pairs 2"]  # rows of both
Orders = Int[torch.Tensor, "draws concepts"]
Prepared = tuple[torch.Tensor, ...]  # each [sources, ...]

# Fewer than five concepts have fewer than 120 relabellings: no p-value below 0.01 is possible.
FEWEST = 5
# Bytes gathered at once: what stays in a core's cache until it is multiplied.
GATHERED = 1 << 20
# Languages are padded to whole vector registers; the gather then copies whole cache lines.
LINE = 16


@dataclass(frozen=True, eq=False)
class MeasureScores:
    """Scores of pairs of spaces and of the same pairs with concepts relabelled; larger is more alike.

    A space in which nothing differs (all prototypes in one place) has no score: its values are NaN.
    """

    values: Float[torch.Tensor, "layers pairs"]  # float64
    null: Float[torch.Tensor, "permutations layers pairs"]  # float32, good to 1e-6


class Measure(ABC):
    """A similarity of two concept spaces."""

    name: str  # as users spell it, and as it stands in tables
    # What may be done to one of both spaces, whichever, without a change of score.
    invariances: frozenset[Invariance] = frozenset({"rotation", "reflection", "translation", "scale"})
    symmetric: bool = True  # the score of (a, b) is that of (b, a)
    least: int = FEWEST  # concepts needed
    whitened: bool = False  # prototypes are to be whitened by the words within concepts first
    scale: Scale = "correlation"  # that intervals of its scores are made on

    def refuse(self, concepts: int, dims: tuple[int, int]) -> str | None:
        """Why noise and structure cannot be told apart for this many concepts and dimensions, or None."""
        if concepts >= self.least:
            return None
        return f"{concepts} concepts are too few: {self.least} are needed for a p-value below 0.01"

    @abstractmethod
    def compare(self, a: Grams, b: Targets, pairs: Pairs, permutations: Orders) -> MeasureScores:
        """Scores of ``pairs`` (row of a, row of b), in every layer.

        ``a`` and ``b`` are Gram matrices (no NaN) of the same concepts in the same order; under row r of
        ``permutations`` (which may be none), concept k of a is compared with concept r[k] of b.
        """


class TargetwiseMeasure(Measure):
    """A measure that takes one target at a time, with all its sources together."""

    @abstractmethod
    def prepared(self, a: torch.Tensor, b: torch.Tensor, same: bool) -> tuple[Prepared, torch.Tensor]:
        """What is taken once of the spaces of one layer [spaces, K, K]; ``same``: a and b are one."""

    @abstractmethod
    def values(self, left: Prepared, right: torch.Tensor) -> torch.Tensor:
        """float64 [sources] scores with one target."""

    @abstractmethod
    def null(self, left: Prepared, right: torch.Tensor, permutations: torch.Tensor) -> torch.Tensor:
        """float32 [draws, sources] scores with one target's concepts relabelled."""

    def compare(self, a: Grams, b: Targets, pairs: Pairs, permutations: Orders) -> MeasureScores:
        permutations = permutations.to(a.device)
        values = torch.empty(len(a), len(pairs), dtype=torch.float64, device=a.device)
        null = torch.empty(len(permutations), len(a), len(pairs), device=a.device)
        for layer in range(len(a)):
            left, right = self.prepared(a[layer], b[layer], a is b)
            for target in pairs[:, 1].unique().tolist():
                mine = (pairs[:, 1] == target).nonzero().flatten()
                chosen = tuple(one[pairs[mine, 0]] for one in left)
                values[layer, mine] = self.values(chosen, right[target])
                if len(permutations):
                    null[:, layer, mine] = self.null(chosen, right[target], permutations)
            there = differs(a[layer])[pairs[:, 0]] & differs(b[layer])[pairs[:, 1]]
            values[layer, ~there] = torch.nan
            null[:, layer, ~there] = torch.nan
        return MeasureScores(values, null)


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


def centred(gram: torch.Tensor) -> torch.Tensor:
    """float64 H G H of ``gram`` [..., K, K]: inner products after the mean prototype was taken away."""
    gram = gram.double()
    rows = gram.mean(-1, keepdim=True)
    return gram - rows - rows.mT + rows.mean(-2, keepdim=True)


def differs(gram: torch.Tensor) -> torch.Tensor:
    """bool [...]: whether the prototypes of ``gram`` [..., K, K] are in more than one place."""
    spread = centred(gram).diagonal(dim1=-2, dim2=-1).sum(-1)
    size = gram.double().diagonal(dim1=-2, dim2=-1).abs().sum(-1)
    return spread > 1e-12 * size  # coordinates equal in truth differ in the last bits


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
