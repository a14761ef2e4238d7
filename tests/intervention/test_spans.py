"""Directions of concepts hold what tells concepts apart and nothing else, and turn with the states."""

import numpy as np
import pytest
import torch
from planted_spans import CONCEPTS, DIM, planted, same_span, turned, without, words
from sklearn.linear_model import LogisticRegression

from concept_align.errors import UsageError
from concept_align.intervention.spans import (
    Span,
    concept_span,
    leace_span,
    one_concept_span,
    pair_span,
    probe_span,
)
from concept_align.seeding import stream


def test_the_span_is_that_of_the_planted_axes_whatever_languages_add():
    span = concept_span(planted(), 3, concepts=CONCEPTS, layer=4)
    assert same_span(span, Span("", 4, np.eye(DIM)[:, :3], np.eye(DIM)[:3], np.zeros(DIM)))
    assert (span.rank, span.dim, span.layer, span.name) == (3, DIM, 4, "concepts")
    with pytest.raises(UsageError, match="1 to 3 directions"):
        concept_span(planted(), 4)


def test_means_that_are_not_centred_tell_languages_apart_too():
    span = concept_span(planted(), 5, centred=False)
    languages = np.eye(DIM)[:, 3:6]
    assert np.square(span.write @ languages).sum() > 1.9  # three languages differ in two directions
    assert np.square(concept_span(planted(), 3).write @ languages).sum() < 1e-9


def test_a_language_without_a_concept_counts_with_those_it_has():
    means = planted()
    full = concept_span(means, 3, concepts=CONCEPTS)
    means["fr"] = means["fr"].copy()
    means["fr"][3] = np.nan
    assert same_span(concept_span(means, 3), full)
    means["fr"][:] = np.nan
    with pytest.raises(UsageError, match="no concept of fr"):
        concept_span(means, 3)
    with pytest.raises(UsageError, match="no language"):
        concept_span({}, 3)


@pytest.mark.parametrize("make", ["concepts", "pair", "one", "probe", "leace"])
def test_spans_turn_with_the_states(make):
    turn, means = turned(7), planted(noise=0.3)
    x, _, covariance, cross = words()
    weights = stream(1, "weights").normal(size=(4, DIM))

    def span(t):
        moved = {name: rows @ t for name, rows in means.items()}
        made = {
            "concepts": lambda: concept_span(moved, 3, concepts=CONCEPTS),
            "pair": lambda: pair_span(moved, CONCEPTS, "noun", "verb"),
            "one": lambda: one_concept_span(moved, CONCEPTS, "verb"),
            "probe": lambda: probe_span(weights @ t, centre=x.mean(0) @ t),
            "leace": lambda: leace_span(t.T @ covariance @ t, t.T @ cross, centre=x.mean(0) @ t),
        }
        return made[make]()

    plain, other = span(np.eye(DIM)), span(turn)
    assert np.allclose(without(plain, x) @ turn, without(other, x @ turn), atol=1e-4)
    assert plain.taken(covariance) == pytest.approx(other.taken(turn.T @ covariance @ turn))


def test_what_is_taken_is_the_variance_that_removal_takes_away():
    x, _, covariance, cross = words()
    for span in (
        concept_span(planted(noise=0.3), 3, centre=x.mean(0)),
        leace_span(covariance, cross, centre=x.mean(0)),
        probe_span(stream(1, "weights").normal(size=(4, DIM)), centre=x.mean(0)),
    ):
        left = without(span, x)
        assert span.taken(covariance) == pytest.approx((x - left).var(0).sum(), rel=1e-4)
        assert span.taken(covariance) == pytest.approx(x.var(0).sum() - left.var(0).sum(), rel=1e-4)
        assert np.allclose(left.mean(0), x.mean(0), atol=1e-4)  # the mean state stays where it is
        assert np.allclose(without(span, left), left, atol=1e-4)


def test_nothing_linear_is_better_than_the_majority_after_leace():
    x, y, covariance, cross = words()
    span = leace_span(covariance, cross, centre=x.mean(0))
    left = without(span, x)
    assert span.rank == 3
    crossed = (left - left.mean(0)).T @ (np.eye(4)[y] - np.eye(4)[y].mean(0)) / len(y)
    assert np.abs(crossed).max() < 1e-5
    scaled = (left - left.mean(0)) / left.std(0)
    probe = LogisticRegression(max_iter=500, C=1e6).fit(scaled, y)
    assert LogisticRegression(max_iter=500, C=1e6).fit(x, y).score(x, y) > 0.7
    assert probe.score(scaled, y) == pytest.approx((y == 0).mean(), abs=0.005)


def test_leace_changes_states_least_of_all_that_erase_as_much():
    x, _, covariance, cross = words()
    leace = leace_span(covariance, cross, centre=x.mean(0))
    orthogonal = probe_span(cross.T, centre=x.mean(0))  # the columns of the cross-covariance themselves
    assert np.abs(orthogonal.read.T @ orthogonal.write.T @ np.eye(3) - np.eye(3)).max() < 1e-9
    assert np.square(x - without(leace, x)).sum() < 0.9 * np.square(x - without(orthogonal, x)).sum()
    rough = leace_span(np.eye(DIM), cross, centre=x.mean(0))  # of another covariance: still erases
    assert same_span(rough, orthogonal)


