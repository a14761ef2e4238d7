"""Training as it stands: one safetensors file, replaced whole, never a pickle.

Parameters and the optimiser's moments are tensors; whose they are (``identity``) and what training knows
beside them are JSON in the header. Random draws need no state: every step derives its own streams. A
checkpoint of another run is refused, with the difference named.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import atomic
from .errors import LearningError, shortened
from .hashing import as_json
from .tensors import read_safetensors

if TYPE_CHECKING:
    import torch

SCHEMA = 1
ANEW = "begin anew by force, or choose another out folder"


def write_checkpoint(
    path: Path,
    identity: Any,
    about: Mapping[str, Any],
    tensors: "Mapping[str, torch.Tensor]",
    optimiser: "torch.optim.Optimizer",
) -> None:
    """Replace the checkpoint at ``path``, whole or not at all.

    ``identity`` (any JSON value) says whose it is, ``about`` what training knows beside its ``tensors``.
    """
    import torch
    from safetensors.torch import save

    kept = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    for place, moments in optimiser.state_dict()["state"].items():
        for name, value in moments.items():
            kept[f"optimiser.{place}.{name}"] = torch.as_tensor(value).cpu()
    header = {"schema": SCHEMA, "identity": as_json(identity), **about}
    atomic.write_bytes(path, save(kept, {"training": json.dumps(header)}))


def read_checkpoint(path: Path, identity: Any) -> "tuple[dict[str, Any], dict[str, torch.Tensor]] | None":
    """Header and tensors of the checkpoint at ``path``; None where there is none.

    Raises LearningError if it belongs to another run or cannot be read.
    """
    if not path.exists():
        return None
    tensors, about = read_safetensors(path, error=LearningError, remedy=ANEW)
    try:
        header = json.loads(about["training"])
        schema, known = header["schema"], header["identity"]
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise LearningError("no checkpoint of ours", where=str(path), remedy=ANEW) from error
    if (schema, known) != (SCHEMA, as_json(identity)):
        told = differences(known, as_json(identity)) if schema == SCHEMA else ""
        raise LearningError(f"the checkpoint is of another run{told}", where=str(path), remedy=ANEW)
    return header, tensors


def differences(before: Any, now: Any) -> str:
    """``: seed is 0, not 1`` for two mappings; nothing where they cannot be told apart by key."""
    if not isinstance(before, dict) or not isinstance(now, dict):
        return ""
    keys = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))

    def short(found: Any) -> str:
        return shortened(repr(found), 60)

    told = ", ".join(f"{key} is {short(before.get(key))}, not {short(now.get(key))}" for key in keys)
    return f": {told}" if told else ""


def same_run(path: Path, before: Any, now: Any) -> None:
    """Raise LearningError where the configuration ``before``, in the file ``path``, differs from ``now``."""
    if before != now:
        raise LearningError(
            f"the folder holds a run with another configuration{differences(before, now)}",
            where=str(path),
            remedy=ANEW,
        )


def load_moments(optimiser: "torch.optim.Optimizer", tensors: "Mapping[str, torch.Tensor]") -> None:
    """Give ``optimiser`` the moments that were written with the other ``tensors``."""
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in under("optimiser.", tensors).items():
        place, what = name.split(".", 1)
        moments.setdefault(int(place), {})[what] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})


def under(prefix: str, tensors: "Mapping[str, torch.Tensor]") -> "dict[str, torch.Tensor]":
    """The tensors whose names begin with ``prefix``, named without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
