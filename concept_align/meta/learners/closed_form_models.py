"""What :mod:`.closed_form` learns, and its two solves; tasks lie side by side."""

from abc import abstractmethod

import torch
from torch import nn
from torch.nn import functional

from ..episodes import Words
from ..maps import Encoder, distance_logits
from ..solvers import ridge, rigid
from .belief_fit import Believing

Solution = tuple[torch.Tensor, ...]


class ClosedFormModel(Believing):
    """f, its zero-shot classifier, and the beliefs."""

    @abstractmethod
    def zero_shot(self, x: torch.Tensor) -> torch.Tensor:
        """[words, concepts]: logits without support."""

    @abstractmethod
    def solve(self, support: Words, valid: torch.Tensor) -> Solution:
        """What the support of each task makes of the model; ``valid`` bool [tasks, concepts]. Words of
        concepts that are not valid have no part."""

    @abstractmethod
    def logits(self, words: Words, solution: Solution) -> torch.Tensor:
        """[words, concepts]: logits of the words of every task."""

    @torch.no_grad()
    def start(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """Set beliefs that have a start in the words ``x`` [words, dim], ``y`` that f was trained on."""


class RidgeModel(ClosedFormModel):
    """Ridge regression of what the zero-shot classifier leaves over.

    ``head`` of the encoder, with one output a concept, is the zero-shot classifier.
    """

    def __init__(self, encoder: Encoder, concepts: int) -> None:
        super().__init__(encoder)
        # The starts are near where training on UD ends up.
        self.log_ridge = nn.Parameter(torch.tensor(4.9))
        self.log_raw = nn.Parameter(torch.tensor(-1.0))
        self.log_scale = nn.Parameter(torch.tensor(1.5))
        self.bias = nn.Parameter(torch.zeros(concepts))

    def beliefs(self) -> tuple[nn.Parameter, ...]:
        """r, s, alpha and beta."""
        return self.log_ridge, self.log_raw, self.log_scale, self.bias

    def zero_shot(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.f(x)
        return logits

    def _features(self, hidden: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """u(x) = [h(x), 1, s x]: [words, hidden (+ dim) + 1]."""
        parts = [hidden, hidden.new_ones(len(hidden), 1)]
        if len(self.f.linears) > 1:
            parts.append(self.log_raw.exp() * x)
        return torch.cat(parts, dim=-1)

    def solve(self, support: Words, valid: torch.Tensor) -> Solution:
        """D [tasks, features, concepts]."""
        words = len(support.y)
        hidden = self.f.hidden(support.x)
        logits = self.f.head(hidden)[:words]
        truth = functional.one_hot(support.y, valid.shape[1]).to(logits.dtype)
        counted = valid[support.task, support.y].to(logits.dtype).unsqueeze(1)
        features = support.padded(self._features(hidden[:words], support.x[:words]) * counted)
        # alpha U W_0 + beta are the zero-shot logits, so that n = 0 is the same whatever alpha and beta.
        left = truth - (_centred(logits) - self.bias) / self.log_scale.exp()
        return (ridge(features, support.padded(left), self.log_ridge.exp()),)

    def logits(self, words: Words, solution: Solution) -> torch.Tensor:
        hidden, count = self.f.hidden(words.x), len(words.y)
        features = self._features(hidden[:count], words.x[:count])
        moved = words.flat(words.padded(features) @ solution[0])
        return self.f.head(hidden)[:count] + self.log_scale.exp() * moved

    @torch.no_grad()
    def start(self, x: torch.Tensor, y: torch.Tensor) -> None:
        """alpha and beta: least squares of the zero-shot logits on the one-hot concepts."""
        logits = _centred(self.zero_shot(x))
        truth = functional.one_hot(y, logits.shape[1]).to(logits.dtype)
        apart = truth - truth.mean(0)
        scale = ((apart * (logits - logits.mean(0))).sum() / apart.square().sum()).clamp(min=0.1)
        self.log_scale.copy_(scale.log())
        self.bias.copy_(logits.mean(0) - scale * truth.mean(0))


def _centred(logits: torch.Tensor) -> torch.Tensor:
    """Less what is common to all concepts of a word, which a softmax cannot see."""
    return logits - logits.mean(-1, keepdim=True)


class ProcrustesModel(ClosedFormModel):
    """An orthogonal map and a shift of f's space, and the language's frequencies of concepts."""

    def __init__(self, encoder: Encoder, rank: int, concepts: int, generator: torch.Generator) -> None:
        super().__init__(encoder)
        self.prototypes = nn.Parameter(torch.randn(concepts, rank, generator=generator) * rank**-0.5)
        self.log_frequency = nn.Parameter(torch.zeros(concepts))
        self.log_temperature = nn.Parameter(torch.zeros(()))
        self.log_turn = nn.Parameter(torch.tensor(5.0))
        self.log_move = nn.Parameter(torch.tensor(3.0))
        self.log_kappa = nn.Parameter(torch.tensor(4.0))
        self.log_mass = nn.Parameter(torch.tensor(5.0))

    def beliefs(self) -> tuple[nn.Parameter, ...]:
        """lambda_R, lambda_a, kappa and the weight a of the frequencies."""
        return self.log_turn, self.log_move, self.log_kappa, self.log_mass

    def _logits(self, points: torch.Tensor, log_pi: torch.Tensor) -> torch.Tensor:
        return self.log_temperature.exp() * distance_logits(points, self.prototypes) + log_pi

    def zero_shot(self, x: torch.Tensor) -> torch.Tensor:
        return self._logits(self.f(x), self.log_frequency.log_softmax(0))

    def solve(self, support: Words, valid: torch.Tensor) -> Solution:
        """R [tasks, rank, rank], a [tasks, rank] and log pi [tasks, concepts]."""
        tasks, concepts = valid.shape
        points = self.f(support.x)[: len(support.y)]
        index = support.task * concepts + support.y
        counts = torch.bincount(index, minlength=tasks * concepts).to(points.dtype)
        sums = points.new_zeros(tasks * concepts, points.shape[1]).index_add(0, index, points)
        means = (sums / counts.clamp(min=1).unsqueeze(1)).view(tasks, concepts, -1)
        counts = counts.view(tasks, concepts) * valid
        # The precision of a mean of n words around a place that itself varies from language to language.
        weights = counts / (1 + counts / self.log_kappa.exp())
        rotation, shift = rigid(
            means,
            self.prototypes.expand_as(means),
            weights,
            turn=self.log_turn.exp(),
            move=self.log_move.exp(),
        )
        mass = self.log_mass.exp()
        expected = counts + mass * self.log_frequency.softmax(0)
        return rotation, shift, (expected / (counts.sum(1, keepdim=True) + mass)).log()

    def logits(self, words: Words, solution: Solution) -> torch.Tensor:
        rotation, shift, log_pi = solution
        points = words.padded(self.f(words.x)[: len(words.y)])
        mapped = points @ rotation.transpose(-1, -2) + shift.unsqueeze(-2)
        return words.flat(self._logits(mapped, log_pi.unsqueeze(-2)))
