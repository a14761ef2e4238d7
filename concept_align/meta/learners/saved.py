"""Aligners in a folder (``config.json``, ``model.safetensors``), and classifiers that score by a function."""

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from ... import atomic
from ...errors import LearningError
from ..checkpoint import under
from ..maps import masked
from .base import Aligner

SCHEMA = 1
CHUNK = 16384  # words scored at once: bounds memory, changes no score


def read_config(folder: str | Path) -> dict[str, Any]:
    """``config.json`` of a saved aligner; LearningError where there is none that can be read."""
    path = Path(folder) / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text())
        known = config["schema"] == SCHEMA and isinstance(config["learner"], str)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LearningError(
            f"no aligner here: {error}", where=str(path), remedy="name a folder that meta-train wrote"
        ) from error
    if not known:
        raise LearningError(
            f"schema {config['schema']} is not {SCHEMA}", where=str(path), remedy="run meta-train again"
        )
    return config


class SavedAligner(Aligner):
    """An aligner whose state is a JSON-able mapping and named tensors."""

    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What, beside the tensors, is needed to build it again."""

    @abstractmethod
    def tensors(self) -> dict[str, torch.Tensor]:
        """Every learned number, by name."""

    @classmethod
    @abstractmethod
    def from_parts(cls, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        """The inverse of :meth:`settings` and :meth:`tensors`."""

    def save_pretrained(self, folder: str | Path) -> None:
        """Write ``model.safetensors``, then ``config.json``: a folder with a config is complete."""
        folder = Path(folder)
        tensors = {name: value.detach().contiguous() for name, value in self.tensors().items()}
        atomic.write_bytes(folder / "model.safetensors", save(tensors))
        config = {"schema": SCHEMA, "learner": self.learner, "settings": self.settings()}
        atomic.write_json(folder / "config.json", config)

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """What :meth:`save_pretrained` wrote. LearningError if it is another learner's or broken."""
        config = read_config(folder)
        path = Path(folder) / "model.safetensors"
        if config["learner"] != cls.learner:
            raise LearningError(
                f"a {config['learner']} aligner, not {cls.learner}",
                where=str(folder),
                remedy="use Aligner.from_pretrained, which reads any",
            )
        try:
            return cls.from_parts(config["settings"], load_file(path))
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise LearningError(
                f"the aligner cannot be read: {error}", where=str(path), remedy="run meta-train again"
            ) from error


class ModelAligner(SavedAligner):
    """An aligner whose state is one module, which its configuration makes from its shape."""

    def __init__(self, config: Any, model: Any, known: torch.Tensor) -> None:
        """``model`` is frozen; ``known``: bool [concepts]."""
        self.config, self.known = config, known
        self.model = model.eval().requires_grad_(False)

    @classmethod
    @abstractmethod
    def configured(cls, values: dict[str, Any]) -> Any:
        """The configuration from what its ``config`` gave."""

    def settings(self) -> dict[str, Any]:
        return {"config": self.config.config(), "dim": self.model.dim}

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"known": self.known, **{f"model.{k}": v for k, v in self.model.state_dict().items()}}

    @classmethod
    def from_parts(cls, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        config = cls.configured(settings["config"])
        model = config.model(settings["dim"], len(tensors["known"]), 0)
        model.load_state_dict(under("model.", tensors))
        return cls(config, model, tensors["known"])


@dataclass(frozen=True, eq=False)
class FunctionClassifier:
    """A classifier from a function [words, dim] -> [words, concepts] (scores up to a constant per word)."""

    logits: Callable[[torch.Tensor], torch.Tensor]
    valid: torch.Tensor  # bool [concepts]

    def __post_init__(self) -> None:
        if not bool(self.valid.any()):
            raise LearningError(
                "no concept is valid for this pair of languages",
                where="adapt",
                remedy="lower the least number of words, or extract more sentences",
            )

    @torch.no_grad()
    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """float32 [words, concepts] log-probabilities, -inf where not valid."""
        parts = [masked(self.logits(part.float()), self.valid).log_softmax(1) for part in x.split(CHUNK)]
        return torch.cat(parts) if parts else torch.zeros(0, len(self.valid))

    def predict(self, x: torch.Tensor) -> torch.Tensor:
        """int64 [words]."""
        return self.scores(x).argmax(1)


def predictable(known: torch.Tensor, valid: torch.Tensor | None) -> torch.Tensor:
    """bool [concepts]: what may be predicted, known to the aligner and valid to the caller."""
    return known if valid is None else known & valid.to(known.device)


def steps_for(steps: Mapping[int, int], sents: int) -> int:
    """``steps`` (sentences -> steps) at the nearest number of sentences that is not more than ``sents``."""
    fewer = [number for number in steps if number <= sents]
    return steps[max(fewer)] if fewer else 0
