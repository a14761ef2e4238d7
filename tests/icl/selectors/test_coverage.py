from itertools import combinations

import numpy as np
import pytest

from concept_align.errors import UsageError
from concept_align.icl.selectors.simple import CoverageSelector


def shown(candidates, places):
    return {item.label for place in places for item in candidates[place].items}


def fewest(candidates):
    every = shown(candidates, range(len(candidates)))
    return next(
        size
        for size in range(len(candidates) + 1)
        if any(shown(candidates, some) == every for some in combinations(range(len(candidates)), size))
    )


def cover_of(candidates):
    """The least k at which everything is shown."""
    every = shown(candidates, range(len(candidates)))
    return next(
        k
        for k in range(1, len(candidates) + 1)
        if shown(candidates, CoverageSelector().select(None, candidates, k, seed=0)) == every
    )


def test_two_sentences_cover_though_a_third_that_shows_most_was_chosen_first(sentence):
    candidates = [sentence(0, (1, 2, 3, 4)), sentence(1, (1, 2, 5)), sentence(2, (3, 4, 6))]
    assert CoverageSelector().select(None, candidates, 1, seed=0) == [0]
    assert sorted(CoverageSelector().select(None, candidates, 2, seed=0)) == [1, 2]
    assert cover_of(candidates) == fewest(candidates) == 2
    assert sorted(CoverageSelector().select(None, candidates, 3, seed=0)) == [0, 1, 2]


def test_a_sentence_that_others_made_superfluous_waits_for_the_second_round(sentence):
    shows = [(1, 2, 3, 4), (1, 2, 5), (3, 4, 6), (1, 2, 3, 4, 5, 6)]
    candidates = [sentence(n, labels) for n, labels in enumerate(shows)]
    assert CoverageSelector().select(None, candidates, 1, seed=0) == [3]
    # Then a cover of the rest: 1 and 2 suffice.
    assert set(CoverageSelector().select(None, candidates, 3, seed=0)) == {1, 2, 3}


@pytest.mark.parametrize("seed", range(20))
def test_small_covers_are_near_the_fewest_and_never_beyond_the_bound(sentence, seed):
    random = np.random.default_rng(seed)
    candidates = [
        sentence(n, tuple(sorted(random.choice(8, size=random.integers(1, 5), replace=False))), length=9)
        for n in range(9)
    ]
    richest = max(len(one.items) for one in candidates)
    bound = sum(1 / n for n in range(1, richest + 1)) * fewest(candidates)
    assert fewest(candidates) <= cover_of(candidates) <= bound


def test_of_equals_the_shorter_then_the_earlier_is_chosen_and_the_richest_stands_last(sentence):
    candidates = [
        sentence(0, (0, 1), length=9), sentence(1, (0, 1), length=5), sentence(2, (0, 1), length=5),
        sentence(3, (2,), length=3),
    ]  # fmt: skip
    assert CoverageSelector().select(None, candidates, 2, seed=0) == [3, 1]
    assert CoverageSelector().select(None, candidates, 3, seed=5) == [2, 3, 1]


def test_sentences_that_show_nothing_come_when_nothing_else_is_left(sentence):
    candidates = [sentence(0, (), length=3), sentence(1, (0,), length=8)]
    assert CoverageSelector().select(None, candidates, 2, seed=0) == [0, 1]
    with pytest.raises(UsageError, match="3 demonstrations are asked for, and there are 2"):
        CoverageSelector().select(None, candidates, 3, seed=0)


def test_every_round_shows_every_concept_again(sentence):
    random = np.random.default_rng(0)
    candidates = [sentence(n, tuple(random.integers(0, 17, size=10))) for n in range(300)]
    order = CoverageSelector().select(None, candidates, 40, seed=0)[::-1]
    assert len(set(order)) == 40
    half = next(k for k in range(41) if shown(candidates, order[:k]) == set(range(17)))
    assert half <= 5
    assert shown(candidates, order[half : 3 * half]) == set(range(17))
