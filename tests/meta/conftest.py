"""The planted languages as a fixture; the module is loaded by its place, for tests are no package."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def load_planted() -> ModuleType:
    if "planted" not in sys.modules:
        spec = importlib.util.spec_from_file_location("planted", Path(__file__).with_name("planted.py"))
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        sys.modules["planted"] = module
        spec.loader.exec_module(module)
    return sys.modules["planted"]


@pytest.fixture(scope="session")
def planted() -> ModuleType:
    """The module of planted languages."""
    return load_planted()
