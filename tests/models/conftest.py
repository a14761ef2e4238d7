"""Each tiny model once a session, as a folder and loaded; and copies of the folders, to be changed."""

import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from tiny_models import SCRIPTS, draw_sentence, tiny_folder

from concept_align.models.load import load_model
from concept_align.models.protocol import Pieces
from concept_align.models.states import TransformersModel


@pytest.fixture(scope="session")
def folder_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return cache(lambda name: tiny_folder(tmp_path_factory.mktemp("models") / name, name))


@pytest.fixture
def copied(folder_of: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a tiny model's folder that a test may damage."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(folder_of(name), tmp_path / name))

    return copy


@pytest.fixture(scope="session")
def model_of(folder_of: Callable[[str], Path]) -> Callable[[str], TransformersModel]:
    return cache(lambda name: load_model(str(folder_of(name)), device="cpu"))


@pytest.fixture(scope="session")
def sentences_of() -> Callable[[TransformersModel], list[Pieces]]:
    """Forty sentences of many lengths and scripts."""

    def cut(model: TransformersModel) -> list[Pieces]:
        rng = np.random.default_rng(1)
        scripts = list(SCRIPTS)
        drawn = [draw_sentence(scripts[i % len(scripts)], rng) for i in range(40)]
        found = [model.cutter.cut(text, spans) for text, spans in drawn]
        return [pieces for pieces in found if len(pieces.ids) <= model.max_pieces]

    return cut
