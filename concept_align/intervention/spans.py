"""Directions of concepts, and what may be done along them: taken out, swapped, set, pushed.

A span of rank r at a layer is a pair R [dim, r], W [r, dim] with W R = I and a centre c: (h - c) R are a
state's coordinates, and what is taken out of it is (h - c) R W. W = R' unless the projection is oblique.

    means   the r first right singular vectors of m_lk - m_l, of all languages l and concepts k together,
            where m_lk is the mean state of a concept's words and m_l the mean of m_lk over concepts
    pair    the mean over languages of m_lb - m_la
    one     the mean over languages of m_lk less the mean of the other concepts
    probe   the rows of a linear probe's weights, less their mean (which no decision depends on)
    leace   R = S U, W = U' S^-1 with S = C^-1/2 and U a basis of the columns of S X

for covariance C of states and cross-covariance X of states and concepts: the smallest change (in mean square)
after which no linear probe is better than none (LEACE: Belrose et al. 2023, arXiv 2306.03819, theorem 4.3).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float64
from numpy.typing import NDArray

from ..errors import UsageError
from ..models.edits import Edit, Shift
from ..registration import suggest

Floats = NDArray[np.float64]
Means = Mapping[str, Float[np.ndarray, "concepts dim"]]  # by language; NaN for a concept without words
NEGLIGIBLE = 1e-9  # of the largest singular value or eigenvalue: what is smaller is rounding


@dataclass(frozen=True, eq=False)
class Span:
    """Directions at ``layer`` that a state's coordinates are read along and written back along.

    ``points`` are the mean coordinates of ``concepts``, where these are known: NaN for one without words.
    ``note`` says what is unusual. UsageError where ``write @ read`` is not the identity.

    >>> span = Span("axis", 2, np.eye(3)[:, :1], np.eye(3)[:1], np.zeros(3))
    >>> span.rank, span.taken(np.diag([4.0, 1.0, 1.0]))
    (1, 4.0)
    """

    name: str
    layer: int
    read: Float64[np.ndarray, "dim rank"]
    write: Float64[np.ndarray, "rank dim"]
    centre: Float64[np.ndarray, " dim"]
    concepts: tuple[str, ...] = ()
    points: Float64[np.ndarray, "concepts rank"] | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if not np.allclose(self.write @ self.read, np.eye(self.rank), atol=1e-6):
            what = f"the directions of {self.name} do not read what they write"
            raise UsageError(what, option="read", remedy="give write so that write @ read is the identity")

    @property
    def rank(self) -> int:
        return int(self.read.shape[1])

    @property
    def dim(self) -> int:
        return int(self.read.shape[0])

    def taken(self, covariance: Float64[np.ndarray, "dim dim"]) -> float:
        """The variance of what removal changes, tr(W'R'CRW), of states with this ``covariance``.

        It is the variance that states lose where the projection is orthogonal, and where it is LEACE's.
        """
        inner = self.read.T @ covariance @ self.read
        return float(np.einsum("ij,ij->", inner, self.write @ self.write.T))

    def overlap(self, other: "Span") -> float:
        """The mean squared cosine of the angles between what both write: 0 to 1, 1 if one holds the other."""
        mine, theirs = (np.linalg.qr(span.write.T)[0] for span in (self, other))
        return float(np.square(mine.T @ theirs).sum() / min(self.rank, other.rank))

    def knowing(self, means: Means, concepts: Sequence[str]) -> "Span":
        """With the mean coordinates of ``concepts``: their places within languages, from the mean language.

        ``means`` are [concepts, dim] by language. UsageError for another number of names.
        """
        within, of_languages = _centred(means)
        if len(concepts) != within.shape[1]:
            what = f"{len(concepts)} names for {within.shape[1]} concepts"
            raise UsageError(what, option="concepts", remedy="give the names of the means' rows")
        counts = np.isfinite(within[..., 0]).sum(axis=0)
        places = np.nansum(within, axis=0) / np.where(counts > 0, counts, np.nan)[:, None]
        points = (places + of_languages.mean(0) - self.centre) @ self.read
        return replace(self, concepts=tuple(concepts), points=points)

    def removal(self) -> Edit:
        """Coordinates become those of the centre."""
        return self._edit(np.zeros(self.rank))

    def put(self, concept: str) -> Edit:
        """Coordinates become the mean ones of ``concept``."""
        return self._edit(self._point(concept))

    def swap(self, a: str, b: str) -> Edit:
        """States are mirrored halfway between ``a`` and ``b``: each takes the other's place.

        Only what lies along the difference of their means within the span changes.
        """
        one, two = self._point(a), self._point(b)
        along = _unit(two - one, f"{a} and {b}")
        write = (along @ self.write)[None]
        read = 2 * (self.read @ along)[:, None]
        centre = self.centre + (one + two) / 2 @ self.write
        return Edit(_tensor(read), _tensor(write), _tensor(centre), torch.zeros(1))

    def steer(self, a: str, b: str, factor: float = 1.0) -> Shift:
        """States are pushed from ``a`` to ``b``: ``factor`` times the difference of their means."""
        return Shift(_tensor((self._point(b) - self._point(a)) @ self.write), factor)

    def _edit(self, target: Floats) -> Edit:
        return Edit(_tensor(self.read), _tensor(self.write), _tensor(self.centre), _tensor(target))

    def _point(self, concept: str) -> Floats:
        if concept not in self.concepts or self.points is None:
            what = f"the span {self.name} knows no concept {concept}"
            raise UsageError(what, option="concept", remedy=suggest(concept, self.concepts))
        point = self.points[self.concepts.index(concept)]
        if np.isnan(point).any():
            remedy = "name a concept that the languages have"
            raise UsageError(f"no word of {concept} was seen", option="concept", remedy=remedy)
        return point


def concept_span(
    means: Means,
    rank: int,
    *,
    concepts: Sequence[str] = (),
    centred: bool = True,
    centre: Floats | None = None,
    layer: int = 0,
    name: str = "concepts",
) -> Span:
    """The directions in which the mean states of concepts differ.

    Args:
        means: [concepts, dim] by language; NaN for a concept without words. Languages count alike.
        rank: how many directions.
        concepts: the names of the rows.
        centred: concepts are compared within languages. If not, with the mean of all languages: then what
            tells languages apart is among the directions.
        centre: where removal takes states to; by default the mean over languages and concepts.
        layer: whose states these are.
        name: what the span is called.

    Raises UsageError for more directions than the means have.

    Example:
        >>> english, german = [[0.0, 2.0, 1.0], [0.0, -2.0, 1.0]], [[9.0, 1.0, 1.0], [9.0, -1.0, 1.0]]
        >>> concept_span({"en": np.array(english), "de": np.array(german)}, 1).read.T.round(3).tolist()
        [[0.0, 1.0, 0.0]]
    """
    within, of_languages = _centred(means)
    if not centred:
        within = within + (of_languages - of_languages.mean(0))[:, None]
    rows = within[~np.isnan(within).any(2)]
    return _of_means(_leading(rows, rank), means, concepts, centre, layer, name)


def pair_span(
    means: Means,
    concepts: Sequence[str],
    a: str,
    b: str,
    *,
    centre: Floats | None = None,
    layer: int = 0,
) -> Span:
    """The one direction from the mean state of concept ``a`` to that of ``b``, in the languages with both."""
    one, two = (_rows_of(means, concepts, name) for name in (a, b))
    read = _unit(_mean_of(two - one, f"{a} and {b}"), f"{a} and {b}")[:, None]
    return _of_means(read, means, concepts, centre, layer, f"pair {a}-{b}")


def one_concept_span(
    means: Means, concepts: Sequence[str], concept: str, *, centre: Floats | None = None, layer: int = 0
) -> Span:
    """The one direction from the mean of the other concepts to that of ``concept``."""
    own = _rows_of(means, concepts, concept)
    place = list(concepts).index(concept)
    others = np.stack([np.nanmean(np.delete(rows, place, axis=0), axis=0) for rows in means.values()])
    read = _unit(_mean_of(own - others, concept), concept)[:, None]
    return _of_means(read, means, concepts, centre, layer, f"concept {concept}")


def probe_span(
    weights: Float[np.ndarray, "concepts dim"],
    *,
    centre: Floats,
    rank: int | None = None,
    layer: int = 0,
    name: str = "probe",
) -> Span:
    """The directions that a linear probe of states looks at; by default, all of them.

    ``weights`` are of raw states: those of standardised ones, divided by the scales.
    """
    rows = np.asarray(weights, dtype=np.float64)
    rows = rows - rows.mean(0)
    read = _leading(rows, _rank_of(rows) if rank is None else rank)
    return Span(name, layer, read, read.T, centre)


def leace_span(
    covariance: Float64[np.ndarray, "dim dim"],
    cross: Float64[np.ndarray, "dim concepts"],
    *,
    centre: Floats,
    rank: int | None = None,
    layer: int = 0,
    name: str = "leace",
) -> Span:
    """LEACE, an oblique projection: with all directions (the default) nothing of concepts is linearly left.

    ``cross`` is the covariance of states with the concepts' indicators, ``covariance`` that of states. Where
    it is of other states, concepts are erased all the same, but by more change than is needed.
    """
    sizes, axes = np.linalg.eigh(covariance)
    kept = sizes > NEGLIGIBLE * sizes[-1]
    sizes, axes = np.sqrt(sizes[kept]), axes[:, kept]
    whitened = (axes.T @ cross) / sizes[:, None]
    basis = _leading(whitened.T, _rank_of(whitened) if rank is None else rank)
    read, write = axes @ (basis / sizes[:, None]), (basis * sizes[:, None]).T @ axes.T
    return Span(name, layer, read, write, centre)


# --- means of languages ---


def _centred(means: Means) -> tuple[Floats, Floats]:
    """Class means less their language's mean [langs, concepts, dim], and these means [langs, dim]."""
    if not means:
        raise UsageError("no language to learn directions from", option="means", remedy="name some languages")
    stacked = np.stack([np.asarray(rows, dtype=np.float64) for rows in means.values()])
    if empty := [name for name, rows in means.items() if np.all(np.isnan(rows).any(1))]:
        what = f"no concept of {', '.join(empty)} has words"
        raise UsageError(what, option="means", remedy="leave the language out")
    of_languages = np.nanmean(stacked, axis=1)
    return stacked - of_languages[:, None], of_languages


