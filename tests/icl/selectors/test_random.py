from collections import Counter

import pytest

from concept_align.errors import UsageError
from concept_align.icl.selectors.simple import RandomSelector


def test_same_seed_and_query_choose_the_same_whatever_was_asked_before(candidates, query, sentence):
    other = sentence(8, (1,), language="de")
    first = RandomSelector(per_query=True).select(query, candidates, 5, seed=3)
    RandomSelector(per_query=True).select(other, candidates, 5, seed=3)
    assert RandomSelector(per_query=True).select(query, candidates, 5, seed=3) == first
    assert RandomSelector(per_query=True).select(other, candidates, 5, seed=3) != first
    assert RandomSelector(per_query=True).select(query, candidates, 5, seed=4) != first


def test_larger_sets_hold_the_smaller(candidates, query):
    ten = RandomSelector(per_query=True).select(query, candidates, 10, seed=0)
    assert RandomSelector(per_query=True).select(query, candidates, 4, seed=0) == ten[:4]
    assert len(set(ten)) == 10


def test_one_set_for_all_queries_needs_no_query(candidates, query):
    shared = RandomSelector()
    assert shared.looks_at == "nothing"
    assert RandomSelector(per_query=True).looks_at == "query"
    assert shared.select(None, candidates, 5, seed=1) == shared.select(query, candidates, 5, seed=1)
    with pytest.raises(UsageError, match="none was given"):
        RandomSelector(per_query=True).select(None, candidates, 5, seed=1)


def test_every_candidate_is_drawn_about_as_often(candidates, query):
    drawn = Counter(
        p
        for seed in range(400)
        for p in RandomSelector(per_query=True).select(query, candidates, 4, seed=seed)
    )
    assert len(drawn) == len(candidates)
    assert min(drawn.values()) > 15 and max(drawn.values()) < 75  # 40 expected


def test_a_sentence_of_the_querys_own_words_is_never_chosen(candidates, query):
    assert sorted(RandomSelector(per_query=True).select(candidates[6], candidates, 39, seed=0)) == [
        place for place in range(40) if place != 6
    ]
    with pytest.raises(UsageError, match="40 demonstrations are asked for, and there are 39"):
        RandomSelector(per_query=True).select(candidates[6], candidates, 40, seed=0)


def test_more_than_there_are_and_fewer_than_none_are_refused(candidates, query):
    assert RandomSelector(per_query=True).select(query, candidates, 0, seed=0) == []
    with pytest.raises(UsageError, match="41 demonstrations are asked for, and there are 40"):
        RandomSelector(per_query=True).select(query, candidates, 41, seed=0)
    with pytest.raises(UsageError, match="-1 demonstrations"):
        RandomSelector(per_query=True).select(query, candidates, -1, seed=0)
