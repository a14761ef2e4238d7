import numpy as np
import pytest

from concept_align.correspondence.analyses.overlay import configurations, overlay, procrustes
from concept_align.errors import UsageError


@pytest.fixture
def copies(random, turned):
    """One space in the axes, the size and the place of four languages [1, langs, concepts, dim]."""
    base = np.broadcast_to(random.normal(size=(7, 10)), (4, 7, 10))
    size = np.array([1.0, 2.0, 0.5, 3.0])[:, None, None]
    return (turned(base, random) * size + random.normal(size=(4, 1, 10)))[None]


def test_rotated_scaled_and_shifted_copies_coincide(copies, spaces):
    found = overlay(spaces(copies), "0", permutations=19)
    places = found.points.pivot(index="concept", columns="language", values=["x", "y"])
    for axis in ("x", "y"):
        assert np.allclose(places[axis], places[axis][["af"]].to_numpy(), atol=1e-8)
    assert np.allclose(found.points["shift"], 0, atol=1e-8)
    assert found.agreement == pytest.approx(1)
    assert found.p == 1 / 20
    assert found.null_mean < 0.95
    assert found.shown_points == pytest.approx(sum(found.shown))
    assert np.allclose(found.consensus[["x", "y"]].mean(), 0)
    assert found.places()[2, 4] == pytest.approx(
        found.points.set_index(["language", "concept"]).loc[("bg", "C4"), ["x", "y"]].to_numpy(float)
    )


def test_a_planted_shift_stays(copies, spaces):
    moved = copies.copy()
    centre = copies[0, 2].mean(axis=0)
    moved[0, 2, 4] = centre - 1.5 * (copies[0, 2, 4] - centre)
    points = overlay(spaces(moved), "0", dims=None, permutations=0).points
    shift = points.set_index(["language", "concept"])["shift"]
    assert shift.idxmax() == ("bg", "C4")
    assert shift["bg", "C4"] > 1.3 * shift["bg"].drop("C4").max()


def test_unrelated_spaces_agree_no_more_than_chance(random, spaces):
    p = [overlay(spaces(random.normal(size=(1, 3, 6, 8))), "0", permutations=19, seed=i).p for i in range(30)]
    assert np.mean(np.array(p) <= 0.1) <= 0.3
    assert 0.25 <= np.mean(np.array(p) <= 0.5) <= 0.75


def test_points_have_the_inner_products_they_were_made_from(random):
    points = random.normal(size=(6, 3))
    centred = points - points.mean(axis=0)
    made = configurations(points @ points.T, scale=False)
    assert np.allclose(made @ made.T, centred @ centred.T)


def test_fewer_dimensions_leave_turning_less_freedom(random, spaces):
    unrelated = spaces(random.normal(size=(1, 3, 7, 8)))
    free, bound = (overlay(unrelated, "0", dims=dims, permutations=49) for dims in (None, 2))
    assert bound.null_mean < free.null_mean
    assert bound.kept < free.kept == pytest.approx(1)
    assert sum(bound.shown) == pytest.approx(1)


def test_turning_leaves_distances_as_they_are(random):
    places = random.normal(size=(2, 3, 6, 5))
    turned, mean = procrustes(places)
    assert np.allclose(turned @ np.swapaxes(turned, -1, -2), places @ np.swapaxes(places, -1, -2))
    assert np.allclose(mean, turned.mean(axis=1))


def test_concepts_that_some_language_lacks_are_left_out(copies, spaces):
    counts = np.full((4, 7), 50)
    counts[1, 2], counts[3, 5] = 0, 3
    found = overlay(spaces(copies, counts), "0", permutations=0)
    assert found.left_out == ("C2", "C5")
    assert set(found.points["concept"]) == {"C0", "C1", "C3", "C4", "C6"}
    assert overlay(spaces(copies, counts), "0", langs=["af", "bg"], permutations=0).left_out == ()
    with pytest.raises(UsageError, match="share 0 concepts"):
        overlay(spaces(copies, counts), "0", min_count=60)
    with pytest.raises(UsageError, match="two languages"):
        overlay(spaces(copies), "0", langs=["af"])
