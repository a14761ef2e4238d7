"""The order of languages, and the tree above it."""

import numpy as np
import pytest

from concept_align.report.score_matrix import ScoreMatrix, distances, language_tree

BLOCKS = ("a1", "b1", "a2", "b2", "a3", "b3")


def blocks(noise=0.0, seed=0):
    """Two groups that are alike within, their languages mixed."""
    group = np.array([name[0] == "a" for name in BLOCKS])
    values = np.where(group[:, None] == group[None], 0.8, 0.1)
    values = values + noise * np.random.default_rng(seed).normal(size=values.shape)
    values = (values + values.T) / 2
    np.fill_diagonal(values, np.nan)
    return ScoreMatrix(BLOCKS, values, np.full(values.shape, 0.01))


def test_languages_that_are_alike_stand_side_by_side():
    made = language_tree(blocks(noise=0.05))
    groups = "".join(BLOCKS[at][0] for at in made.order)
    assert groups in ("aaabbb", "bbbaaa")


def test_the_tree_does_not_depend_on_the_order_of_languages():
    grid = blocks(noise=0.1)
    turned = grid.ordered(np.random.default_rng(1).permutation(len(BLOCKS)).tolist())
    heights = language_tree(grid).linkage[:, 2]
    assert language_tree(turned).linkage[:, 2] == pytest.approx(heights)


def test_a_language_without_values_is_last_and_not_in_the_tree():
    grid = blocks()
    grid.values[2], grid.values[:, 2] = np.nan, np.nan
    made = language_tree(grid)
    assert made.order[-1] == 2 and 2 not in made.leaves
    assert sorted(made.order) == list(range(6))
    assert len(made.links()) == 4
    assert all(2 not in link.members for link in made.links())


def test_a_pair_that_was_not_compared_takes_the_middle_of_its_languages():
    grid = blocks()
    grid.values[0, 1] = grid.values[1, 0] = np.nan
    _, apart = distances(grid)
    of = [(2 * 0.2 + 2 * 0.9) / 4] * 2  # both have two near and two far languages left
    assert apart[0, 1] == pytest.approx(sum(of) / 2)
    assert np.isfinite(apart).all()


def test_both_directions_of_a_score_count_alike():
    grid = blocks()
    grid.values[0, 2], grid.values[2, 0] = 0.9, 0.7
    assert distances(grid)[1][0, 2] == pytest.approx(0.2)


def test_links_join_neighbours_below_their_height():
    made = language_tree(blocks(noise=0.1))
    for link in made.links():
        assert link.heights.max() == link.heights[1] == link.heights[2]
        places = sorted(made.order.index(at) for at in link.members)
        assert places == list(range(places[0], places[-1] + 1))
        assert places[0] <= link.places.min() <= link.places.max() <= places[-1]
    assert sorted(made.links()[-1].members) == list(range(6))


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_languages_have_an_order_and_no_tree(count):
    made = language_tree(
        ScoreMatrix(BLOCKS[:count], np.full((count, count), np.nan), np.ones((count, count)))
    )
    assert made.order == tuple(range(count)) and made.links() == []
