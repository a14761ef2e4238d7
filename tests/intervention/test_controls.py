"""Controls take away as much variance as they should, and know nothing of concepts."""

import numpy as np
import pytest
import torch
from planted_spans import CONCEPTS, DIM, planted, same_span, turned, without, words

from concept_align.errors import UsageError
from concept_align.intervention.controls import (
    components_span,
    language_span,
    matched_span,
    matched_spans,
    random_span,
    shuffled_span,
)
from concept_align.intervention.spans import Span, concept_span
from concept_align.seeding import stream


def spread(dim=60, steep=2.0, seed=0):
    """A covariance whose eigenvalues fall as i^-steep."""
    turn = turned(seed, dim)
    return turn @ np.diag(np.arange(1, dim + 1) ** -steep) @ turn.T


def axes_span(dim, *axes):
    eye = np.eye(dim)
    return Span("axes", 0, eye[:, list(axes)], eye[list(axes)], np.ones(dim))


@pytest.mark.parametrize("steep", [0.3, 1.0, 4.0, 12.0])
@pytest.mark.parametrize("rank", [1, 8])
def test_matched_directions_take_away_what_they_should(steep, rank):
    covariance = spread(steep=steep)
    sizes = np.linalg.eigvalsh(covariance)[::-1]
    low, high = sizes[-rank:].sum(), sizes[:rank].sum()
    for share in (0.02, 0.3, 0.6, 0.95, 0.999):
        variance = low + share * (high - low)
        for span in matched_spans(covariance, rank, variance, stream(1, "draws"), draws=3):
            assert span.taken(covariance) == pytest.approx(variance, rel=1e-5)
            assert np.allclose(span.read.T @ span.read, np.eye(rank), atol=1e-10) and not span.note


def test_draws_differ_and_are_the_same_again():
    covariance = spread()
    drawn = [matched_spans(covariance, 4, 0.5, stream(0, "draws"), draws=3) for _ in range(2)]
    assert all(same_span(a, b) for a, b in zip(*drawn, strict=True))
    assert not same_span(drawn[0][0], drawn[0][1])
    assert same_span(matched_span(covariance, 4, 0.5, stream(0, "draws")), drawn[0][0])


def test_directions_are_found_at_the_ends_of_what_is_possible():
    covariance, rank = spread(), 5
    sizes = np.linalg.eigvalsh(covariance)[::-1]
    most = matched_span(covariance, rank, sizes[:rank].sum() * (1 - 1e-7), stream(0, "most"))
    assert most.overlap(components_span(covariance, rank)) > 0.999
    for variance in (sizes[:rank].sum() * 1.01, sizes[-rank:].sum() * 0.99):
        with pytest.raises(UsageError, match="directions take away a variance of"):
            matched_span(covariance, rank, variance, stream(0, "none"))


def test_matched_directions_keep_out_of_a_span_where_enough_lies_outside():
    covariance, span = spread(steep=0.5), axes_span(60, 3, 9)
    taken = span.taken(covariance)
    for drawn in matched_spans(covariance, 2, taken, stream(0, "outside"), outside=span):
        assert np.abs(drawn.write @ span.read).max() < 1e-10 and not drawn.note
        assert drawn.taken(covariance) == pytest.approx(taken, rel=1e-5)
        assert np.array_equal(drawn.centre, span.centre)


def test_more_directions_are_taken_where_as_many_outside_have_too_little_variance():
    for rest in (np.ones(11), np.geomspace(1.5, 0.5, 11)):  # any four of equal size, or some of unequal size
        covariance, span = np.diag([4.0, *rest]), axes_span(DIM, 0)
        drawn = matched_span(covariance, 1, 4.0, stream(0, "more"), outside=span)
        assert drawn.rank == 4 and "1 outside of axes have less variance" in drawn.note
        assert drawn.overlap(span) == pytest.approx(0) and drawn.taken(covariance) == pytest.approx(4.0)


def test_directions_overlap_and_say_so_where_too_little_is_outside():
    sizes = np.array([20.0, *np.ones(11)])
    drawn = matched_span(np.diag(sizes), 1, 15.0, stream(0, "overlap"), outside=axes_span(DIM, 0))
    assert drawn.taken(np.diag(sizes)) == pytest.approx(15.0) and drawn.note.startswith("overlaps with axes")


