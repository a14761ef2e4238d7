"""What made a file: versions and facts, without anything that differs between equal runs."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .version import __version__


def collect(**facts: Any) -> dict[str, Any]:
    """Versions of the package and of what computes its numbers, and the given facts.

    No time, host or path goes in: a run that is repeated gives the same bytes.
    """
    found: dict[str, Any] = {"concept_align": __version__, "python": platform.python_version()}
    for package in ("torch", "transformers", "tokenizers", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {**found, **facts}