def test_states_without_variance_in_some_dimensions_are_no_obstacle():
    x, y, _, _ = words()
    x = np.concatenate([x, x[:, :2], np.zeros((len(x), 1))], axis=1)
    about, z = x - x.mean(0), np.eye(4)[y]
    span = leace_span(about.T @ about / len(x), about.T @ (z - z.mean(0)) / len(x), centre=x.mean(0))
    left = without(span, x)
    assert np.abs((left - left.mean(0)).T @ (z - z.mean(0)) / len(x)).max() < 1e-4


def test_swapping_takes_each_concept_to_the_other_and_back():
    means = planted()
    span = concept_span(means, 3, concepts=CONCEPTS)
    shared = span.centre + span.points @ span.write
    swap = span.swap("noun", "verb")
    states = torch.from_numpy(np.concatenate([shared, words(50)[0]])[None]).float()
    moved = swap(states)
    assert torch.allclose(moved[0, 0], states[0, 1], atol=1e-4)
    assert torch.allclose(moved[0, 1], states[0, 0], atol=1e-4)
    assert torch.allclose(swap(moved), states, atol=1e-4)
    difference = (shared[1] - shared[0]) / np.linalg.norm(shared[1] - shared[0])
    across = torch.from_numpy(np.eye(DIM) - np.outer(difference, difference)).float()
    assert torch.allclose((moved - states) @ across, torch.zeros_like(states), atol=1e-4)


def test_putting_and_steering_reach_the_means_they_name():
    span = concept_span(planted(), 3, concepts=CONCEPTS)
    states = torch.from_numpy(words(50)[0][None]).float()
    put = (span.put("verb")(states)[0].double().numpy() - span.centre) @ span.read
    assert np.allclose(put, span.points[1], atol=1e-4)
    steered = span.steer("noun", "verb", 0.5)(states) - states
    half = 0.5 * (span.points[1] - span.points[0]) @ span.write
    assert np.allclose(steered[0].numpy(), half, atol=1e-4)
    with pytest.raises(UsageError, match="no concept vreb"):
        span.put("vreb")


def test_a_pair_is_one_direction_and_a_concept_another():
    means = planted()
    pair = pair_span(means, CONCEPTS, "noun", "verb")
    difference = means["en"][1] - means["en"][0]
    assert np.allclose(pair.read[:, 0], difference / np.linalg.norm(difference))
    assert np.allclose(np.diff(pair.points[:2, 0]), np.linalg.norm(difference))
    one = one_concept_span(means, CONCEPTS, "verb")
    rest = means["en"][1] - means["en"][[0, 2, 3]].mean(0)
    assert np.allclose(one.read[:, 0], rest / np.linalg.norm(rest)) and one.rank == 1
    with pytest.raises(UsageError, match="no concept noune"):
        pair_span(means, CONCEPTS, "noune", "verb")
    nowhere = {"en": np.where(np.arange(4)[:, None] == 1, np.nan, means["en"])}
    with pytest.raises(UsageError, match="no language has words of noun and verb"):
        pair_span(nowhere, CONCEPTS, "noun", "verb")


def test_a_probe_looks_nowhere_else():
    x, *_ = words()
    weights = stream(2, "weights").normal(size=(4, DIM))
    span = probe_span(weights, centre=x.mean(0))
    scores = without(span, x) @ weights.T
    assert span.rank == 3
    apart = scores - scores.mean(1, keepdims=True)
    assert np.allclose(apart, apart[:1], atol=1e-3)  # no decision depends on the word any more


def test_points_are_those_of_any_span_that_is_told_the_means():
    means = planted()
    x, _, covariance, cross = words()
    leace = leace_span(covariance, cross, centre=np.zeros(DIM)).knowing(means, CONCEPTS)
    mean = np.mean(list(means.values()), axis=0)
    assert np.allclose(leace.points, mean @ leace.read)
    moved = leace.put("verb")(torch.from_numpy(x)[None])[0].double().numpy()
    assert np.allclose(moved @ leace.read, leace.points[1], atol=1e-3)
    with pytest.raises(UsageError, match="2 names for 4 concepts"):
        leace.knowing(means, CONCEPTS[:2])


def test_overlap_is_one_of_a_part_and_none_at_right_angles():
    axes = np.eye(DIM)
    whole, part, other = (
        Span("", 0, axes[:, chosen], axes[chosen], np.zeros(DIM)) for chosen in ([0, 1, 2], [1], [4, 5])
    )
    assert whole.overlap(part) == pytest.approx(1) and whole.overlap(other) == pytest.approx(0)
    with pytest.raises(UsageError, match="do not read what they write"):
        Span("odd", 0, axes[:, :2], 2 * axes[:2], np.zeros(DIM))
