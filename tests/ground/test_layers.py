import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_align.errors import UsageError
from concept_align.layers import name_layers, parse_layers


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ("7", (7,)),
        ("0-3", (0, 1, 2, 3)),
        ("3, 6,9", (3, 6, 9)),
        ("all", tuple(range(13))),
        ("-1", (12,)),
        ("-3--1", (10, 11, 12)),
        ("9,0-1,9", (0, 1, 9)),
    ],
)
def test_layers_are_read_as_people_write_them(text, layers):
    assert parse_layers(text, 12) == layers


@pytest.mark.parametrize("text", ["13", "-14", "0-13"])
def test_a_layer_the_model_lacks_is_refused_with_what_it_has(text):
    with pytest.raises(UsageError, match="layers 0-12"):
        parse_layers(text, 12)


@pytest.mark.parametrize("text", ["", "x", "1,", "3-1", "1.5", "--1"])
def test_what_is_no_layer_is_refused(text):
    with pytest.raises(UsageError):
        parse_layers(text, 12)


@given(st.sets(st.integers(0, 40), min_size=1))
def test_the_short_name_of_layers_is_read_back_as_the_same_layers(layers):
    assert parse_layers(name_layers(list(layers)), 40) == tuple(sorted(layers))