def test_random_directions_take_the_share_of_their_number():
    covariance = spread()
    taken = [random_span(60, 6, stream(seed, "random")).taken(covariance) for seed in range(300)]
    assert np.mean(taken) == pytest.approx(np.trace(covariance) / 10, rel=0.1)
    with pytest.raises(UsageError, match="1 to 60"):
        random_span(60, 61, stream(0, "random"))


def test_no_directions_take_more_than_the_components():
    x, _, covariance, _ = words()
    span = components_span(covariance, 3, centre=x.mean(0))
    assert span.taken(covariance) == pytest.approx(np.linalg.eigvalsh(covariance)[-3:].sum())
    assert x.var(0).sum() - without(span, x).var(0).sum() == pytest.approx(span.taken(covariance), rel=1e-4)
    others = [random_span(DIM, 3, stream(seed, "random")) for seed in range(20)]
    assert all(other.taken(covariance) <= span.taken(covariance) for other in others)


def test_languages_and_concepts_are_apart_where_they_are_planted_apart():
    means = planted()
    languages = language_span({name: rows.mean(0) for name, rows in means.items()}, 2)
    assert languages.overlap(concept_span(means, 3)) == pytest.approx(0, abs=1e-9)
    gone = without(languages, np.concatenate(list(means.values()))).reshape(3, 4, DIM)
    assert np.allclose(gone, gone[:1], atol=1e-4)


def test_shuffled_directions_are_those_of_the_means_they_are_given():
    assert same_span(shuffled_span(planted(), 2), concept_span(planted(), 2))
    assert shuffled_span(planted(), 2).name == "shuffled"


# --- a planted model, whose head reads concepts and another thing off known directions ---


class PlantedReader:
    """States hold a concept along three axes, another thing along two, and much else; heads read both."""

    def __init__(self, seed=0, size=3000, dim=40):
        rng = stream(seed, "planted reader")
        self.turn = turned(seed, dim)
        self.y, self.other = rng.choice(4, size=size, p=[0.4, 0.3, 0.2, 0.1]), rng.integers(3, size=size)
        corners = np.linalg.qr(np.eye(4)[:, :3] - 0.25)[0][:, :3]
        self.concept_rows, self.other_rows = 4 * corners, 4 * np.linalg.qr(np.eye(3)[:, :2] - 1 / 3)[0]
        plain = rng.normal(size=(size, dim)) * np.concatenate(
            [np.full(5, 0.3), np.geomspace(4, 0.3, dim - 5)]
        )
        plain[:, :3] += self.concept_rows[self.y]
        plain[:, 3:5] += self.other_rows[self.other]
        self.x = plain @ self.turn

    def concept(self, x):
        return self._nearest(x, slice(0, 3), self.concept_rows)

    def another(self, x):
        return self._nearest(x, slice(3, 5), self.other_rows)

    def _nearest(self, x, columns, rows):
        return np.square((x @ self.turn.T)[:, columns][:, None] - rows).sum(2).argmin(1)

    @property
    def means(self):
        return {"en": np.stack([self.x[self.y == k].mean(0) for k in range(4)])}

    @property
    def covariance(self):
        return np.cov(self.x.T, bias=True)


def right(found, y):
    return float((found == y).mean())


def test_taking_concepts_out_destroys_them_and_nothing_else_and_as_much_variance_does_nothing():
    model = PlantedReader()
    span = concept_span(model.means, 3, concepts=CONCEPTS, centre=model.x.mean(0))
    assert right(model.concept(model.x), model.y) > 0.99
    left = without(span, model.x)
    assert right(model.concept(left), model.y) < 0.45
    assert right(model.another(left), model.other) > 0.99
    for drawn in matched_spans(
        model.covariance, 3, span.taken(model.covariance), stream(0, "matched"), outside=span
    ):
        kept = without(drawn, model.x)
        assert (model.x - kept).var(0).sum() == pytest.approx((model.x - left).var(0).sum(), rel=0.01)
        assert right(model.concept(kept), model.y) > 0.98


def test_swapped_concepts_are_read_as_each_other_and_the_rest_as_before():
    model = PlantedReader()
    span = concept_span(model.means, 3, concepts=CONCEPTS)
    swapped = span.swap("noun", "verb")(torch.from_numpy(model.x)[None])[0].numpy()
    renamed = np.array([1, 0, 2, 3])[model.y]
    assert right(model.concept(swapped), renamed) > 0.98
    assert right(model.another(swapped), model.other) > 0.98
