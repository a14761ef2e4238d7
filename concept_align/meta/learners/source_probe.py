"""Baselines that start from a probe of the source language, and what each makes of a language's own words.

    p(k | x) = softmax_k(-||B'x - z_k||^2),   z_k = B'c_k of the source language

Xu et al. 2023 (arXiv 2310.12794), section 3. Without support all of them are this probe; with support

    source-probe   z_k is the mean of the projected support words of k where the support has any: no mixing
    procrustes     -||s R B'x + a - z_k||^2,  s, R, a = argmin_{R'R = I} sum_k n_k ||s R m_k + a - z_k||^2
    ridge          -||(B + D)'u - z_k||^2,    D = argmin_D sum_i ||(B + D)'u_i - z_{y_i}||^2 + r ||D||^2

m_k is the mean of the n_k projected support words of k: Schoenemann (1966) with translation and scale (Gower
1975). Of the maps that fit equally well (fewer concepts than dimensions), R is the one nearest to the
identity. u = [x, 1] (Hoerl and Kennard 1970, with a prior mean); r is the one under which each support
sentence is likeliest given the others; endless r, which leaves B as it is, is among the choices. With one
sentence its words are left out one by one. All are closed forms: the seed changes nothing.
"""

import math
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ... import ragged
from ...class_sums import mean_by_class
from ...progress import Progress
from ...seeding import derive
from ...spaces.features import Features
from ...spaces.probe import Probe, fit_probe, probe_config
from ..data import require
from ..maps import distance_logits, masked
from ..solvers import cross, polar, ridge
from .base import Aligner, LearnerConfig, TrainingData
from .classifier import Classifier
from .fit import published_shape

# r, in units of the mean squared length of a word.
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, math.inf)
Moved = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # B [dim, rank], a shift [rank], z [concepts, rank]


def probe_source(
    data: TrainingData, *, rank: int, preset: str, least: int, seed: int, progress: Progress | None = None
) -> Probe:
    """The probe of the source language: trained on its training split, its epoch chosen on its dev split."""
    config = probe_config(preset, rank=rank, min_count=least)
    train, dev = require(data.load(data.source, "train"), data.source), data.load(data.source, "dev")
    return fit_probe(train, dev, config, seed=derive(seed, "source probe"), progress=progress)


class ProbeAligner(Aligner):
    """The projection and prototypes of the source language."""

    def __init__(self, projection: torch.Tensor, prototypes: torch.Tensor, known: torch.Tensor) -> None:
        """[dim, rank], [concepts, rank] (any value where not known) and bool [concepts]."""
        self.projection, self.prototypes, self.known = projection, prototypes, known

    @property
    def dim(self) -> int:
        return len(self.projection)

    def tensors(self) -> dict[str, torch.Tensor]:
        return {"projection": self.projection, "prototypes": self.prototypes, "known": self.known}

    @classmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        return cls(tensors["projection"], tensors["prototypes"], tensors["known"])

    def check(self) -> None:
        super().check()
        (dim, rank), shape = self.projection.shape, (len(self.known), self.projection.shape[1])
        numbers = [self.projection, self.prototypes]
        if self.prototypes.shape != shape or not dim * rank:
            raise ValueError(f"prototypes {list(self.prototypes.shape)} for a projection [{dim}, {rank}]")
        if not all(one.dtype == torch.float32 and bool(one.isfinite().all()) for one in numbers):
            raise ValueError("a learned number is not finite")

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        weight, bias, prototypes = self.projection, torch.zeros(self.projection.shape[1]), self.prototypes
        if support is not None:
            weight, bias, prototypes = self._moved(support, valid)
        return Classifier(lambda x: distance_logits(x @ weight + bias, prototypes), valid)

    @abstractmethod
    def _moved(self, support: Features, valid: torch.Tensor) -> Moved:
        """What the support makes of projection and prototypes."""


class SourceProbeAligner(ProbeAligner):
    """Prototypes are the support's, of the concepts that it has."""

    learner = "source-probe"

    def _known(self, support: Features | None) -> torch.Tensor:
        return self.known if support is None else self.known | (support.counts() > 0)

    def _moved(self, support: Features, valid: torch.Tensor) -> Moved:
        means, counts = mean_by_class(support.x @ self.projection, support.y, len(self.prototypes))
        prototypes = torch.where((counts > 0).unsqueeze(1), means, self.prototypes)
        return self.projection, torch.zeros(means.shape[1]), prototypes


class ProcrustesAligner(ProbeAligner):
    """The language's prototypes turned, scaled and moved onto those of the source language."""

    learner = "procrustes"

    def _moved(self, support: Features, valid: torch.Tensor) -> Moved:
        points = (support.x @ self.projection).double()
        means, counts = mean_by_class(points, support.y, len(self.prototypes))
        scale, rotation, shift = similarity(means, self.prototypes.double(), counts)
        return (scale * self.projection.double() @ rotation.T).float(), shift.float(), self.prototypes


