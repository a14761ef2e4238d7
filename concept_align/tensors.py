"""Tensors with their description: ``NAME.safetensors`` and, written last, ``NAME.json``. No pickle.

The description carries the hash of the tensors' file, so that two halves of different saves, or a file cut
short, are refused instead of being read.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .atomic import write_bytes, write_json
from .errors import ConceptAlignError, StoreError
from .reading import read_json_object

if TYPE_CHECKING:
    import torch

SCHEMA = 1


def save_tensors(
    folder: str | Path,
    name: str,
    tensors: "Mapping[str, torch.Tensor]",
    about: Mapping[str, Any],
    *,
    described: str | None = None,
) -> None:
    """Write ``tensors`` and ``about`` (anything that JSON holds) to ``folder``.

    The description is called ``described``.json where that is given, else as the tensors.
    """
    from safetensors.torch import save

    data = save({key: value.detach().cpu().contiguous() for key, value in tensors.items()})
    write_bytes(Path(folder) / f"{name}.safetensors", data)
    kept = {"schema": SCHEMA, "sha256": hashlib.sha256(data).hexdigest(), "about": dict(about)}
    write_json(Path(folder) / f"{described or name}.json", kept)


def load_tensors(
    folder: str | Path, name: str, *, described: str | None = None
) -> "tuple[dict[str, torch.Tensor], dict[str, Any]]":
    """Read what :func:`save_tensors` wrote; StoreError where it is absent, damaged or of another schema."""
    path, remedy = Path(folder) / f"{name}.safetensors", "save it again, or check the path"
    description = Path(folder) / f"{described or name}.json"
    kept = read_json_object(description, remedy=remedy)
    if kept.get("schema") != SCHEMA or not isinstance(kept.get("about"), dict):
        what = f"another schema than {SCHEMA}"
        raise StoreError(what, where=str(description), remedy="save it again")
    tensors, _ = read_safetensors(path, sha256=kept.get("sha256"), remedy=remedy)
    return tensors, kept["about"]


def read_safetensors(
    path: str | Path,
    *,
    sha256: str | None = None,
    error: type[ConceptAlignError] = StoreError,
    remedy: str = "save it again",
) -> "tuple[dict[str, torch.Tensor], dict[str, str]]":
    """The tensors of a file, in memory, and its metadata.

    ``sha256``: what the bytes must hash to. Raises ``error`` for a file that is absent, damaged or another.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        data = Path(path).read_bytes()
    except OSError as fault:
        raise error(f"cannot read: {fault.strerror or fault}", where=str(path), remedy=remedy) from fault
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise error("the tensors are not those described", where=str(path), remedy=remedy)
    try:
        # The header's length stands in the first eight bytes.
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        return load(data), dict(header.get("__metadata__", {}))
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise error(f"not a safetensors file: {fault}", where=str(path), remedy=remedy) from fault
