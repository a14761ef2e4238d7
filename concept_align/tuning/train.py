"""The loop: a step's losses, one gradient, one step of AdamW; stopped at any moment, it goes on as it was.

Whatever is drawn at random is a function of (seed, what for, step), so a checkpoint holds what learns, the
optimiser's moments and the history, and nothing of samplers or generators. On one thread of one CPU a run
that was stopped ends with the bytes of one that was not.

With several processes each takes a share of a step's rows; gradients are summed over processes, and losses
are divided by what all of them hold, so that the sum is the gradient of one process (:mod:`.gathered`).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import nn

from ..checkpoint import load_moments, under
from ..errors import LearningError
from ..progress import Progress, Silent
from .adapters import Learning
from .checkpoint import Checkpoints
from .gathered import reduce_gradients
from .processes import summed
from .settings import TuneConfig

Row = dict[str, float]  # of the history
HEAD_RATE = 1e-3  # a head's largest learning rate, at least


class StepLoss(Protocol):
    """A loss of a step, of the rows that this process takes."""

    @property
    def name(self) -> str:
        """Of its column in the history, and of its weight."""

    def backward(self, step: int, weight: float) -> Row:
        """Add ``weight`` times its gradient to what learns; this process' share of what is told of it."""


@dataclass(frozen=True, eq=False)
class Training:
    """What is trained, and by what: the losses with their weights.

    ``head`` learns too, beside the model (of the losses that have one). ``looking`` measures the model as it
    stands, every ``eval_every`` steps; it chooses nothing.
    """

    learning: Learning
    losses: Sequence[tuple[StepLoss, float]]
    config: TuneConfig  # resolved
    identity: Mapping[str, Any]
    head: nn.Module | None = None
    looking: Callable[[], Row] | None = None

    def learners(self) -> list[tuple[str, nn.Parameter]]:
        """Everything that learns, by name, always in the same order."""
        own = [(f"model.{name}", one) for name, one in self.learning.parameters()]
        if self.head is not None:
            own += [(f"head.{name}", one) for name, one in self.head.named_parameters()]
        return own


def rate(step: int, config: TuneConfig) -> float:
    """The learning rate of ``step`` (from 0) of a resolved configuration.

    It rises over the first ``warmup`` share of the steps, then falls along a cosine to 0, or as the inverse
    square root of the step (1 at the end of the rise).
    """
    assert config.lr is not None and config.steps is not None
    rise = math.ceil(config.warmup * config.steps)
    if step < rise:
        return config.lr * (step + 1) / rise
    if config.schedule == "inverse-sqrt":
        return config.lr * math.sqrt(max(rise, 1) / (step + 1))
    if config.schedule == "cosine":
        return config.lr * 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, config.steps - rise)))
    return config.lr


def train(
    training: Training, checkpoints: Checkpoints | None = None, *, progress: Progress | None = None
) -> list[Row]:
    """Take all steps, or those that are left, and leave the model tuned; the history, one row per step.

    Raises LearningError for a loss or a gradient that is not finite, and for a checkpoint of another run.
    """
    config = training.config
    assert config.steps is not None
    learners = training.learners()
    parameters = [one for _, one in learners]
    own = [one for name, one in learners if not name.startswith("head.")]
    groups = [{"params": own, "least": 0.0}]
    if len(own) < len(parameters):
        groups.append({"params": parameters[len(own) :], "least": HEAD_RATE})
    optimiser = torch.optim.AdamW(groups, weight_decay=0.0)
    history = _resumed(training, checkpoints, optimiser)
    bar = (progress or Silent()).bar("tuning", config.steps, done=len(history), unit="steps")
    for step in range(len(history), config.steps):
        began = rate(step, config)
        for group in optimiser.param_groups:
            # The head begins from nothing, whatever is small enough for the model.
            group["lr"] = began * max(1.0, group["least"] / (config.lr or 1.0))
        row = {"step": float(step + 1), "lr": began, **_step(training, parameters, step)}
        optimiser.step()
        if training.looking and config.eval_every and (step + 1) % config.eval_every == 0:
            row |= training.looking()
        history.append(row)
        if checkpoints is not None and checkpoints.due(step + 1, config):
            checkpoints.write(training.identity, history, dict(learners), optimiser)
        bar.advance(1)
        bar.note(", ".join(f"{name} {row[name]:.3f}" for name in ("loss", "accuracy") if name in row))
    return history


def _step(training: Training, parameters: Sequence[nn.Parameter], step: int) -> Row:
    """One step's gradient, in ``parameters``, and what is told of it."""
    for one in parameters:
        one.grad = None
    found: Row = {}
    with training.learning.dropping(step), training.learning.model.running():
        for loss, weight in _taken(training, step):
            found |= loss.backward(step, weight)
    found = summed(found, training.learning.model.device)
    found["loss"] = sum(weight * found[loss.name] for loss, weight in _taken(training, step))
    reduce_gradients(parameters)
    norm = nn.utils.clip_grad_norm_(parameters, training.config.clip or math.inf)
    found["norm"] = float(norm)
    wrong = next((name for name, value in found.items() if not math.isfinite(value)), None)
    if wrong is not None:
        raise LearningError(
            f"{'the gradient' if wrong == 'norm' else f'the loss ({wrong})'} is {found[wrong]}",
            where=f"step {step + 1}",
            remedy="lower the learning rate (lr), or use dtype float32; what was done before is kept",
        )
    return found


def _taken(training: Training, step: int) -> list[tuple[StepLoss, float]]:
    """The losses of a step: all, or the contrast and the others in turn."""
    apart = [one for one in training.losses if one[0].name == "contrast"]
    others = [one for one in training.losses if one[0].name != "contrast"]
    if training.config.alternate and apart and others:
        return others if step % 2 else apart
    return list(training.losses)


def _resumed(
    training: Training, checkpoints: Checkpoints | None, optimiser: torch.optim.Optimizer
) -> list[Row]:
    """Put in place what an earlier process of this run has learned; its history."""
    found = checkpoints.read(training.identity) if checkpoints is not None else None
    if found is None:
        return []
    history, tensors = found
    training.learning.load_state(under("model.", tensors))
    if training.head is not None:
        training.head.load_state_dict(under("head.", tensors))
    load_moments(optimiser, tensors)
    return history
