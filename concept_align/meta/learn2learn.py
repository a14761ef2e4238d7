"""learn2learn's meta-learning algorithms, without what its package pulls in.

``import learn2learn`` imports gym, qpth and torchvision, which its algorithms do not need and which often
cannot be installed beside a CPU build of torch. A bare package module with the installed path lets the
algorithms be imported alone.
"""

import importlib
import importlib.util
import sys
import types
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from ..errors import LearningError


def maml() -> Any:
    """The class ``learn2learn.algorithms.maml.MAML``. LearningError where learn2learn is not installed."""
    return _module("learn2learn.algorithms.maml").MAML


def meta_sgd() -> Any:
    """The class ``learn2learn.algorithms.meta_sgd.MetaSGD``."""
    return _module("learn2learn.algorithms.meta_sgd").MetaSGD


def _module(name: str) -> types.ModuleType:
    if "learn2learn" not in sys.modules:
        package = types.ModuleType("learn2learn")
        package.__path__ = [str(_folder())]
        sys.modules["learn2learn"] = package
    return importlib.import_module(name)


def _folder() -> Path:
    try:
        files = distribution("learn2learn").files or []
    except PackageNotFoundError as error:
        raise LearningError(
            "learn2learn is not installed",
            remedy="make env builds it, or: pip install --no-deps learn2learn==0.2.0 "
            '--config-settings="--build-option=build_ext"',
        ) from error
    initial = next(file for file in files if file.as_posix() == "learn2learn/__init__.py")
    return Path(str(initial.locate())).parent
