"""A small store of real states: five mini treebanks under the shipped encoder."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

LANGUAGES = ("de", "en", "eu", "fr", "ja")


@pytest.fixture(scope="session")
def mini_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """States of layers 2 and 4, and statistics of word classes with second moments, of five languages."""
    from concept_align.extraction.run import extract_files
    from concept_align.models.load import load_model
    from concept_align.treebanks.discover import find_treebanks, mini_treebanks

    files = find_treebanks(mini_treebanks(), ",".join(LANGUAGES), ["train", "dev"])
    model, folder = load_model("mini-encoder"), tmp_path_factory.mktemp("mini")
    extract_files(model, files, folder, layers=[2, 4], save_dtype="float32")
    extract_files(
        model,
        files,
        folder,
        layers=[2, 4],
        save_dtype="float32",
        sink="statistics",
        tasks=("upos", "relation"),
        second_moments=True,
    )
    return folder


@pytest.fixture(scope="session")
def predicted() -> ModuleType:
    """The formulas of power that the calibration is compared with: ``experiments/alignability/power.py``."""
    path = Path(__file__).parents[2] / "experiments" / "alignability" / "power.py"
    spec = importlib.util.spec_from_file_location("alignability_power", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
