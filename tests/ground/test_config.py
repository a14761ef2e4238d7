from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
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


@dataclass(frozen=True)
class Named:
    task: str = "upos"
    """What is compared: ``upos``
    or another."""
    support_draws: int = 1
    undocumented: int = 0


@dataclass(frozen=True)
class Told(Named):
    layers: tuple[int, ...] | Literal["all"] = "all"
    """Layers [0 is the embeddings]."""
    langs: tuple[str, ...] = ("train",)
    targets: str | tuple[str, ...] | None = None
    rates: tuple[float, ...] = ()
    folder: Path | None = None
    learner: dict = field(default_factory=dict)
    """Its settings."""


def test_what_stands_below_a_field_is_its_text_inherited_or_not():
    assert config.field_docs(Told) == {
        "task": "What is compared: ``upos`` or another.",
        "layers": "Layers [0 is the embeddings].",
        "learner": "Its settings.",
    }


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("layers", "6,10", (6, 10)),
        ("layers", "0-3,7", (0, 1, 2, 3, 7)),
        ("layers", "-1", (-1,)),
        ("layers", "-3--2", (-3, -2)),
        ("layers", 4, (4,)),
        ("layers", [1, 2], (1, 2)),
        ("layers", "all", "all"),
        ("langs", "en, de", ("en", "de")),
        ("langs", "train", ("train",)),
        ("langs", "", ()),
        ("targets", "en,de", ("en", "de")),
        ("targets", "all", "all"),
        ("targets", None, None),
        ("rates", "0.5,1e-3", (0.5, 0.001)),
        ("folder", "runs/a", Path("runs/a")),
    ],
)
def test_lists_may_be_written_as_text(key, text, value):
    assert getattr(config.from_mapping(Told, {key: text}), key) == value


@pytest.mark.parametrize("text", ["x", "3-1", "1.5", "3--1", "1,,x"])
def test_text_that_names_no_layers_is_refused(text):
    with pytest.raises(UsageError, match="is not whole numbers or 'all'") as caught:
        config.from_mapping(Told, {"layers": text})
    assert caught.value.option == "layers"
    assert str(caught.value).startswith("layers: ")


def test_a_name_that_is_nearly_one_of_the_choices_is_recognised():
    with pytest.raises(UsageError, match="did you mean 'all'"):
        config.from_mapping(Told, {"layers": "alll"})


def test_an_old_key_means_the_new_one_and_warns():
    with pytest.warns(DeprecationWarning, match="draws is now called support_draws"):
        assert config.from_mapping(Told, {"draws": 3}).support_draws == 3
    with pytest.warns(DeprecationWarning):
        assert config.from_mapping(Told, {"draws": 3, "support_draws": 4}).support_draws == 4


def test_an_error_names_an_argument_as_its_reader_writes_it():
    error = UsageError("too few", option="max_words", remedy="say 1")
    assert str(error) == "max_words: too few\n  → say 1"
    assert error.told(lambda name: f"--{name}") == "--max_words: too few\n  → say 1"
    in_a_file = UsageError("too few", option="max_words", where="run.toml")
    assert in_a_file.told(lambda name: f"--{name}") == "run.toml: max_words: too few"


def test_numbers_and_arrays_of_numpy_and_ranges_serve_as_pythons():
    @dataclass(frozen=True)
    class Numbers:
        layers: tuple[int, ...] = ()
        rate: float = 0.0

    some = {"layers": np.arange(3), "rate": np.float32(0.5)}
    assert config.changed(Numbers(), some) == Numbers((0, 1, 2), 0.5)
    assert config.changed(Numbers((7,)), {"layers": range(2), "rate": None}) == Numbers((0, 1))
    assert type(config.changed(Numbers(), {"layers": np.int64(3)}).layers[0]) is int
    with pytest.raises(UsageError, match="rate"):
        config.changed(Numbers(), {"rate": np.array([0.1, 0.2])})
