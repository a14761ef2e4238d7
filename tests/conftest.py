"""Shared fixtures: where real treebanks are, when they are to be had."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def ud_release() -> Path:
    """A folder laid out as a UD release: $CONCEPT_ALIGN_UD, or shared/ud beside the repository."""
    folder = Path(os.environ.get("CONCEPT_ALIGN_UD", REPOSITORY.parent / "shared" / "ud"))
    if not folder.is_dir():
        pytest.skip("no UD release at hand: set CONCEPT_ALIGN_UD to a folder that holds UD_* treebanks")
    return folder
