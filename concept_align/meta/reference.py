"""What an aligner's folder keeps of the training languages, for text that comes without a store.

*Mean and scale*: of ``global`` standardisation those of training; of ``language`` what is to be expected of a
language with too few words for a mean and a scale of its own.

*Entropy* of the zero-shot predictions, -sum_k p(k|x) log p(k|x), in nats. A classifier that is lost is far
surer than in any language that it knows, or far less sure: its probabilities alone do not tell.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import save

from .. import atomic
from ..config import checked
from ..errors import LearningError, UsageError
from ..reading import read_json_object
from ..spaces.source import FeatureSource
from ..spaces.standardise import Standardiser, typical
from ..tensors import read_safetensors

NAME = "standardiser.safetensors"
ENTROPY = "entropy.json"
_AGAIN = "run meta-train again"


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
    tensors, _ = read_safetensors(path, error=LearningError, remedy=_AGAIN)
    for name in ("mean", "scale"):
        one = tensors.get(name)
        if one is None or one.dtype != torch.float32 or one.shape != (dim,):
            raise LearningError(f"no {name} of {dim} dimensions in it", where=str(path), remedy=_AGAIN)
        if not bool(one.isfinite().all()) or (name == "scale" and not bool((one > 0).all())):
            raise LearningError(f"impossible numbers for a {name}", where=str(path), remedy=_AGAIN)
    return Standardiser(tensors["mean"], tensors["scale"], 0, {"kind": "kept with the aligner"})


@dataclass(frozen=True)
class UsualEntropy:
    """The entropy of predictions in the training languages, in nats."""

    mean: float
    between: float  # standard deviation of languages' means
    within: float  # mean over languages of the standard deviation of words
    languages: int

    @classmethod
    def of(cls, entropies: Sequence[torch.Tensor]) -> "UsualEntropy":
        """From the entropies of each language's words, [words]."""
        means = torch.stack([one.mean() for one in entropies])
        within = torch.stack([one.std(correction=0) for one in entropies]).mean()
        return cls(float(means.mean()), float(means.std()), float(within), len(entropies))

    def distance(self, entropies: Float[torch.Tensor, " words"]) -> float:
        """How many standard deviations the mean of ``entropies`` lies above the usual one.

        z = (mean - usual mean) / sqrt(between^2 + within^2 / words)
        """
        spread = math.sqrt(self.between**2 + self.within**2 / len(entropies))
        return (float(entropies.mean()) - self.mean) / max(spread, 1e-6)


def entropies_of(scores: Float[torch.Tensor, "words concepts"]) -> Float[torch.Tensor, " words"]:
    """Of log-probabilities; those that are -inf add nothing."""
    log_p = scores.double()
    return -torch.where(log_p.isfinite(), log_p.exp() * log_p, 0).sum(1)


def write_entropy(folder: Path, usual: UsualEntropy | None) -> None:
    """Keep ``usual`` in an aligner's folder."""
    if usual is None:
        (folder / ENTROPY).unlink(missing_ok=True)
    else:
        atomic.write_json(folder / ENTROPY, asdict(usual))


def read_entropy(folder: str | Path) -> UsualEntropy | None:
    """What :func:`write_entropy` kept; None for an aligner without. LearningError where it is damaged."""
    path = Path(folder) / ENTROPY
    if not os.path.lexists(path):
        return None
    told = read_json_object(path, error=LearningError, remedy=_AGAIN)
    try:
        mean, between, within = numbers = [
            checked(float, told[name], name) for name in ("mean", "between", "within")
        ]
        found = UsualEntropy(mean, between, within, checked(int, told["languages"], "languages"))
    except (UsageError, KeyError) as error:
        raise LearningError(f"no entropy in it: {error}", where=str(path), remedy=_AGAIN) from error
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        raise LearningError("impossible numbers for an entropy", where=str(path), remedy=_AGAIN)
    return found
