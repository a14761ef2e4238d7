"""``concept-align doctor``: what is installed, and what this machine can do."""

from typing import Any

from . import options
from .output import emit_json, emit_table

PACKAGES = (
    "torch", "transformers", "safetensors", "tokenizers", "conllu", "numpy", "scikit-learn",
    "learn2learn", "matplotlib", "gguf", "accelerate",
)  # fmt: skip


def doctor(json: options.Json = False) -> None:
    """Show versions, devices and optional parts."""
    report = examine()
    if json:
        emit_json(report)
        return
    emit_table(
        "concept-align doctor", ["what", "found"], [[key, str(value)] for key, value in report.items()]
    )


def examine() -> dict[str, Any]:
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import torch

    from .. import __version__

    report: dict[str, Any] = {"concept-align": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            report[package] = version(package)
        except PackageNotFoundError:
            report[package] = "not installed"
    report["cpu cores"] = os.cpu_count()
    report["torch threads"] = torch.get_num_threads()
    report["cuda"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    report["mps"] = torch.backends.mps.is_available()
    return report
