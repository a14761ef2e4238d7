"""Planted neighbours are found, in states and in concept space."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.icl.selectors import SelectorInputs
from concept_align.icl.selectors.nearest import (
    GoldConceptSelector,
    NearestConceptSelector,
    NearestStateSelector,
    best_last,
    cosines,
    overlap,
)


@pytest.fixture
def random():
    return np.random.default_rng(5)


def inputs(states, *pools, concepts=("a", "b", "c")):
    """Of sentences whose words' states are ``states(sentence)`` [words, dim]."""
    by_language = {}
    for pool in pools:
        by_language.setdefault(pool[0].language, []).append(pool)
    word_states = lambda some: torch.cat([torch.as_tensor(states(one)).float() for one in some])  # noqa: E731
    return SelectorInputs(concepts, by_language.__getitem__, word_states, 2)


@pytest.fixture
def planted(candidates, query, sentence, random):
    """States in which candidates 31, 4 and 18 lie about the query, in this order."""
    own = random.normal(size=16)
    places = {one: random.normal(size=16) for one in candidates}
    for place, noise in ((31, 0.05), (4, 0.2), (18, 0.4)):
        places[candidates[place]] = own + noise * random.normal(size=16)
    places |= {query: own}
    others = [sentence(100 + n, (0, 1, 2), language="de") for n in range(40)]
    places |= {one: random.normal(size=16) for one in others}
    return places, [query, *others]


def repeated(places, shift=0.0, scale=1.0):
    """The same state for all words of a sentence."""
    return lambda one: np.tile(shift + scale * places[one], (len(one.words), 1))


def test_planted_neighbours_are_found_and_the_nearest_stands_last(planted, candidates, query):
    places, queries = planted
    selector = NearestStateSelector.from_inputs(inputs(repeated(places), candidates, queries))
    assert selector.select(query, candidates, 3, seed=0) == [18, 4, 31]
    assert selector.select(query, candidates, 1, seed=8) == [31]
    few = candidates[::-1]
    assert [few[place].number for place in selector.select(query, few, 3, seed=0)] == [18, 4, 31]
    assert selector.select(query, candidates, 0, seed=0) == []


def test_what_all_words_of_a_language_share_does_not_matter(planted, candidates, query):
    places, queries = planted
    shift = np.zeros(16)
    shift[0] = 1e3
    code = candidates[0].language
    moved = lambda one: repeated(places, shift if one.language == code else -shift, 2.0)(one)  # noqa: E731
    selector = NearestStateSelector.from_inputs(inputs(moved, candidates, queries))
    assert selector.select(query, candidates, 3, seed=0) == [18, 4, 31]


def test_raw_states_are_compared_as_they_are(planted, candidates, query):
    """One large dimension decides then: the candidates whose sign is the query's, whatever else they are."""
    places, queries = planted
    shifts = {one: np.eye(16)[0] * (1e3 if one.number % 2 == 0 else -1e3) for one in candidates}
    moved = lambda one: repeated(places, shifts.get(one, np.eye(16)[0] * 1e3))(one)  # noqa: E731
    given = inputs(moved, candidates, queries)
    chosen = NearestStateSelector.from_variant(given, "raw").select(query, candidates, 20, seed=0)
    assert all(place % 2 == 0 for place in chosen)
    assert NearestStateSelector.from_variant(given, "language").states.standard == "language"
    with pytest.raises(UsageError, match="'rawer' is not"):
        NearestStateSelector.from_variant(given, "rawer")


def test_states_are_read_once_for_each_language(planted, candidates, query):
    places, queries = planted
    read = []
    states = lambda one: read.append(one) or repeated(places)(one)  # noqa: E731
    selector = NearestStateSelector.from_inputs(inputs(states, candidates, queries))
    for asked in queries[:3]:
        selector.select(asked, candidates, 2, seed=0)
    assert len(read) == len(set(read)) == len(candidates) + len(queries)


def test_the_query_itself_is_never_its_own_neighbour(candidates, planted):
    places, queries = planted
    selector = NearestStateSelector.from_inputs(inputs(repeated(places), candidates, queries))
    assert 12 not in selector.select(candidates[12], candidates, 39, seed=0)


