"""Meta-learning whose inner step is solved, not descended to: one model for any number of labelled sentences.

``solver = "ridge"`` (R2-D2: Bertinetto et al. 2019, arXiv 1805.08136, equations 4 to 7), from a learned
start W_0 rather than from zero:

    s(x) = alpha W'u(x) + beta,   u(x) = [h(x), 1, s x],   h the hidden layer of f
    W    = W_0 + argmin_D ||U D - (Y - U W_0)||^2 + r ||D||^2

solved in words or in features, whichever are fewer (Woodbury). alpha and beta start where the zero-shot
scores of the training words are nearest to alpha Y + beta. (Leaving over what a softmax leaves,
Y - softmax(s_0(x)), one step of logistic regression, was no better on held-out languages.)

``solver = "procrustes"``: the language's prototypes are turned and moved onto learned ones, mu,

    s_k(x) = -t ||R f(x) + a - mu_k||^2 + log pi_k
    R, a   = argmin_{R'R = I} sum_k w_k ||R m_k + a - mu_k||^2 + lambda_R ||R - I||^2 + lambda_a ||a||^2

m_k the mean of f(x) over the n_k support words of k, w_k = n_k / (1 + n_k / kappa), and pi the frequencies of
concepts, shrunk to those of all languages as in :mod:`.shrink` (Schoenemann 1966; :mod:`..solvers`).

:mod:`.shrink` is a third model of the same kind, with the same stages.

Either way n = 0 is the zero-shot classifier, few words change little, and gradients go through the solution.
Three stages: f and the zero-shot classifier on the words of all training languages; both again on episodes of
these languages (``encoder_epochs``; kept only if the validation languages gain by it); then r, alpha, beta
and s, or lambda, kappa and the mass of pi, on episodes of the validation languages, whose words f does not
know (see :mod:`.shrink`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from ...class_sums import mean_by_class
from ...spaces.features import Features
from ..data import torch_stream
from ..episodes import EpisodeBatch, Words
from ..maps import Encoder, distance_logits
from ..solvers import ridge, rigid
from ..train import Optimisation, Stage
from .base import TrainingData
from .classifier import Classifier
from .fit import EpisodicConfig, Fit, published_shape
from .modules import ModelAligner

STARTS = 2000  # words of each training language that strengths start from
Solution = tuple[torch.Tensor, ...]


class ClosedFormModel(nn.Module, ABC):
    """f, its zero-shot classifier, and the prior strengths."""

    log_raw: nn.Parameter  # s of u(x), where there is one

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.f = encoder

    @property
    def dim(self) -> int:
        return self.f.dim

    @abstractmethod
    def prior_strengths(self) -> tuple[nn.Parameter, ...]:
        """The parameters that say how much a support set must hold to overrule the prior."""

    def learn(self, *, prior_strengths: bool) -> None:
        """The prior strengths are learned, or all but them."""
        self.requires_grad_(not prior_strengths)
        for strength in self.prior_strengths():
            strength.requires_grad_(prior_strengths)

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
        """Set strengths that start from the words ``x`` [words, dim], ``y`` that f was trained on."""

    def _features(
        self, words: Words, hidden: torch.Tensor, valid: torch.Tensor | None = None
    ) -> torch.Tensor:
        """u(x) = [h(x), 1, s x], [tasks, longest, hidden (+ dim) + 1]; 0 where not ``valid``."""
        count = len(words.y)
        parts = [hidden[:count], hidden.new_ones(count, 1)]
        if len(self.f.linears) > 1:
            parts.append(self.log_raw.exp() * words.x[:count])
        u = torch.cat(parts, dim=-1)
        if valid is not None:
            u = u * valid[words.task, words.y].to(u.dtype).unsqueeze(1)
        return words.padded(u)


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

    def prior_strengths(self) -> tuple[nn.Parameter, ...]:
        """r, s, alpha and beta."""
        return self.log_ridge, self.log_raw, self.log_scale, self.bias

    def zero_shot(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.f(x)
        return logits

    def solve(self, support: Words, valid: torch.Tensor) -> Solution:
        """D [tasks, features, concepts]."""
        words = len(support.y)
        hidden = self.f.hidden(support.x)
        logits = self.f.head(hidden)[:words]
        truth = functional.one_hot(support.y, valid.shape[1]).to(logits.dtype)
        # alpha U W_0 + beta are the zero-shot logits, so that n = 0 is the same whatever alpha and beta.
        left = truth - (_centred(logits) - self.bias) / self.log_scale.exp()
        features = self._features(support, hidden, valid)
        return (ridge(features, support.padded(left), self.log_ridge.exp()),)

    def logits(self, words: Words, solution: Solution) -> torch.Tensor:
        hidden = self.f.hidden(words.x)
        moved = words.flat(self._features(words, hidden) @ solution[0])
        return self.f.head(hidden)[: len(words.y)] + self.log_scale.exp() * moved

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


class PrototypeModel(ClosedFormModel):
    """Scores by distance from prototypes, and the language's frequencies of concepts."""

    def __init__(self, encoder: Encoder, concepts: int) -> None:
        super().__init__(encoder)
        self.log_frequency = nn.Parameter(torch.zeros(concepts))
        self.log_temperature = nn.Parameter(torch.zeros(()))
        self.log_mass = nn.Parameter(torch.tensor(5.0))

    def log_frequencies(self, counts: torch.Tensor) -> torch.Tensor:
        """log pi [..., concepts] from counts [..., concepts]."""
        mass = self.log_mass.exp()
        expected = counts + mass * self.log_frequency.softmax(-1)
        return (expected / (counts.sum(-1, keepdim=True) + mass)).log()

    def _scores(self, points: torch.Tensor, prototypes: torch.Tensor, log_pi: torch.Tensor) -> torch.Tensor:
        """[..., words, concepts]; the term of the point alone is left out."""
        return self.log_temperature.exp() * distance_logits(points, prototypes) + log_pi.unsqueeze(-2)


