import pandas as pd
import pytest

from concept_align.errors import UsageError
from concept_align.icl.selectors.simple import AlignabilitySelector, FixedSelector, RandomSelector, table_of

TABLE = {("en", "de"): 0.7, ("de", "fr"): 0.9, ("tr", "de"): 0.2, ("en", "fr"): 0.1}


@pytest.fixture
def many(sentence):
    return [sentence(n, (0, 1, 2), language=code) for n in range(10) for code in ("en", "fr", "tr", "de")]


def test_the_most_alignable_language_is_chosen_whichever_way_round_it_stands(many, query):
    chosen = AlignabilitySelector(TABLE).select(query, many, 4, seed=0)
    assert {many[place].language for place in chosen} == {"fr"}
    assert AlignabilitySelector({}).ranked("de", ["fr"]) == []
    assert AlignabilitySelector(TABLE).ranked("de", ["tr", "en", "fr", "de", "zz"]) == ["fr", "en", "tr"]


def test_several_languages_share_and_the_best_stands_last(many, query):
    chosen = AlignabilitySelector(TABLE, languages=2).select(query, many, 5, seed=0)
    assert [many[place].language for place in chosen] == ["en", "en", "fr", "fr", "fr"]


def test_the_inner_selector_chooses_within_the_language(many, query):
    within = [one for one in many if one.language == "fr"]
    expected = [within[place] for place in RandomSelector().select(query, within, 3, seed=4)]
    chosen = AlignabilitySelector(TABLE).select(query, many, 3, seed=4)
    assert [many[place] for place in chosen] == expected


def test_what_it_looks_at_is_what_the_inner_one_looks_at_and_the_language():
    assert AlignabilitySelector(TABLE, inner=RandomSelector(per_query=True)).looks_at == "query"
    assert (
        AlignabilitySelector(TABLE).looks_at
        == AlignabilitySelector(TABLE, inner=FixedSelector()).looks_at
        == "language"
    )
    assert (
        AlignabilitySelector(TABLE).seeded,
        AlignabilitySelector(TABLE, inner=FixedSelector()).seeded,
    ) == (True, False)


def test_too_few_known_languages_and_too_few_sentences_are_told(many, query):
    with pytest.raises(UsageError, match=r"4 languages are to be chosen, and 3 .*de, en, fr, tr"):
        AlignabilitySelector(TABLE, languages=4).select(query, many, 4, seed=0)
    with pytest.raises(UsageError, match="11 demonstrations are asked for, and there are 10"):
        AlignabilitySelector(TABLE).select(query, many, 11, seed=0)
    with pytest.raises(UsageError, match="0 languages"):
        AlignabilitySelector(TABLE, languages=0)


def test_the_tidy_table_becomes_a_table_of_pairs():
    about = {"model": "m", "revision": "r", "task": "upos", "space": "raw", "against": "", "layer": "3"}
    rows = [
        about | {"measure": "rsa", "source": "en", "target": "de", "value": 0.5},
        about | {"measure": "rsa", "source": "de", "target": "en", "value": 0.7},
        about | {"measure": "rsa", "source": "en", "target": "fr", "value": float("nan")},
        about | {"measure": "cka", "source": "en", "target": "de", "value": 0.1},
    ]
    table = table_of(pd.DataFrame(rows), measure="rsa", layer="3")
    assert table == {("en", "de"): pytest.approx(0.6), ("de", "en"): pytest.approx(0.6)}
