"""The baseline: ridge regression of the source language's prototypes on the language's words.

    p(k | x) = softmax_k(-||(B + D)'u - z_k||^2),   u = [x, 1]
    D        = argmin_D sum_i ||(B + D)'u_i - z_{y_i}||^2 + r ||D||^2

B and z are the source probe's, so that without support this is the source probe (Hoerl and Kennard 1970, with
a prior mean). r is the one under which each support sentence is likeliest given the others; endless r, which
leaves B as it is, is among the choices. With one sentence its words are left out one by one.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ... import ragged
from ...spaces.features import Features
from ..maps import distance_logits, masked
from ..solvers import ridge
from .base import Classifier
from .source_probe import ProbeAligner, ProbeBaseline

# r, in units of the mean squared length of a word.
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, math.inf)


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
    there = np.unique(sentence)
    if len(there) == 1:
        sentence = np.arange(len(sentence))
        there = sentence
    return [torch.from_numpy(np.flatnonzero(sentence == one)) for one in there]


class RidgeAligner(ProbeAligner):
    """Closed form: the seed changes nothing."""

    learner = "ridge"

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        prototypes, weight, bias = self.prototypes, self.projection, torch.zeros(self.projection.shape[1])
        if support is not None:
            change = self._change(support, valid).float()
            weight, bias = weight + change[:-1], change[-1]
        return Classifier(lambda x: distance_logits(x @ weight + bias, prototypes), valid)

    def _change(self, support: Features, valid: torch.Tensor) -> torch.Tensor:
        """float64 [dim + 1, rank] D, its last row the shift."""
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
            return torch.zeros(u.shape[1], targets.shape[1], dtype=torch.float64)
        return ridge(u, targets, torch.tensor(best * unit, dtype=torch.float64))


@dataclass(frozen=True)
class Ridge(ProbeBaseline):
    """The baseline's options."""

    name = "ridge"
    aligner = RidgeAligner