def class_means(
    points: torch.Tensor, support: Words, valid: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Means [tasks, concepts, rank] and counts [tasks, concepts] of ``points`` [words, rank]; no word of a
    concept that is not ``valid`` is counted."""
    tasks, concepts = valid.shape
    means, counts = mean_by_class(points, support.task * concepts + support.y, tasks * concepts)
    return means.view(tasks, concepts, -1), counts.view(tasks, concepts) * valid


class ProcrustesModel(PrototypeModel):
    """An orthogonal map and a shift of f's space, and the language's frequencies of concepts."""

    def __init__(self, encoder: Encoder, rank: int, concepts: int, generator: torch.Generator) -> None:
        super().__init__(encoder, concepts)
        self.prototypes = nn.Parameter(torch.randn(concepts, rank, generator=generator) * rank**-0.5)
        self.log_turn = nn.Parameter(torch.tensor(5.0))
        self.log_move = nn.Parameter(torch.tensor(3.0))
        self.log_kappa = nn.Parameter(torch.tensor(4.0))

    def prior_strengths(self) -> tuple[nn.Parameter, ...]:
        """lambda_R, lambda_a, kappa and the weight a of the frequencies."""
        return self.log_turn, self.log_move, self.log_kappa, self.log_mass

    def zero_shot(self, x: torch.Tensor) -> torch.Tensor:
        return self._scores(self.f(x), self.prototypes, self.log_frequency.log_softmax(0))

    def solve(self, support: Words, valid: torch.Tensor) -> Solution:
        """R [tasks, rank, rank], a [tasks, rank] and log pi [tasks, concepts]."""
        means, counts = class_means(self.f(support.x)[: len(support.y)], support, valid)
        # The precision of a mean of n words around a place that itself varies from language to language.
        weights = counts / (1 + counts / self.log_kappa.exp())
        goals, turn, move = self.prototypes.expand_as(means), self.log_turn.exp(), self.log_move.exp()
        return (*rigid(means, goals, weights, turn=turn, move=move), self.log_frequencies(counts))

    def logits(self, words: Words, solution: Solution) -> torch.Tensor:
        rotation, shift, log_pi = solution
        points = words.padded(self.f(words.x)[: len(words.y)])
        mapped = points @ rotation.transpose(-1, -2) + shift.unsqueeze(-2)
        return words.flat(self._scores(mapped, self.prototypes, log_pi))


class ClosedFormAligner(ModelAligner):
    """One model for every number of shots. Closed form: the seed changes nothing."""

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        model = self.model
        if support is None:
            return Classifier(model.zero_shot, valid)
        with torch.no_grad():
            solution = model.solve(Words.alone(support.x, support.y), valid.unsqueeze(0))
        return Classifier(lambda x: model.logits(Words.alone(x), solution), valid)


class ClosedFormFit(Fit):
    """The stages of one fit, on one model."""

    def __init__(self, config: EpisodicConfig, data: TrainingData, seed: int) -> None:
        super().__init__(config, data, seed)
        # Strengths are about languages that f was not trained on; without any the training languages serve.
        self.languages = data.validation or data.train
        if isinstance(self.model, PrototypeModel):
            with torch.no_grad():
                self.model.log_frequency.copy_((self.counts + 1.0).log())

    def stages(self) -> dict[str, Callable[[], Stage]]:
        encoder = {"encoder": self.encoder} if self.config.encoder_epochs else {}
        return {"pooled": self.pooled, **encoder, "strengths": self.strengths}

    def pooled(self) -> Stage:
        """Single words of all training languages: n = 0."""
        model = self.model
        model.learn(prior_strengths=False)

        def loss(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
            return functional.cross_entropy(model.zero_shot(x), y)

        return self.on_words("pooled", loss, lambda: self.accuracies((0,)))

    def encoder(self) -> Stage:
        """f and the zero-shot classifier, on episodes of the training languages."""
        config = self.config
        self._start()
        self.model.learn(prior_strengths=False)
        plan = Optimisation(config.encoder_epochs, config.encoder_lr, config.weight_decay, decoupled=True)
        return self._episodic("encoder", self.data.train, plan, (0, *config.validation_shots), noisy=True)

    def strengths(self, name: str = "strengths", *, noisy: bool = False) -> Stage:
        """The prior strengths, on episodes of languages that f was not trained on (if there are any)."""
        self._start()
        self.model.learn(prior_strengths=True)
        plan = Optimisation(self.config.epochs, self.config.lr)
        return self._episodic(name, self.languages, plan, self.config.validation_shots, noisy=noisy)

    def _start(self) -> None:
        parts = [self.data.load(language, "train") for language in self.data.train]
        chosen = [(part, slice(None, None, max(1, part.words // STARTS))) for part in parts]
        x, y = zip(*((part.rows(some), part.y[some]) for part, some in chosen), strict=True)
        self.model.eval().start(torch.cat(x), torch.cat(y))

    def _episodic(
        self, name: str, languages: Sequence[str], plan: Optimisation, shots: tuple[int, ...], *, noisy: bool
    ) -> Stage:
        """``noisy``: with dropout, which is for f to learn with; strengths are about f as it will be."""
        episodes = self.episodes_of(name, languages)

        def loss(epoch: int, step: int) -> torch.Tensor:
            self.model.train(noisy)
            return self.loss(episodes(epoch, step))

        return Stage(name, self.model, episodes.steps, loss, lambda: self.accuracies(shots), plan)

    def loss(self, episodes: EpisodeBatch) -> torch.Tensor:
        """Mean over query words of the negative log-likelihood."""
        valid = torch.ones(episodes.tasks, len(self.known), dtype=torch.bool)
        logits = self.model.logits(episodes.query, self.model.solve(episodes.support, valid))
        return functional.cross_entropy(logits, episodes.query.y)


@dataclass(frozen=True)
class ClosedForm(EpisodicConfig):
    """The options; ``lr`` is that of log strengths."""

    name = "closed-form"
    aligner, fits = ClosedFormAligner, ClosedFormFit
    solver: Literal["ridge", "procrustes"] = "ridge"
    encoder_epochs: int = 0  # of episodes of the training languages, which teach f and the classifier
    encoder_lr: float = 1e-4

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default`` solves ridge regression, ``procrustes`` the orthogonal map."""
        shape = published_shape(task)
        return {"default": shape, "procrustes": {**shape, "solver": "procrustes"}}

    @property
    def bars(self) -> int:
        return 2 + bool(self.encoder_epochs)

    def model(self, dim: int, concepts: int, seed: int) -> ClosedFormModel:
        generator = torch_stream(seed, "closed-form", "init")
        rank = concepts if self.solver == "ridge" else self.rank
        encoder = Encoder(dim, rank, hidden=self.hidden, dropout=self.dropout, generator=generator)
        if self.solver == "ridge":
            return RidgeModel(encoder, concepts)
        return ProcrustesModel(encoder, rank, concepts, generator)
