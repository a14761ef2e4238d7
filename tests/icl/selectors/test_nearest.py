import numpy as np
import pytest

from concept_align.errors import LearningError, UsageError
from concept_align.icl.selectors.nearest_concept import NearestConcept
from concept_align.icl.selectors.nearest_state import NearestState
from concept_align.icl.selectors.vectors import SentenceVectors


def vectors(sentences, rows):
    return SentenceVectors(
        np.asarray(rows, dtype=np.float32), {(s.treebank, s.number): n for n, s in enumerate(sentences)}
    )


@pytest.fixture
def random():
    return np.random.default_rng(5)


@pytest.fixture
def planted(candidates, query, random):
    """Vectors in which candidates 31, 4 and 18 lie about the query, in this order."""
    own = random.normal(size=16)
    rows = random.normal(size=(40, 16))
    for place, noise in ((31, 0.05), (4, 0.2), (18, 0.4)):
        rows[place] = own + noise * random.normal(size=16)
    return vectors([query], [own]), vectors(candidates, rows)


def test_planted_neighbours_are_found_and_the_nearest_stands_last(planted, candidates, query):
    for selector in (NearestState(*planted), NearestConcept(*planted, by="points")):
        assert selector.select(query, candidates, 3, seed=0) == [18, 4, 31]
        assert selector.select(query, candidates, 1, seed=8) == [31]


def test_length_of_a_state_does_not_matter_its_direction_does(planted, candidates, query):
    queries, others = planted
    scaled = SentenceVectors(
        others.vectors * np.linspace(0.1, 10, 40)[:, None].astype(np.float32), others.rows
    )
    assert NearestState(queries, scaled).select(query, candidates, 3, seed=0) == [18, 4, 31]


def test_the_choice_does_not_depend_on_other_queries_or_candidates_of_no_interest(
    planted, candidates, query, sentence, random
):
    queries, others = planted
    more = [sentence(n, (0,), language="fr") for n in range(5)]
    many = queries.merged(vectors(more, random.normal(size=(5, 16))))
    wide = others.merged(vectors(more, random.normal(size=(5, 16))))
    assert NearestState(many, wide).select(query, candidates, 3, seed=0) == [18, 4, 31]
    few = candidates[::-1]
    chosen = NearestState(queries, others).select(query, few, 3, seed=0)
    assert [few[place].number for place in chosen] == [18, 4, 31]


def test_equals_go_by_place_and_the_earlier_is_the_nearer(candidates, query):
    ones = np.ones((40, 3))
    same = NearestState(vectors([query], ones[:1]), vectors(candidates, ones))
    assert same.select(query, candidates, 4, seed=0) == [3, 2, 1, 0]


def test_a_large_common_part_hides_the_neighbour_until_it_is_taken_away(planted, candidates, query):
    queries, others = planted
    common = np.zeros(16, dtype=np.float32)
    common[0] = 1e3
    moved = SentenceVectors(queries.vectors + common, queries.rows).less(common)
    shifted = SentenceVectors(others.vectors + common, others.rows).less(common)
    assert NearestState(moved, shifted).select(query, candidates, 3, seed=0) == [18, 4, 31]


def test_sentences_of_the_same_concepts_are_near_in_concept_space(candidates, query, random):
    shares = random.dirichlet(np.full(6, 0.3), size=40)
    own = np.array([0.5, 0.3, 0.2, 0, 0, 0])
    shares[9], shares[23] = [0.48, 0.32, 0.2, 0, 0, 0], [0.4, 0.3, 0.2, 0.1, 0, 0]
    selector = NearestConcept(vectors([query], [own]), vectors(candidates, shares))
    assert selector.select(query, candidates, 2, seed=0) == [23, 9]


def test_hellinger_feels_a_lacking_rare_concept_more_than_euclid(sentence, query):
    pair = [sentence(0, (0,)), sentence(1, (0,))]
    own, shares = [0.6, 0.36, 0.04], [[0.64, 0.36, 0.0], [0.54, 0.41, 0.05]]
    parts = vectors([query], [own]), vectors(pair, shares)
    assert NearestConcept(*parts).select(query, pair, 1, seed=0) == [1]
    assert NearestConcept(*parts, by="points").select(query, pair, 1, seed=0) == [0]


def test_the_query_itself_is_never_its_own_neighbour(candidates, random):
    rows = vectors(candidates, random.normal(size=(40, 4)))
    for selector in (NearestState(rows, rows), NearestConcept(rows, rows, by="points")):
        assert 12 not in selector.select(candidates[12], candidates, 39, seed=0)


def test_what_has_no_vector_or_is_no_share_is_told(planted, candidates, query, sentence):
    queries, others = planted
    with pytest.raises(UsageError, match="1 of 41 sentences have no vector, first sentence number 77"):
        NearestState(queries, others).select(query, [*candidates, sentence(77, (0,))], 1, seed=0)
    with pytest.raises(UsageError, match="none was given"):
        NearestState(queries, others).select(None, candidates, 1, seed=0)
    with pytest.raises(UsageError, match="50 demonstrations are asked for, and there are 40"):
        NearestState(queries, others).select(query, candidates, 50, seed=0)
    with pytest.raises(LearningError, match="no shares"):
        NearestConcept(queries, others)
    with pytest.raises(UsageError, match="unknown by='states'"):
        NearestConcept(queries, others, by="states")
    with pytest.raises(LearningError, match="not finite"):
        vectors([query], [[np.nan, 1.0]])
    with pytest.raises(LearningError, match="stands in both"):
        others.merged(others)
