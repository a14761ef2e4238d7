"""The planted languages as a fixture."""

from types import ModuleType

import planted as module
import pytest


@pytest.fixture(scope="session")
def planted() -> ModuleType:
    """The module of planted languages."""
    return module
