"""Directions that know no concept, to hold those of concepts against.

What is taken out of states harms whatever reads them, and the more so the more variance it has. The control
for a span of rank r is therefore *matched*: random directions that take away as much variance v,

    B = C^a G,    G standard normal [dim, r],    a such that tr(Q'CQ) = v for an orthonormal basis Q of B

a = 0 gives directions as random as can be, a larger a such with more variance, up to principal components.
tr(Q'CQ) never falls with a, as its derivative, sum_ij (QQ')_ij^2 (l_i - l_j)(log l_i - log l_j) in the
eigenbasis of C with eigenvalues l, is not negative; so a is found by bisection. Several draws are a null
distribution.

Directions with much variance overlap with those of concepts by chance, and a control that takes a part of the
concepts away as well understates what these do. So matched directions are orthogonal to a span that they are
held against, wherever enough variance lies outside of it (``outside``).
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float64
from numpy.typing import NDArray

from ..errors import UsageError
from .spans import Floats, Means, Span, concept_span

LEAST_SIZE = 1e-12  # of the largest eigenvalue: smaller ones are rounding
HEADROOM = 1.05  # the most variance that can be taken over what shall be, so that draws may differ
STEEPEST = 512.0  # |a|: the directions are principal components to any precision there
EXACT = 1e-6  # relative error of the variance


def random_span(
    dim: int, rank: int, rng: np.random.Generator, *, centre: Floats | None = None, layer: int = 0
) -> Span:
    """Directions as random as can be, by no variance; ``centre`` is 0 unless it is given."""
    if not 1 <= rank <= dim:
        raise UsageError(f"a rank of {rank}", option="rank", remedy=f"there are 1 to {dim} directions")
    read = np.linalg.qr(rng.standard_normal((dim, rank)))[0]
    return Span("random", layer, read, read.T, _centre(centre, dim))


def components_span(
    covariance: Float64[np.ndarray, "dim dim"], rank: int, *, centre: Floats | None = None, layer: int = 0
) -> Span:
    """The first principal components: no directions take away more variance."""
    dim = len(covariance)
    if not 1 <= rank <= dim:
        raise UsageError(f"a rank of {rank}", option="rank", remedy=f"there are 1 to {dim} directions")
    read = np.linalg.eigh(covariance)[1][:, ::-1][:, :rank].copy()
    return Span("components", layer, read, read.T, _centre(centre, dim))


def language_span(
    language_means: Mapping[str, Floats], rank: int, *, centre: Floats | None = None, layer: int = 0
) -> Span:
    """The directions in which the mean states [dim] of languages differ: another thing that states tell."""
    means = {"all": np.stack(list(language_means.values()))}
    return concept_span(means, rank, centre=centre, layer=layer, name="language")


def shuffled_span(shuffled: Means, rank: int, *, centre: Floats | None = None, layer: int = 0) -> Span:
    """:func:`concept_span` of the means of concepts whose labels were permuted within sentences."""
    return concept_span(shuffled, rank, centre=centre, layer=layer, name="shuffled")


def matched_span(
    covariance: Float64[np.ndarray, "dim dim"],
    rank: int,
    variance: float,
    rng: np.random.Generator,
    *,
    outside: Span | None = None,
    centre: Floats | None = None,
    layer: int = 0,
) -> Span:
    """One draw of :func:`matched_spans`."""
    drawn = matched_spans(
        covariance, rank, variance, rng, draws=1, outside=outside, centre=centre, layer=layer
    )
    return drawn[0]


def matched_spans(
    covariance: Float64[np.ndarray, "dim dim"],
    rank: int,
    variance: float,
    rng: np.random.Generator,
    *,
    draws: int = 5,
    outside: Span | None = None,
    centre: Floats | None = None,
    layer: int = 0,
) -> tuple[Span, ...]:
    """Random directions that take away ``variance`` of states with ``covariance``.

    Args:
        covariance: of states, as a :class:`Span`'s ``taken`` is asked with.
        rank: how many directions.
        variance: what they shall take away together, to a millionth.
        rng: what they are drawn by.
        draws: how many spans.
        outside: a span that all of them are orthogonal to. Where ``rank`` directions outside of it have too
            little variance, more are taken, as few as suffice; where all have too little, they overlap with
            it. The spans' ``note`` says so.
        centre: where removal takes states to; that of ``outside`` by default, else 0.
        layer: whose states these are.

    Raises UsageError where no ``rank`` directions have as much variance, or as little.
    """
    dim = len(covariance)
    centre = outside.centre if centre is None and outside is not None else centre
    basis, note = np.eye(dim), ""
    if outside is not None:
        rest = np.linalg.qr(outside.write.T, mode="complete")[0][:, outside.rank :]
        needed = _needed(np.linalg.eigvalsh(rest.T @ covariance @ rest)[::-1], rank, variance)
        if needed is None:
            note = f"overlaps with {outside.name}: outside of it there is not as much variance"
        else:
            if needed > rank:
                note = f"{needed} directions, as {rank} outside of {outside.name} have less variance"
            basis, rank = rest, needed
    sizes, axes = np.linalg.eigh(basis.T @ covariance @ basis)
    sizes, axes = sizes[::-1], basis @ axes[:, ::-1]
    if not (1 <= rank <= len(sizes) and sizes[-rank:].sum() <= variance <= sizes[:rank].sum()):
        low, high = sizes[-rank:].sum(), sizes[:rank].sum()
        what = f"{rank} directions take away a variance of {low:.4g} to {high:.4g}, not {variance:.4g}"
        raise UsageError(what, option="variance", remedy="ask for another rank")
    found = []
    for _ in range(draws):
        read = axes @ _bisected(sizes, rng.standard_normal((len(sizes), rank)), variance)
        found.append(Span("matched", layer, read, read.T, _centre(centre, dim), note=note))
    return tuple(found)


def _needed(sizes: Floats, rank: int, variance: float) -> int | None:
    """How many directions, ``rank`` or more, can take away ``variance``; if possible, in many ways."""
    numbers = np.arange(max(rank, 1), len(sizes) + 1)
    most, least = sizes.cumsum()[numbers - 1], sizes[::-1].cumsum()[numbers - 1]
    for headroom in (HEADROOM, 1.0):
        possible = numbers[(most >= headroom * variance) & (least <= variance)]
        if len(possible):
            return int(possible[0])
    return None


def _bisected(sizes: Floats, drawn: Floats, variance: float) -> Floats:
    """An orthonormal basis of diag(``sizes``)^a ``drawn`` [dim, rank] that takes away ``variance``."""
    logs = np.log(np.maximum(sizes, LEAST_SIZE * sizes[0]))

    def basis(power: float) -> tuple[Floats, float]:
        found = _graded(power * logs, drawn)
        return found, float(np.einsum("ij,i->", np.square(found), sizes))

    low, high = -1.0, 1.0
    while basis(low)[1] > variance and low > -STEEPEST:
        low *= 2
    while basis(high)[1] < variance and high < STEEPEST:
        high *= 2
    found, taken = basis(high)
    for _ in range(200):
        middle = (low + high) / 2
        found, taken = basis(middle)
        if abs(taken - variance) <= EXACT * variance:
            break
        low, high = (middle, high) if taken < variance else (low, middle)
    return found


def _graded(weights: Floats, drawn: Floats) -> Floats:
    """An orthonormal basis of diag(exp(``weights``)) ``drawn``, however far the weights lie apart.

    The columns are mixed so that the rows of the largest weights form the identity: then no number is larger
    than those of ``drawn``, and none is lost to rounding.
    """
    rank = drawn.shape[1]
    order = np.argsort(-weights, kind="stable")
    first, rest = order[:rank], order[rank:]
    mixed = np.linalg.solve(drawn[first].T, drawn[rest].T).T  # drawn[rest] @ inv(drawn[first])
    found = np.empty_like(drawn)
    found[first] = np.eye(rank)
    found[rest] = mixed * np.exp(weights[rest][:, None] - weights[first][None])
    return np.asarray(np.linalg.qr(found)[0])


def _centre(centre: Floats | None, dim: int) -> NDArray[np.float64]:
    return np.zeros(dim) if centre is None else np.asarray(centre, dtype=np.float64)