def _of_means(
    read: Floats, means: Means, concepts: Sequence[str], centre: Floats | None, layer: int, name: str
) -> Span:
    """The orthogonal span of ``read`` [dim, rank], with the mean coordinates of concepts that have names."""
    middle = _centred(means)[1].mean(0) if centre is None else np.asarray(centre, dtype=np.float64)
    span = Span(name, layer, read, read.T, middle)
    return span.knowing(means, concepts) if len(concepts) else span


def _rows_of(means: Means, concepts: Sequence[str], concept: str) -> Floats:
    """[langs, dim] of one concept."""
    if concept not in concepts:
        remedy = suggest(concept, tuple(concepts))
        raise UsageError(f"no concept {concept}", option="concept", remedy=remedy)
    place = list(concepts).index(concept)
    return np.stack([np.asarray(rows, dtype=np.float64)[place] for rows in means.values()])


def _mean_of(rows: Floats, what: str) -> Floats:
    """Over the languages that have it; UsageError where none has."""
    known = rows[~np.isnan(rows).any(1)]
    if not len(known):
        remedy = "name concepts that a language has"
        raise UsageError(f"no language has words of {what}", option="concept", remedy=remedy)
    return np.asarray(known.mean(0))


def _unit(vector: Floats, what: str) -> Floats:
    size = float(np.linalg.norm(vector))
    if size == 0:
        raise UsageError(f"{what} do not differ in these directions", option="concept")
    return vector / size


def _leading(rows: Floats, rank: int) -> Floats:
    """The first ``rank`` right singular vectors [dim, rank] of ``rows``, largest entries positive."""
    most = _rank_of(rows)
    if not 1 <= rank <= most:
        raise UsageError(f"a rank of {rank}", option="rank", remedy=f"there are 1 to {most} directions")
    found = np.linalg.svd(rows, full_matrices=False)[2][:rank]
    signs = np.sign(found[np.arange(rank), np.abs(found).argmax(1)])
    return np.ascontiguousarray((found * signs[:, None]).T)


def _rank_of(rows: Floats) -> int:
    sizes = np.linalg.svd(rows, compute_uv=False)
    return int((sizes > NEGLIGIBLE * max(float(sizes[0]), np.finfo(np.float64).tiny)).sum())


def _tensor(values: Floats) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values)).float()
