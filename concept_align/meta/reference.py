"""Mean and scale that an aligner's folder keeps, for text that comes without a store.

Of ``global`` standardisation they are those of training; of ``language`` they are what is to be expected of
a language with too few words for a mean and a scale of its own.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors.torch import save

from .. import atomic
from ..errors import LearningError
from ..spaces.source import FeatureSource
from ..spaces.standardise import Standardiser, typical
from ..tensors import read_safetensors

NAME = "standardiser.safetensors"


def reference(features: FeatureSource, languages: Sequence[str]) -> Standardiser | None:
    """The statistics of the training ``languages``; None where states are not standardised."""
    found = [one for language in languages if (one := features.standardiser(language)) is not None]
    if features.spec.standardise != "language":
        return found[0] if found else None
    return typical(found, {"kind": "typical", "languages": list(languages)})


def write_reference(folder: Path, standardiser: Standardiser | None) -> None:
    """Keep ``standardiser`` in an aligner's folder."""
    if standardiser is None:
        (folder / NAME).unlink(missing_ok=True)
        return
    tensors = {"mean": standardiser.mean.contiguous(), "scale": standardiser.scale.contiguous()}
    atomic.write_bytes(folder / NAME, save(tensors, metadata={"words": str(standardiser.words)}))


def read_reference(folder: str | Path, dim: int) -> Standardiser | None:
    """What :func:`write_reference` kept for states of ``dim`` dimensions; None for an aligner without.

    LearningError where it is damaged, or no mean and scale of such states.
    """
    path = Path(folder) / NAME
    if not os.path.lexists(path):
        return None
    again = "run meta-train again"
    tensors, _ = read_safetensors(path, error=LearningError, remedy=again)
    for name in ("mean", "scale"):
        one = tensors.get(name)
        if one is None or one.dtype != torch.float32 or one.shape != (dim,):
            raise LearningError(f"no {name} of {dim} dimensions in it", where=str(path), remedy=again)
        if not bool(one.isfinite().all()) or (name == "scale" and not bool((one > 0).all())):
            raise LearningError(f"impossible numbers for a {name}", where=str(path), remedy=again)
    return Standardiser(tensors["mean"], tensors["scale"], 0, {"kind": "kept with the aligner"})
