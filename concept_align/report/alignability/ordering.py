"""Languages side by side that are alike: average linkage on 1 - score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scores import Matrix

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Link:
    """Two sides of the tree that join at ``height``: where they are, and the heights they come from."""

    sides: tuple[float, float]
    starts: tuple[float, float]
    height: float
    members: tuple[int, ...]  # places in the matrix of all languages below

    @property
    def path(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The bracket to be drawn: places along the languages, and heights."""
        (a, b), (low, other) = self.sides, self.starts
        return (a, a, b, b), (low, self.height, self.height, other)


@dataclass(frozen=True)
class _Node:
    at: float
    height: float
    members: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Ordering:
    """A tree over some languages, and the order in which all are shown.

    ``linkage`` [leaves - 1, 4] is scipy's, of the languages ``leaves``.
    ``order`` are places in the matrix, with languages that have no value, and so no place in the tree, last.
    """

    order: tuple[int, ...]
    leaves: tuple[int, ...]  # leaf i of the linkage -> place in the matrix
    linkage: Floats

    def links(self) -> list[Link]:
        """Every link of the tree, the closest first; a language is at its place in ``order``."""
        at = {place: step for step, place in enumerate(self.order)}
        nodes = [_Node(float(at[place]), 0.0, (place,)) for place in self.leaves]
        made = []
        for one, other, height, _ in self.linkage:
            sides = nodes[int(one)], nodes[int(other)]
            members = sides[0].members + sides[1].members
            made.append(
                Link((sides[0].at, sides[1].at), (sides[0].height, sides[1].height), float(height), members)
            )
            nodes.append(_Node((sides[0].at + sides[1].at) / 2, float(height), members))
        return made


def distances(matrix: Matrix) -> tuple[NDArray[np.int64], Floats]:
    """Places of the languages that have a value, and [n, n] 1 - score of each two of them.

    Scores of both directions are averaged. Where two languages were not compared, their distance is the mean
    of both languages' mean distances to the others: it takes no side in the order.
    """
    kept = np.array([at for at, name in enumerate(matrix.languages) if name not in matrix.empty], np.int64)
    values = matrix.values[np.ix_(kept, kept)]
    both = np.stack([values, values.T])
    known = np.isfinite(both)
    count = known.sum(0)
    mean = np.where(known, both, 0).sum(0) / np.maximum(count, 1)
    apart = np.where(count > 0, np.maximum(1 - mean, 0), np.nan)
    np.fill_diagonal(apart, np.nan)
    known = np.isfinite(apart)
    of = np.where(known, apart, 0).sum(1) / np.maximum(known.sum(1), 1)
    apart = np.where(known, apart, (of[:, None] + of[None, :]) / 2)
    np.fill_diagonal(apart, 0)
    return kept, apart


def ordering(matrix: Matrix) -> Ordering:
    """The languages by average linkage (UPGMA), neighbours turned to be as alike as the tree allows."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    kept, apart = distances(matrix)
    rest = tuple(at for at in range(len(matrix.languages)) if at not in set(kept.tolist()))
    if len(kept) < 2:
        return Ordering((*kept.tolist(), *rest), tuple(kept.tolist()), np.empty((0, 4)))
    links = linkage(squareform(apart, checks=False), method="average", optimal_ordering=True)
    order = tuple(int(kept[leaf]) for leaf in leaves_list(links))
    return Ordering((*order, *rest), tuple(kept.tolist()), links)
