"""Tensors with their description: ``NAME.safetensors`` and, written last, ``NAME.json``.

The description carries the hash of the tensors' file, so that two halves of different saves, or a file cut
short, are refused instead of being read. No pickle.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from ..atomic import write_bytes, write_json
from ..errors import StoreError

SCHEMA = 1


def save_tensors(
    folder: str | Path, name: str, tensors: dict[str, torch.Tensor], about: dict[str, Any]
) -> None:
    """Write ``tensors`` and ``about`` (anything JSON holds) to ``folder``."""
    data = save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    write_bytes(Path(folder) / f"{name}.safetensors", data)
    kept = {"schema": SCHEMA, "sha256": hashlib.sha256(data).hexdigest(), "about": about}
    write_json(Path(folder) / f"{name}.json", kept)


def load_tensors(folder: str | Path, name: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read what :func:`save_tensors` wrote; StoreError where it is absent, damaged or of another schema."""
    path = Path(folder) / f"{name}.safetensors"
    try:
        kept = json.loads(path.with_suffix(".json").read_text())
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise StoreError(
            f"not a saved {name}: {error}", where=str(path), remedy="save it again, or check the path"
        ) from error
    if not isinstance(kept, dict) or kept.get("schema") != SCHEMA:
        raise StoreError(
            f"another schema than {SCHEMA}", where=str(path.with_suffix(".json")), remedy="save it again"
        )
    if hashlib.sha256(data).hexdigest() != kept["sha256"]:
        raise StoreError("the tensors are not those described", where=str(path), remedy="save it again")
    return load(data), kept["about"]
