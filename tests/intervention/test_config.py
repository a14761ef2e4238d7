import pytest

from concept_align.errors import UsageError
from concept_align.intervention.config import InterveneConfig, Intervention

CONCEPTS = ("NOUN", "VERB", "ADJ", "a-b", "c")


@pytest.mark.parametrize(
    "text", ["remove", "remove:NOUN", "pair:NOUN-VERB", "swap:VERB-ADJ", "steer:NOUN-VERB:-2"]
)
def test_an_intervention_is_called_as_it_is_asked_for(text):
    (one,) = Intervention.parse(text, CONCEPTS)
    assert one.name == text


def test_concepts_may_have_a_hyphen_in_their_name():
    (one,) = Intervention.parse("swap:a-b-c", CONCEPTS)
    assert one.concepts == ("a-b", "c")


def test_each_concept_by_itself_and_none_twice():
    asked = InterveneConfig(store="s", interventions=("remove", "remove-one", "remove:VERB")).asked(CONCEPTS)
    assert [one.name for one in asked] == ["remove", *(f"remove:{name}" for name in CONCEPTS)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("erase", "unknown intervention"),
        ("remove:NOON", "unknown concept"),
        ("pair:NOUN", "no pair"),
        ("pair:NOUN-NOUN", "no pair"),
        ("swap:NOUN-X", "unknown concept"),
        ("steer:NOUN-VERB:much", "no factor"),
        ("steer:NOUN-VERB:inf", "no factor"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(text, said):
    with pytest.raises(UsageError, match=said) as raised:
        Intervention.parse(text, CONCEPTS)
    assert raised.value.option == "interventions"
    assert raised.value.remedy


def test_controls_may_be_drawn_more_than_once_where_chance_is_in_them():
    config = InterveneConfig(store="s", controls=("matched:3", "components", "task:feature:Number"))
    assert config.draws() == {"matched": 3, "components": 1, "task:feature:Number": 1}
    for text in ("components:2", "matched:0", "task:", "language:2", "chance"):
        with pytest.raises(UsageError) as raised:
            InterveneConfig(store="s", controls=(text,))
        assert raised.value.option == "controls"


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ({"task": "relation"}, "task"),
        ({"controls": ("task:relation",)}, "task"),
        ({"source_words": 0}, "source_words"),
        ({"rank": 0}, "rank"),
        ({"interventions": ()}, "interventions"),
        ({"readouts": ("probe", "probe")}, "readouts"),
        ({"readouts": ("aligner:",)}, "readouts"),
        ({"readouts": ("sense",)}, "readouts"),
        ({"controls": ("matched", "matched:2")}, "controls"),
        ({"alignability": "somewhere"}, "alignability"),
    ],
)
def test_values_that_are_impossible_name_their_option(options, option):
    with pytest.raises(UsageError) as raised:
        InterveneConfig.of(store="s", **options)
    assert raised.value.option == option
