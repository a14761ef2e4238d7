"""The linear probe: a projection in which words lie near the projected prototype of their concept.

    p(k | x) = softmax_k(-||B'x - B'c_k||^2),   c_k the mean of concept k's training words

B [dim, rank] minimises the negative log-likelihood of the labelled words, with the gradient through both
terms (Xu et al. 2023, arXiv 2310.12794, section 3). The concept space of the language is {z_k = B'c_k}.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from numpy.typing import NDArray

from .. import ragged, seeding
from ..errors import LearningError, UsageError
from ..progress import Progress, Silent
from ..tensors import load_tensors, save_tensors
from .classify import middle, nearest_concept, similarities
from .features import Features
from .prototypes import ConceptSpace, fit_prototypes
from .standardise import Standardiser

Preset = Literal["faithful", "fast"]
NAME = "probe"


@dataclass(frozen=True)
class ProbeConfig:
    """How a probe is trained. The defaults are the published ones (preset ``faithful``)."""

    preset: Preset = "faithful"
    rank: int = 32  # dimensions of the concept space; 64 for relations
    epochs: int = 20
    batch_sentences: int = 8
    lr: float = 1e-4
    schedule: Literal["cosine", "constant"] = "cosine"
    beta1: float = 0.9
    beta2: float = 0.999
    weight_decay: float = 1e-6  # added to the gradient, as Adam (not AdamW) has it
    init: float = 0.05  # B starts uniform in (-init, init)
    min_count: int = 1  # training words without which a concept is never predicted

    def __post_init__(self) -> None:
        if min(self.rank, self.epochs, self.batch_sentences, self.min_count) < 1 or self.lr <= 0:
            raise UsageError(f"rank, epochs, batch_sentences, min_count and lr must be positive: {self}")


def probe_config(preset: str = "faithful", *, relational: bool = False, **changes: Any) -> ProbeConfig:
    """The configuration called ``preset`` for a task, with ``changes`` to its fields.

    ``fast`` trains the same model in a third of the time. The published rate underfits: on Gemma 3 270M,
    layer 10, English and Basque, 2,000 sentences each, ``faithful`` reached 83.5 % (word classes) and 76.9 %
    (relations), ``fast`` 84.9 % and 78.1 %; with 500 sentences the distance was three points.
    """
    if preset not in get_args(Preset):
        raise UsageError(f"unknown preset {preset!r}", remedy="use faithful or fast")
    config = ProbeConfig(rank=64 if relational else 32)
    if preset == "fast":
        config = replace(config, preset="fast", epochs=8, lr=2e-3, batch_sentences=16)
    return replace(config, **changes)


@dataclass(frozen=True, eq=False)
class Probe:
    """A trained probe; a classifier of words represented and standardised as its training words were."""

    projection: Float32[torch.Tensor, "dim rank"]
    space: ConceptSpace  # of rank dimensions: z_k = B'c_k, with the counts of training words
    config: ProbeConfig
    seed: int
    epoch: int  # the epoch chosen, from 1
    dev_accuracy: tuple[float, ...]  # after each epoch; empty without development words
    standardiser: Standardiser | None = None  # what made the training words; not applied by ``scores``
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def valid(self) -> Bool[torch.Tensor, " concepts"]:
        """What may be predicted."""
        return self.space.valid(self.config.min_count)

    def project(self, x: Float[torch.Tensor, "words dim"]) -> Float32[torch.Tensor, "words rank"]:
        """B'x."""
        return x.float() @ self.projection

    def scores(self, x: Float[torch.Tensor, "words dim"]) -> Float32[torch.Tensor, "words concepts"]:
        """Log-probabilities; -inf for a concept that may not be predicted."""
        return torch.log_softmax(similarities(self.project(x), self.space.prototypes, self.valid), dim=1)

    def predict(self, x: Float[torch.Tensor, "words dim"]) -> Int64[torch.Tensor, " words"]:
        """The best concept of each word."""
        return nearest_concept(x, self.space.prototypes, self.valid, self.projection)

    def save(self, folder: str | Path) -> None:
        """Write ``probe.safetensors`` and ``probe.json`` to ``folder``."""
        tensors = {"projection": self.projection, "counts": self.space.counts, "z": self.space.prototypes}
        about: dict[str, Any] = {
            "concepts": list(self.space.concepts),
            "config": asdict(self.config),
            "seed": self.seed,
            "epoch": self.epoch,
            "dev_accuracy": list(self.dev_accuracy),
            "space": dict(self.space.provenance),
            "provenance": dict(self.provenance),
        }
        if self.standardiser is not None:
            tensors |= {"mean": self.standardiser.mean, "scale": self.standardiser.scale}
            made = {"words": self.standardiser.words, "provenance": dict(self.standardiser.provenance)}
            about["standardiser"] = made
        save_tensors(folder, NAME, tensors, about)

    @classmethod
    def load(cls, folder: str | Path) -> "Probe":
        """Read what :meth:`save` wrote. Raises StoreError for anything else."""
        tensors, about = load_tensors(folder, NAME)
        standardiser = None
        if kept := about.get("standardiser"):
            standardiser = Standardiser(tensors["mean"], tensors["scale"], kept["words"], kept["provenance"])
        space = ConceptSpace(tuple(about["concepts"]), tensors["counts"], tensors["z"], about["space"])
        trained = (about["seed"], about["epoch"], tuple(about["dev_accuracy"]))
        config = ProbeConfig(**about["config"])
        return cls(tensors["projection"], space, config, *trained, standardiser, about["provenance"])