def similarity(
    points: torch.Tensor, goals: torch.Tensor, weights: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """s [], R [rank, rank] and a [rank] from m, z [concepts, rank] and weights [concepts], one of them not 0.

    One concept says nothing of turn and scale: R is the identity, s is 1.
    """
    shares = (weights / weights.sum()).unsqueeze(-1)
    centre = (shares * points).sum(0)
    spread = (shares * (points - centre).square()).sum()
    matrix = cross(points, goals, shares.squeeze(-1), points.new_zeros(()))
    hint = 1e-9 * matrix.norm() + torch.finfo(points.dtype).tiny  # decides only what the points leave open
    rotation = polar(matrix + hint * torch.eye(len(matrix), dtype=matrix.dtype))
    told = int((weights > 0).sum()) > 1 and bool(spread > 0)
    scale = (rotation * matrix).sum() / spread if told else points.new_ones(())
    shift = (shares * goals).sum(0) - scale * rotation @ centre
    return scale, rotation, shift


class RidgeAligner(ProbeAligner):
    """Ridge regression of the source language's prototypes on the language's words."""

    learner = "ridge"

    def _moved(self, support: Features, valid: torch.Tensor) -> Moved:
        x, y = support.x, support.y
        sentence = ragged.sentence_of(support.offsets)
        u = torch.cat([x.double(), torch.ones(len(x), 1, dtype=torch.float64)], dim=1)
        before, z = u[:, :-1] @ self.projection.double(), self.prototypes.double()
        targets, unit = z[y] - before, float(u.square().sum(1).mean())
        spectrum, blocks = _spectrum(u), _blocks(sentence)

        def unlikelihood(strength: float) -> float:
            guess = 0.0 if math.isinf(strength) else left_out(spectrum, targets, blocks, strength * unit)
            return float(functional.cross_entropy(masked(distance_logits(before + guess, z), valid), y))

        best = min(STRENGTHS, key=unlikelihood) if len(blocks) > 1 else math.inf
        if math.isinf(best):
            return self.projection, self.projection.new_zeros(targets.shape[1]), self.prototypes
        change = ridge(u, targets, torch.tensor(best * unit, dtype=torch.float64)).float()
        return self.projection + change[:-1], change[-1], self.prototypes


def _spectrum(u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Left singular vectors [words, rank] and squared singular values [rank] of ``u`` [words, dim]."""
    dual = len(u) <= u.shape[1]
    values, vectors = torch.linalg.eigh(u @ u.T if dual else u.T @ u)
    kept = values > values[-1] * len(values) * torch.finfo(u.dtype).eps
    values, vectors = values[kept], vectors[:, kept]
    return (vectors if dual else u @ vectors / values.sqrt()), values


def left_out(
    spectrum: tuple[torch.Tensor, torch.Tensor],
    targets: torch.Tensor,
    blocks: list[torch.Tensor],
    strength: float,
) -> torch.Tensor:
    """[words, outputs]: for each block of words what ridge regression on all other words says of it.

    With H = U (U'U + r I)^-1 U', the residuals of a block that is left out are (I - H_bb)^-1 (T - H T)_b:
    one decomposition serves all blocks and strengths.
    """
    vectors, values = spectrum
    shrunk = vectors * (values / (values + strength))
    residuals = targets - shrunk @ (vectors.T @ targets)
    found = torch.empty_like(targets)
    for block in blocks:
        own = torch.eye(len(block), dtype=targets.dtype) - shrunk[block] @ vectors[block].T
        found[block] = targets[block] - torch.linalg.solve(own, residuals[block])
    return found


def _blocks(sentence: NDArray[np.int64]) -> list[torch.Tensor]:
    """Places of the words of each sentence; of each word where there is one sentence."""
    if len(np.unique(sentence)) == 1:
        sentence = np.arange(len(sentence))
    return [torch.from_numpy(np.flatnonzero(sentence == one)) for one in np.unique(sentence)]


@dataclass(frozen=True)
class ProbeBaseline(LearnerConfig):
    """The options of baselines that start from the source language's probe."""

    aligner: ClassVar[type[ProbeAligner]]
    rank: int = 32
    preset: Literal["faithful", "fast"] = "faithful"
    least: int = 10  # training words a concept needs

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``faithful`` is the published probe; ``default`` trains the same one in a third of the epochs."""
        rank = published_shape(task)["rank"]
        return {
            "faithful": {"rank": rank, "preset": "faithful"},
            "default": {"rank": rank, "preset": "fast"},
        }

    def _fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> ProbeAligner:
        """Train the probe; seconds, so without checkpoints."""
        probe = probe_source(
            data, rank=self.rank, preset=self.preset, least=self.least, seed=seed, progress=progress
        )
        return self.aligner(probe.projection, probe.space.filled(), probe.valid)


@dataclass(frozen=True)
class SourceProbe(ProbeBaseline):
    """The baseline's options."""

    name = "source-probe"
    aligner = SourceProbeAligner


@dataclass(frozen=True)
class Procrustes(ProbeBaseline):
    """The baseline's options."""

    name = "procrustes"
    aligner = ProcrustesAligner


@dataclass(frozen=True)
class Ridge(ProbeBaseline):
    """The baseline's options."""

    name = "ridge"
    aligner = RidgeAligner
