"""One loop for all that is trained: epochs of steps, cosine decay, the best epoch, exact resume.

The loop knows nothing of learners: a stage gives it a module, a loss for (epoch, step) and a validation.
A checkpoint after each epoch (``checkpoint.py``) holds parameters, the best parameters so far, the
optimiser's moments, epoch and history.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import atomic
from ..checkpoint import load_moments, read_checkpoint, under, write_checkpoint
from ..errors import LearningError
from ..progress import Progress, Silent
from ..seeding import derive
from .maps import Dropout

HISTORY = "training.jsonl"


@dataclass(frozen=True)
class Optimisation:
    """Numbers of a stage of training; Adam throughout."""

    epochs: int
    lr: float
    weight_decay: float = 0.0
    decoupled: bool = False  # AdamW's weight decay rather than Adam's

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch (from 0): from ``lr`` down to 0 along a cosine."""
        return self.lr * 0.5 * (1 + math.cos(math.pi * epoch / self.epochs))


@dataclass(frozen=True, eq=False)
class Stage:
    """What is trained: ``loss(epoch, step)`` is the mean loss of one step, or None to take no step.

    ``validate`` gives named accuracies; the first chooses the epoch. Without it the last one is taken.
    """

    name: str
    module: nn.Module
    steps: int
    loss: Callable[[int, int], torch.Tensor | None]
    validate: Callable[[], dict[str, float]] | None
    optimisation: Optimisation


@dataclass
class TrainingState:
    """What training knows beside its tensors: epochs done, their records, and which was best."""

    epochs: int = 0
    best: float = -float("inf")
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    stage: Stage, *, seed: int, identity: str, folder: Path | None = None, progress: Progress | None = None
) -> list[dict[str, float]]:
    """Train ``stage.module`` and leave it with the parameters of its best epoch; a record an epoch.

    Epoch 0 of the records is the start, before any step: training that only harms is not taken. With
    ``folder``, a checkpoint is written there after each epoch and read at the start; ``identity`` says
    which run it belongs to. Raises LearningError for a loss that is not finite.
    """
    module, plan = stage.module, stage.optimisation
    kind = torch.optim.AdamW if plan.decoupled else torch.optim.Adam
    optimiser = kind(module.parameters(), lr=plan.lr, weight_decay=plan.weight_decay, fused=True)
    path = folder / f"{stage.name}.safetensors" if folder else None
    found = _read(path, identity, module, optimiser) if path else None
    if found:
        state, best = found
    else:
        state, best = TrainingState(), _copy(module)
        state.best = _validate(stage, state)
    bar = (progress or Silent()).bar(
        stage.name, plan.epochs * stage.steps, done=state.epochs * stage.steps, unit="steps"
    )
    for epoch in range(state.epochs, plan.epochs):
        loss = _epoch(stage, optimiser, epoch, seed, bar.advance)
        state.epochs = epoch + 1
        accuracy = _validate(stage, state, loss=loss)
        if accuracy > state.best:
            state.best, best = accuracy, _copy(module)
        if path:
            _write(path, identity, state, module, best, optimiser)
        bar.note(f"loss {loss:.4f}, validation {accuracy:.4f}, best {state.best:.4f}")
    module.load_state_dict(best)
    module.eval()
    return state.history


def _epoch(
    stage: Stage, optimiser: torch.optim.Optimizer, epoch: int, seed: int, advance: Callable[[float], None]
) -> float:
    """One epoch of steps; the mean loss. Dropout draws from streams of the epoch's own."""
    for group in optimiser.param_groups:
        group["lr"] = stage.optimisation.rate(epoch)
    stage.module.train()
    total, taken = torch.zeros((), dtype=torch.float64), 0
    for place, module in enumerate(stage.module.modules()):
        if isinstance(module, Dropout):
            module.reseed(derive(seed, stage.name, "dropout", place, epoch))
    for step in range(stage.steps):
        loss = stage.loss(epoch, step)
        advance(1)
        if loss is None:
            continue
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        total += loss.detach()
        taken += 1
    # A loss that is not finite stays so in the sum: one look an epoch is enough.
    if not bool(total.isfinite()):
        raise LearningError(
            f"the loss is {float(total)}",
            where=f"{stage.name}, epoch {epoch + 1}",
            remedy="lower the learning rate, or standardise the representations",
        )
    return float(total) / max(taken, 1)


def _validate(stage: Stage, state: TrainingState, **loss: float) -> float:
    """The number that chooses the epoch; all of them are noted, with the ``loss``."""
    module = stage.module.eval()
    learning = [parameter for parameter in module.parameters() if parameter.requires_grad]
    with torch.no_grad():
        accuracies = stage.validate() if stage.validate else {}
    for parameter in learning:  # an aligner made to be validated freezes its model
        parameter.requires_grad_(True)
    state.history.append({"epoch": state.epochs, **accuracies, **loss})
    return next(iter(accuracies.values()), float(state.epochs))


def _copy(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in module.state_dict().items()}


def save_history(folder: Path | None, histories: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Write :data:`HISTORY` into ``folder`` (nowhere without one): one JSON line an epoch and stage.

    Without times, so that equal runs have equal logs.
    """
    if folder is None:
        return
    lines = [
        json.dumps({"stage": stage, **record}, sort_keys=True)
        for stage, records in histories.items()
        for record in records
    ]
    atomic.write_text(folder / HISTORY, "\n".join(lines) + "\n")


def _write(
    path: Path,
    identity: str,
    state: TrainingState,
    module: nn.Module,
    best: dict[str, torch.Tensor],
    optimiser: torch.optim.Optimizer,
) -> None:
    tensors = {f"now.{name}": value for name, value in module.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in best.items()}
    write_checkpoint(path, identity, asdict(state), tensors, optimiser)


def _read(
    path: Path, identity: str, module: torch.nn.Module, optimiser: torch.optim.Optimizer
) -> tuple[TrainingState, dict[str, torch.Tensor]] | None:
    """Put the checkpoint's parameters and moments in place; its progress and best parameters, or None."""
    if (found := read_checkpoint(path, identity)) is None:
        return None
    header, tensors = found
    module.load_state_dict(under("now.", tensors))
    load_moments(optimiser, tensors)
    return TrainingState(header["epochs"], header["best"], header["history"]), under("best.", tensors)
