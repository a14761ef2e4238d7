"""``concept-align doctor``: what is installed, and what this machine can do."""

from typing import Any

from . import options
from .output import emit_facts, emit_json

PACKAGES = (
    "torch", "transformers", "safetensors", "tokenizers", "conllu", "numpy", "scikit-learn",
    "learn2learn", "matplotlib", "gguf", "accelerate", "peft",
)  # fmt: skip


def doctor(json: options.Json = False) -> None:
    """Show versions, devices and optional parts."""
    import os
    import platform

    import torch

    from .. import __version__
    from ..provenance import version_of

    report: dict[str, Any] = {"concept-align": __version__, "python": platform.python_version()}
    report |= {package: version_of(package) or "not installed" for package in PACKAGES}
    report["cpu cores"] = os.cpu_count()
    report["torch threads"] = torch.get_num_threads()
    report["cuda"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    report["mps"] = torch.backends.mps.is_available()
    if json:
        return emit_json(report)
    emit_facts("concept-align doctor", report, "found")