def test_equals_go_by_place_and_the_earlier_is_the_nearer():
    assert best_last(np.ones(40), range(40), 4) == [3, 2, 1, 0]
    assert best_last(np.array([0.1, 0.9, 0.5]), [7, 8, 9], 2) == [9, 8]
    assert cosines(np.zeros(3), np.ones((2, 3))).tolist() == [0, 0]


def test_sentences_of_the_same_concepts_are_near_in_concept_space(sentence):
    """Whatever the language's own place, concepts lie the same way from each other."""
    corners = np.eye(3) * 4
    labels = [(0, 0, 1), (1, 1, 2), (2, 2, 0), (0, 0, 2), (1, 1, 0), (0, 1, 2)]
    english = [sentence(n, some) for n, some in enumerate(labels)]
    german = [sentence(n, some, language="de") for n, some in enumerate(labels)]
    states = lambda one: corners[[item.label for item in one.items]] + 9 * (one.language == "de")  # noqa: E731
    selector = NearestConceptSelector.from_inputs(inputs(states, english, german))
    for place, query in enumerate(german):
        assert selector.select(query, english, 1, seed=0) == [place]


def test_candidates_go_by_gold_shares_and_queries_by_what_the_aligner_says(sentence):
    """States say nothing here; an aligner that is wrong of a query misleads, and an oracle is not misled."""
    english = [sentence(n, some) for n, some in enumerate([(0, 0), (1, 1), (2, 2)])]
    german = [sentence(n, some, language="de") for n, some in enumerate([(0, 0), (1, 1)])]

    def classify(some):
        """Every word is the next concept; of the first sentence's first word nothing is known."""
        codes = torch.tensor([(item.label + 1) % 3 for one in some for item in one.items])
        scores = torch.nn.functional.one_hot(codes, 3).float().log()
        scores[0] = torch.nan
        return scores

    blank = inputs(lambda one: np.ones((len(one.words), 2)), english, german)
    given = replace(blank, classify=classify, aligner={"config.json": "x"})
    selector = NearestConceptSelector.from_inputs(given)
    assert selector.made_from == {"candidates": "gold shares", "aligner": {"config.json": "x"}}
    assert [selector.select(query, english, 1, seed=0) for query in german] == [[1], [2]]
    oracle = GoldConceptSelector.from_inputs(blank)
    assert [oracle.select(query, english, 1, seed=0) for query in german] == [[0], [1]]


def test_diversity_takes_off_what_is_shown_already_and_stays_nested():
    similarity = np.array([1.0, 0.95, 0.5, 0.2])
    alike = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], float)
    chosen = [best_last(similarity, range(4), k, alike.__getitem__, 0.6) for k in range(5)]
    assert chosen[2] == [2, 0]  # not 1, which is as 0
    assert all(few == more[len(more) - len(few) :] for few, more in pairwise(chosen))
    assert sorted(chosen[4]) == [0, 1, 2, 3]
    assert best_last(similarity, range(4), 2, alike.__getitem__, 0.0) == best_last(similarity, range(4), 2)


def test_a_lacking_rare_concept_is_felt_more_than_by_euclid():
    own, shares = np.array([0.6, 0.36, 0.04]), np.array([[0.64, 0.36, 0.0], [0.54, 0.41, 0.05]])
    assert overlap(own, shares).argmax() == 1
    assert np.square(shares - own).sum(1).argmin() == 0
    assert overlap(own, own[None])[0] == pytest.approx(1, abs=1e-12)


def test_what_has_no_states_and_what_is_too_much_is_told(planted, candidates, query, sentence):
    places, queries = planted
    selector = NearestStateSelector.from_inputs(inputs(repeated(places), candidates, queries))
    with pytest.raises(UsageError, match=r"sentence 77 .from 0. has no states"):
        selector.select(query, [*candidates, sentence(77, (0,))], 1, seed=0)
    with pytest.raises(UsageError, match="none was given"):
        selector.select(None, candidates, 1, seed=0)
    with pytest.raises(UsageError, match="50 demonstrations are asked for, and there are 40"):
        selector.select(query, candidates, 50, seed=0)
