"""A small store, made by extracting from a made-up treebank with a fake model."""

import shutil
from pathlib import Path

import pytest
from fake_model import FakeModel
from fake_treebank import write

from concept_align.extraction.run import extract_files
from concept_align.store import Store
from concept_align.treebanks.discover import TreebankFile


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[TreebankFile]]:
    """A store of layers 0 and 2 of two languages, and the treebanks' files."""
    folder = tmp_path_factory.mktemp("store")
    files = [
        write(folder, "en", "train", [5, 3, 9, 1]),
        write(folder, "en", "dev", [4, 2]),
        write(folder, "de", "train", [6, 6]),
    ]
    extract_files(FakeModel(), files, folder / "out", layers=[0, 2])
    return folder / "out", files


@pytest.fixture
def store(made: tuple[Path, list[TreebankFile]], tmp_path: Path) -> Store:
    """A copy of the small store that a test may damage."""
    shutil.copytree(made[0], tmp_path / "out")
    return Store.open(tmp_path / "out")
