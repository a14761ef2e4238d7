"""Optimal transport between the words of two languages: does mass go to words of the same concept?

    T = argmin over plans of <T, C> - regularisation * H(T),    C_ij = |x_i - y_j|^2

between two balanced samples of words, each of equal weight (Cuturi 2013, by Sinkhorn's iterations on
logarithms: Schmitzer 2019), as Alvarez-Melis & Fusi (2020) compare data sets. No label is used to find the
plan. The score is the share of mass that goes between words of the same concept,

    score = sum over k of T[k, k],    null[p] = sum over k of T[k, permutation[p, k]]

with T[k, l] the mass from concept k to concept l. It is 1/K where the clouds have nothing in common. Unlike
the measures of Gram matrices it takes words, not prototypes, and both languages must lie in one space.
"""

from dataclasses import dataclass

import torch

from ...errors import UsageError
from ...seeding import derive
from ..permutations import permutations as relabellings

ITERATIONS = 1000
TOLERANCE = 1e-6  # of the marginals, as a share of all mass


@dataclass(frozen=True, eq=False)
class Transported:
    """Where the words of each concept go; larger is more alike."""

    value: float  # share of mass between words of the same concept
    null: torch.Tensor  # float64 [P]: that share with concepts relabelled
    mass: torch.Tensor  # float64 [concepts, concepts], sums to 1
    concepts: tuple[int, ...]  # the labels compared
    words: int  # of each concept and language
    error: float  # by how much the plan's marginals are off, in total mass


def transport_agreement(
    x_a: torch.Tensor,
    y_a: torch.Tensor,
    x_b: torch.Tensor,
    y_b: torch.Tensor,
    *,
    words: int = 30,
    regularisation: float = 0.05,
    centre: bool = True,
    permutations: int = 1000,
    seed: int = 0,
) -> Transported:
    """Agreement of the words ``x_a`` [words, dim] of concepts ``y_a`` int64 [words] with another language's.

    So many ``words`` of each concept that has them in both languages are drawn. ``centre`` takes each
    sample's mean away, so that what is left of a language's own offset carries no mass;
    ``regularisation`` is in units of the mean cost.
    """
    if x_a.shape[1] != x_b.shape[1]:
        raise UsageError(
            f"words of dimensions {x_a.shape[1]} and {x_b.shape[1]} cannot be transported into each other",
            remedy="compare one model and layer, or use a measure of prototypes",
        )
    shared = [label for label in _plenty(y_a, words) if label in set(_plenty(y_b, words))]
    if len(shared) < 2:
        raise UsageError(
            f"{len(shared)} concepts have {words} words in both languages: two are needed",
            where="transport",
            remedy="draw fewer words of each",
        )
    a = _sample(x_a, y_a, shared, words, derive(seed, "transport", "a"), centre)
    b = _sample(x_b, y_b, shared, words, derive(seed, "transport", "b"), centre)
    plan, error = sinkhorn(torch.cdist(a, b) ** 2, regularisation)
    mass = plan.view(len(shared), words, len(shared), words).sum((1, 3))
    orders = relabellings(len(shared), permutations, seed)
    null = mass[torch.arange(len(shared)), orders].sum(-1)
    return Transported(float(mass.trace()), null, mass, tuple(shared), words, error)


def sinkhorn(
    cost: torch.Tensor, regularisation: float, *, iterations: int = ITERATIONS, tolerance: float = TOLERANCE
) -> tuple[torch.Tensor, float]:
    """The regularised plan float64 [n, m] between equal weights, and by how much its row sums are off.

    ``regularisation`` is in units of the mean of ``cost`` [n, m].
    """
    rows, columns = cost.shape
    scaled = -cost.double() / (regularisation * cost.double().mean()).clamp_min(1e-300)
    log_row, log_column = -torch.log(torch.tensor([rows, columns], dtype=torch.float64))
    g = torch.zeros(columns, dtype=torch.float64)
    error = float("inf")
    for _ in range(iterations):
        f = log_row - torch.logsumexp(scaled + g, 1)
        g = log_column - torch.logsumexp(scaled + f[:, None], 0)
        # Columns are exact after this step; rows tell how far it is from both.
        error = float(((scaled + f[:, None] + g).exp().sum(1) - 1 / rows).abs().sum())
        if error < tolerance:
            break
    return (scaled + f[:, None] + g).exp(), error


def _plenty(y: torch.Tensor, words: int) -> list[int]:
    """Labels that at least ``words`` words have; negative ones are none."""
    labels, counts = y[y >= 0].unique(return_counts=True)
    return [int(label) for label in labels[counts >= words]]


def _sample(
    x: torch.Tensor, y: torch.Tensor, labels: list[int], words: int, seed: int, centre: bool
) -> torch.Tensor:
    """float64 [labels x words, dim]: ``words`` random words of each label, label by label."""
    random = torch.Generator().manual_seed(seed)
    chosen = []
    for label in labels:
        places = (y == label).nonzero().flatten()
        chosen.append(places[torch.randperm(len(places), generator=random)[:words]])
    sample = x[torch.cat(chosen)].double()
    return sample - sample.mean(0) if centre else sample
