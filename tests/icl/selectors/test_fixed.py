import pytest

from concept_align.errors import UsageError
from concept_align.icl.selectors.simple import FixedSelector


def test_the_first_of_middling_length_are_the_same_for_all_queries_and_seeds(candidates, query):
    fixed = FixedSelector(shortest=6, longest=8)
    chosen = fixed.select(None, candidates, 4, seed=0)
    assert chosen == [3, 4, 5, 13]  # lengths are 3 + n % 10
    assert fixed.select(query, candidates, 4, seed=9) == chosen


def test_sentences_without_questions_are_passed_over(candidates, sentence):
    candidates[3] = sentence(3, (), length=6)
    assert FixedSelector(shortest=6, longest=8).select(None, candidates, 2, seed=0) == [4, 5]


def test_too_few_of_that_length_are_told(candidates):
    with pytest.raises(UsageError, match=r"there are 8 .of 11 to 30 words"):
        FixedSelector(shortest=11, longest=30).select(None, candidates, 9, seed=0)
    with pytest.raises(UsageError, match="no sentence has 9 to 8 words"):
        FixedSelector(shortest=9, longest=8)
