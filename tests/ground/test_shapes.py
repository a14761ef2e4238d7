"""Annotated shapes and dtypes are checked under test, and nothing else is."""

import importlib
import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import shapes
import torch
from jaxtyping import TypeCheckError

MODULE = """
from dataclasses import dataclass
import torch
from jaxtyping import Float, Int

@dataclass(frozen=True)
class Space:
    prototypes: Float[torch.Tensor, "concepts dim"]
    counts: Int[torch.Tensor, "concepts"]

    @classmethod
    def of(cls, x: Float[torch.Tensor, "words dim"]) -> "Space":
        return cls(x, torch.ones(len(x), dtype=torch.int64))

def project(x: Float[torch.Tensor, "words dim"], map: Float[torch.Tensor, "dim rank"], name: int = 0) \\
        -> Float[torch.Tensor, "words rank"]:
    return x @ map if name != "wrong" else x

def plain(number: int) -> int:
    return number
"""


@pytest.fixture
def annotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "annotated_rooms.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    hook = shapes.install("annotated_rooms")
    yield importlib.import_module("annotated_rooms")
    hook.uninstall()
    del sys.modules["annotated_rooms"]


def test_shapes_that_fit_each_other_pass(annotated: ModuleType) -> None:
    assert annotated.project(torch.ones(3, 4), torch.ones(4, 2)).shape == (3, 2)
    assert annotated.Space.of(torch.ones(3, 4)).counts.tolist() == [1, 1, 1]


def test_a_wrong_shape_is_refused(annotated: ModuleType) -> None:
    with pytest.raises(TypeCheckError, match="project"):
        annotated.project(torch.ones(3, 4), torch.ones(5, 2))
    with pytest.raises(TypeCheckError):
        annotated.project(torch.ones(3), torch.ones(3, 2))


def test_a_wrong_dtype_is_refused(annotated: ModuleType) -> None:
    with pytest.raises(TypeCheckError):
        annotated.Space(torch.ones(3, 4), torch.ones(3))
    with pytest.raises(TypeCheckError):
        annotated.Space.of(torch.ones(3, 4, dtype=torch.int64))


def test_a_wrong_shape_that_comes_back_is_refused(annotated: ModuleType) -> None:
    with pytest.raises(TypeCheckError, match="return value"):
        annotated.project(torch.ones(3, 4), torch.ones(4, 2), "wrong")


def test_what_is_not_an_array_is_not_checked(annotated: ModuleType) -> None:
    assert annotated.plain("text") == "text"
    assert annotated.plain.__code__.co_argcount == 1  # not wrapped
    assert annotated.project(torch.ones(3, 4), torch.ones(4, 2), "text").shape == (3, 2)


def test_checked_classes_can_be_pickled(annotated: ModuleType) -> None:
    space = pickle.loads(pickle.dumps(annotated.Space.of(torch.ones(2, 2))))
    assert space.prototypes.shape == (2, 2)


@pytest.mark.skipif(
    os.environ.get("CONCEPT_ALIGN_SHAPES") == "0", reason="turned off by CONCEPT_ALIGN_SHAPES"
)
def test_the_package_refuses_features_of_a_wrong_shape_under_test() -> None:
    from concept_align.spaces.features import Features

    offsets = np.array([0, 3])
    assert Features("en", ("A",), torch.ones(3, 4), torch.zeros(3, dtype=torch.int64), offsets).dim == 4
    with pytest.raises(TypeCheckError):
        Features("en", ("A",), torch.ones(3, 4), torch.zeros(2, dtype=torch.int64), offsets)
    with pytest.raises(TypeCheckError):
        Features("en", ("A",), torch.ones(3), torch.zeros(3, dtype=torch.int64), offsets)
