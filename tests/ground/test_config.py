from dataclasses import dataclass, field
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concept_align import config
from concept_align.errors import UsageError


@dataclass(frozen=True)
class Inner:
    rate: float = 1e-4
    sizes: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    name: str
    order: Literal[1, 2] = 1
    note: str | None = None
    fast: bool = False
    inner: Inner = field(default_factory=Inner)


@given(
    st.text(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(st.integers(-(2**53), 2**53)),
    st.booleans(),
)
def test_toml_reads_back_as_written(tmp_path_factory, name, rate, sizes, fast):
    written = Outer(name, 2, None, fast, Inner(rate, tuple(sizes)))
    path = tmp_path_factory.mktemp("config") / "run.toml"
    path.write_text(config.to_toml(written), encoding="utf-8", newline="\n")
    assert config.read_toml(path, Outer) == written


def test_an_unknown_key_is_refused_with_the_near_one():
    with pytest.raises(UsageError, match="unknown key 'nam'") as caught:
        config.from_mapping(Outer, {"nam": "x"})
    assert "'name'" in str(caught.value)


def test_an_unknown_key_in_a_section_names_the_section():
    with pytest.raises(UsageError) as caught:
        config.from_mapping(Outer, {"name": "x", "inner": {"rates": 1.0}}, where="run.toml")
    assert caught.value.where == "run.toml[inner]"


def test_a_missing_key_is_named():
    with pytest.raises(UsageError, match="missing key 'name'"):
        config.from_mapping(Outer, {})


@pytest.mark.parametrize(
    "bad", [{"order": 3}, {"fast": 1}, {"name": 3}, {"inner": {"rate": "high"}}, {"inner": {"sizes": [1.5]}}]
)
def test_a_value_of_the_wrong_type_is_refused(bad):
    with pytest.raises(UsageError, match="is not"):
        config.from_mapping(Outer, {"name": "x", **bad})


def test_a_whole_number_serves_as_a_float():
    assert config.from_mapping(Inner, {"rate": 1}).rate == 1.0


def test_a_file_that_is_not_toml_is_named(tmp_path):
    (tmp_path / "bad.toml").write_text("a = = 1")
    with pytest.raises(UsageError, match="not TOML") as caught:
        config.read_toml(tmp_path / "bad.toml", Inner)
    assert "bad.toml" in str(caught.value)
