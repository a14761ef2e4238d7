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

Either way n = 0 is the zero-shot classifier, few words change little, and gradients go through the solution.
Three stages: f and the zero-shot classifier on the words of all training languages; both again on episodes of
these languages (``encoder_epochs``; kept only if the validation languages gain by it); then r, alpha, beta
and s, or lambda, kappa and the mass of pi, on episodes of the validation languages, whose words f does not
know (see :mod:`.shrink`).
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from torch.nn import functional

from ...class_sums import mean_by_class
from ...progress import Progress
from ...spaces.features import Features
from ..data import EpisodeBatches, WordBatches, identity, torch_stream
from ..episodes import EpisodeBatch, Words
from ..maps import Encoder, distance_logits
from ..solvers import ridge, rigid
from ..train import Optimisation, Stage, save_history, train
from .base import Classifier, LearnerConfig, ModelAligner, TrainingData
from .shrinkage import ShrinkageFit, ShrinkageModel

STARTS = 2000  # words of each training language that strengths start from
Solution = tuple[torch.Tensor, ...]


class ClosedFormModel(ShrinkageModel):
    """f, its zero-shot classifier, and the prior strengths."""

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

    def prior_strengths(self) -> tuple[nn.Parameter, ...]:
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
        means, counts = mean_by_class(points, index, tasks * concepts)
        means, counts = means.view(tasks, concepts, -1), counts.view(tasks, concepts)
        counts = counts * valid
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


@dataclass(frozen=True)
class ClosedForm(LearnerConfig):
    """The options."""

    name = "closed-form"
    aligner = ClosedFormAligner
    solver: Literal["ridge", "procrustes"] = "ridge"
    rank: int = 32  # of procrustes
    hidden: int = 256
    dropout: float = 0.33
    least: int = 10  # training words a concept needs, over all languages
    pooled_epochs: int = 4
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    pooled_lr: float = 1e-3
    weight_decay: float = 1e-4
    encoder_epochs: int = 0  # of episodes of the training languages, which teach f and the classifier
    encoder_lr: float = 1e-4
    epochs: int = 4  # of episodes of the validation languages, which teach the prior strengths
    lr: float = 0.02
    episodes: int = 15  # of each language an epoch
    queries: int = 20  # sentences
    shots: tuple[int, ...] = (1, 5, 10, 20, 50)  # one drawn for each episode
    validation_shots: tuple[int, ...] = (1, 10, 50)

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default`` solves ridge regression, ``procrustes`` the orthogonal map."""
        shape = {"rank": 64, "hidden": 384} if task == "relation" else {"rank": 32, "hidden": 256}
        return {"default": shape, "procrustes": {**shape, "solver": "procrustes"}}

    def model(self, dim: int, concepts: int, seed: int) -> ClosedFormModel:
        generator = torch_stream(seed, "closed-form", "init")
        rank = concepts if self.solver == "ridge" else self.rank
        encoder = Encoder(dim, rank, hidden=self.hidden, dropout=self.dropout, generator=generator)
        if self.solver == "ridge":
            return RidgeModel(encoder, concepts)
        return ProcrustesModel(encoder, rank, concepts, generator)

    def _fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> ClosedFormAligner:
        """All stages, each with its own checkpoints."""
        fit = ClosedFormFit(self, data, seed)
        which = identity(data, self.name, self.config(), seed)
        stages = [fit.pooled, *([fit.encoder] if self.encoder_epochs else []), fit.strengths]
        histories = {
            # A stage is made when the one before is done: it says what is still learned.
            stage.__name__: train(stage(), seed=seed, identity=which, folder=folder, progress=progress)
            for stage in stages
        }
        save_history(folder, histories)
        return ClosedFormAligner(self, fit.model, fit.known)


class ClosedFormFit(ShrinkageFit[ClosedFormModel]):
    """The stages of one fit, on one model."""

    def __init__(self, config: ClosedForm, data: TrainingData, seed: int) -> None:
        super().__init__(data, config.least, seed)
        self.config = config
        self.model = config.model(data.load(data.source, "train").dim, len(data.concepts), seed)
        if isinstance(self.model, ProcrustesModel):
            with torch.no_grad():
                self.model.log_frequency.copy_((self.counts + 1.0).log())

    def pooled(self) -> Stage:
        """Single words of all training languages: n = 0."""
        config, model = self.config, self.model
        model.learn(prior_strengths=False)
        batches = WordBatches(self.data, seed=self.seed, stage="pooled", size=config.batch, cap=config.cap)

        loss = batches.loss(lambda x, y: functional.cross_entropy(model.zero_shot(x), y))
        plan = Optimisation(config.pooled_epochs, config.pooled_lr, config.weight_decay, decoupled=True)
        return Stage("pooled", model, batches.steps, loss, lambda: self._accuracies((0,)), plan)

    def encoder(self) -> Stage:
        """f and the zero-shot classifier, on episodes of the training languages."""
        config = self.config
        self._start()
        self.model.learn(prior_strengths=False)
        plan = Optimisation(config.encoder_epochs, config.encoder_lr, config.weight_decay, decoupled=True)
        return self._episodic("encoder", self.data.train, plan, (0, *config.validation_shots), noisy=True)

    def strengths(self) -> Stage:
        """The prior strengths, on episodes of languages that f was not trained on (if there are any)."""
        self._start()
        self.model.learn(prior_strengths=True)
        plan = Optimisation(self.config.epochs, self.config.lr)
        return self._episodic("strengths", self.languages, plan, self.config.validation_shots, noisy=False)

    def _start(self) -> None:
        parts = [self.data.load(language, "train") for language in self.data.train]
        steps = [max(1, part.words // STARTS) for part in parts]
        self.model.eval().start(
            torch.cat([part.rows(slice(None, None, step)) for part, step in zip(parts, steps, strict=True)]),
            torch.cat([part.y[::step] for part, step in zip(parts, steps, strict=True)]),
        )

    def _episodic(
        self, name: str, languages: Sequence[str], plan: Optimisation, shots: tuple[int, ...], *, noisy: bool
    ) -> Stage:
        """``noisy``: with dropout, which is for f to learn with; strengths are about f as it will be."""
        config = self.config
        episodes = EpisodeBatches(
            self.data,
            languages,
            seed=self.seed,
            stage=name,
            each=config.episodes,
            queries=config.queries,
            shots=config.shots,
        )

        def loss(epoch: int, step: int) -> torch.Tensor:
            self.model.train(noisy)
            return self.loss(episodes(epoch, step))

        return Stage(name, self.model, episodes.steps, loss, lambda: self._accuracies(shots), plan)

    def loss(self, episodes: EpisodeBatch) -> torch.Tensor:
        """Mean over query words of the negative log-likelihood."""
        valid = torch.ones(episodes.tasks, len(self.known), dtype=torch.bool)
        logits = self.model.logits(episodes.query, self.model.solve(episodes.support, valid))
        return functional.cross_entropy(logits, episodes.query.y)

    def _accuracies(self, shots: Sequence[int]) -> dict[str, float]:
        return self.validation.accuracies(ClosedFormAligner(self.config, self.model, self.known), shots)
