"""What made a file: versions and facts, without anything that differs between equal runs."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .version import __version__


def version_of(package: str) -> str | None:
    """The installed version of a package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def collect(**facts: Any) -> dict[str, Any]:
    """Versions of the package and of what computes its numbers, and the given facts.

    No time, host or path goes in: a run that is repeated gives the same bytes.
    """
    versions = {package: version_of(package) for package in ("torch", "transformers", "tokenizers", "numpy")}
    found = {package: found for package, found in versions.items() if found}
    return {"concept_align": __version__, "python": platform.python_version(), **found, **facts}
