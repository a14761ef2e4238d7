"""Where a treebank's file goes, its folder and name telling treebank, language and split."""

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "UD_English-Toy" / "en_toy-ud-dev.conllu"
