"""Where tuning stands: one file that is replaced whole (``concept_align/checkpoint.py`` says how).

One process of several writes it, all begin from what that one reads.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from .. import checkpoint
from ..errors import LearningError
from .processes import shared, shared_tensors
from .settings import TuneConfig

NAME = "checkpoint.safetensors"
EVERY = 60.0  # seconds between checkpoints, unless steps are named


@dataclass(eq=False)
class Checkpoints:
    """The checkpoint of a run in ``folder``; ``writes`` says whether it is this process that writes it."""

    folder: Path
    writes: bool = True
    last: float = field(default_factory=time.monotonic)

    def due(self, step: int, config: TuneConfig) -> bool:
        """Whether one is written after so many steps: each ``save_every``, the last, or once a minute."""
        every = config.save_every
        if step == config.steps:
            return True
        return step % every == 0 if every else time.monotonic() - self.last >= EVERY

    def write(
        self,
        identity: Mapping[str, Any],
        history: Sequence[Mapping[str, float]],
        learners: Mapping[str, torch.Tensor],
        optimiser: torch.optim.Optimizer,
    ) -> None:
        """Replace the checkpoint, where it is this process that writes it."""
        self.last = time.monotonic()
        if self.writes:
            about = {"history": list(history)}
            checkpoint.write_checkpoint(self.folder / NAME, identity, about, learners, optimiser)

    def read(
        self, identity: Mapping[str, Any]
    ) -> "tuple[list[dict[str, float]], dict[str, torch.Tensor]] | None":
        """History and tensors of the run ``identity``; None where there is no checkpoint.

        Raises LearningError for one of another run, which names the difference, or that cannot be read.
        """
        path = self.folder / NAME
        found = checkpoint.read_checkpoint(path, identity) if self.writes else None
        wrong = [name for name, one in found[1].items() if not bool(one.isfinite().all())] if found else []
        if wrong:
            what = f"{wrong[0]} is not finite"
            raise LearningError(what, where=str(path), remedy=checkpoint.ANEW)
        tensors = shared_tensors(found[1] if found else None)
        return None if tensors is None else (shared(found[0]["history"] if found else None), tensors)
