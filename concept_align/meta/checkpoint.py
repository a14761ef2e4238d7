"""Training as it stands after an epoch, in one file, so that a killed run resumes exactly.

One safetensors file holds parameters, the best parameters so far, the optimiser's moments and, in its
header, epoch and history as JSON: it is replaced whole or not at all. Random draws need no state: every
epoch derives its own streams. A checkpoint of another configuration or other data is refused.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save

from .. import atomic
from ..errors import LearningError
from ..tensors import read_safetensors

SCHEMA = 1


@dataclass
class TrainingState:
    """What training knows beside its tensors: epochs done, their records, and which was best."""

    epochs: int = 0
    best: float = -float("inf")
    history: list[dict[str, Any]] = field(default_factory=list)


def write(
    path: Path,
    identity: str,
    state: TrainingState,
    *,
    parameters: dict[str, torch.Tensor],
    best: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    """Replace the checkpoint at ``path``."""
    tensors = {f"now.{name}": value.contiguous() for name, value in parameters.items()}
    tensors |= {f"best.{name}": value.contiguous() for name, value in best.items()}
    for place, moments in optimiser.state_dict()["state"].items():
        for name, value in moments.items():
            tensors[f"optimiser.{place}.{name}"] = torch.as_tensor(value)
    header = {
        "schema": SCHEMA,
        "identity": identity,
        "epochs": state.epochs,
        "best": state.best,
        "history": state.history,
    }
    atomic.write_bytes(path, save(tensors, {"training": json.dumps(header)}))


def read(
    path: Path, identity: str, module: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[TrainingState, dict[str, torch.Tensor]] | None:
    """Put the checkpoint's parameters and moments in place; its progress and best parameters, or None.

    Raises LearningError if it belongs to another configuration or cannot be read.
    """
    if not path.exists():
        return None
    anew = "begin anew by force, or choose another out folder"
    tensors, about = read_safetensors(path, error=LearningError, remedy=anew)
    try:
        header = json.loads(about["training"])
        known = header["schema"], header["identity"]
    except (KeyError, TypeError, ValueError) as error:
        raise LearningError("no checkpoint of ours", where=str(path), remedy=anew) from error
    if known != (SCHEMA, identity):
        raise LearningError("the checkpoint is of another run", where=str(path), remedy=anew)
    module.load_state_dict(under("now.", tensors))
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in under("optimiser.", tensors).items():
        place, what = name.split(".", 1)
        moments.setdefault(int(place), {})[what] = value
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    return TrainingState(header["epochs"], header["best"], header["history"]), under("best.", tensors)


def under(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with ``prefix``, named without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
