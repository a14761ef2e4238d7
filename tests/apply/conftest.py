"""Small aligners over the mini encoder, trained once; they are read, never written to."""

from pathlib import Path
from types import SimpleNamespace

import mini_aligner
import pytest

from concept_align.models.load import load_model


@pytest.fixture(scope="session")
def mini(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """``store``, aligners ``upos`` and ``relation`` (folders), and the loaded ``model``."""
    folder: Path = tmp_path_factory.mktemp("mini")
    store = mini_aligner.write_store(folder / "store")
    return SimpleNamespace(
        store=store,
        upos=mini_aligner.train(store, folder / "upos"),
        relation=mini_aligner.train(store, folder / "relation", task="relation"),
        beside=mini_aligner.train(store, folder / "beside", task="relation", context_layers=3),
        model=load_model("mini-encoder"),
        treebank=mini_aligner.treebank,
    )