def loss_and_gradient(
    projection: Float[torch.Tensor, "dim rank"],
    x: Float[torch.Tensor, "words dim"],
    y: Int64[torch.Tensor, " words"],
    prototypes: Float[torch.Tensor, "concepts dim"],
    valid: Bool[torch.Tensor, " concepts"],
) -> tuple[Float[torch.Tensor, ""], Float[torch.Tensor, "dim rank"]]:
    """The mean negative log-likelihood of the words, and dL/dB.

    With Z = XB, W = CB and G = (P - Y) / words:  dL/dW = 2 (G'Z - diag(G'1) W),  dL/dB = 2 X'GW + C' dL/dW.
    Rows of ``prototypes`` that are not ``valid`` are zero.
    """
    z, w = x @ projection, prototypes @ projection
    scores = (2 * z @ w.T - w.square().sum(1)).masked_fill_(~valid, -torch.inf)
    log_p = torch.log_softmax(scores, dim=1)
    loss = -log_p.gather(1, y[:, None]).mean()
    g = log_p.exp_()
    g.scatter_add_(1, y[:, None], g.new_full((len(y), 1), -1.0))
    g /= len(y)
    dw = g.T @ z - g.sum(0)[:, None] * w
    return loss, 2 * (x.T @ (g @ w) + prototypes.T @ dw)


class _Adam:
    """Adam with the weight decay inside the gradient, on one tensor, in place."""

    def __init__(self, weight: torch.Tensor, config: ProbeConfig) -> None:
        self.weight, self.config, self.steps = weight, config, 0
        self.first, self.second = torch.zeros_like(weight), torch.zeros_like(weight)

    def step(self, gradient: torch.Tensor, lr: float) -> None:
        one, two = self.config.beta1, self.config.beta2
        self.steps += 1
        gradient.add_(self.weight, alpha=self.config.weight_decay)
        self.first.lerp_(gradient, 1 - one)
        self.second.mul_(two).addcmul_(gradient, gradient, value=1 - two)
        scale = (self.second / (1 - two**self.steps)).sqrt_().add_(1e-8)
        self.weight.addcdiv_(self.first, scale, value=-lr / (1 - one**self.steps))


def _batches(
    offsets: NDArray[np.int64], size: int, generator: np.random.Generator
) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Rows of the sentences in a random order, and where each batch of ``size`` sentences ends."""
    order = generator.permutation(len(offsets) - 1)
    rows, own = ragged.take(offsets, order)
    ends = own[1:]
    return torch.from_numpy(rows), np.unique(np.append(ends[size - 1 :: size], ends[-1]))


def fit_probe(
    train: Features,
    dev: Features | None,
    config: ProbeConfig,
    *,
    seed: int,
    standardiser: Standardiser | None = None,
    provenance: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Probe:
    """Train a probe on ``train`` and keep the epoch that is best on ``dev`` (the last without it).

    Raises LearningError where there is nothing to learn from, or where training diverges.
    """
    raw = fit_prototypes(train.stored, train.y, train.concepts)
    valid = raw.valid(config.min_count)
    centre = middle(raw.prototypes, valid)  # distances do not change; float32 keeps its digits
    prototypes = torch.where(valid[:, None], raw.prototypes - centre, torch.zeros(()))
    draws = torch.Generator().manual_seed(seeding.derive(seed, "probe", "init"))
    projection = torch.empty(train.dim, config.rank).uniform_(-config.init, config.init, generator=draws)
    order, adam = seeding.stream(seed, "probe", "batches"), _Adam(projection, config)
    known = dev if dev is not None and dev.words else None
    best, history = (-1.0, config.epochs, projection), []
    size = config.batch_sentences
    total = config.epochs * math.ceil(train.sents / size)
    bar = (progress or Silent()).bar(f"probe {train.language}", config.epochs, unit="epochs")
    for epoch in range(1, config.epochs + 1):
        rows, ends = _batches(train.offsets, size, order)
        begin = 0
        for end in ends:
            piece, begin = rows[begin:end], int(end)
            x, y = train.rows(piece).sub_(centre), train.y[piece]
            if config.min_count > 1:
                x, y = x[valid[y]], y[valid[y]]
            if len(y) == 0:
                continue
            _, gradient = loss_and_gradient(projection, x, y, prototypes, valid)
            done = adam.steps / total
            adam.step(
                gradient,
                config.lr * (0.5 + 0.5 * math.cos(math.pi * done) if config.schedule == "cosine" else 1),
            )
        if not bool(projection.isfinite().all()):
            what = f"the probe diverged in epoch {epoch}"
            remedy = "lower the learning rate, or let standardise be language"
            raise LearningError(what, where=f"language {train.language}", remedy=remedy)
        if known is not None:
            z = prototypes @ projection + centre @ projection
            right = nearest_concept(known.x, z, valid, projection) == known.y
            history.append(float(right.double().mean()))
            if history[-1] > best[0]:
                best = (history[-1], epoch, projection.clone())
            bar.note(f"dev {history[-1]:.3f}")
        bar.advance()
    _, epoch, projection = best
    about = dict(provenance or {})
    return Probe(
        projection, raw.projected(projection, about), config, seed, epoch, tuple(history), standardiser, about
    )
