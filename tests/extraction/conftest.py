"""Two made-up treebanks."""

from pathlib import Path

import pytest
from fake_treebank import write

from concept_align.treebanks.discover import TreebankFile


@pytest.fixture
def files(tmp_path: Path) -> list[TreebankFile]:
    return [write(tmp_path, "en", "train", [5, 3, 9, 1, 7, 4] * 4), write(tmp_path, "de", "dev", [4, 2])]
