"""One model for any number of labelled sentences: Bayesian prototypes with a meta-learned prior.

    z_k = (n_k m_k + kappa_k mu_k) / (n_k + kappa_k)        m_k: mean of f(x) over the n_k support words of k
    pi_k = (n_k + a q_k) / (n + a)                          the language's class frequencies, by the same rule
    s_k(x) = v (-t ||f(x) - z_k||^2 + log pi_k)

Zero-shot is n = 0: the prior. That is the posterior mean of a Gaussian prototype with prior
N(mu_k, sigma^2 / kappa_k) (Murphy 2007; prototypes: Snell et al. 2017, arXiv 1703.05175).

With ``correction > 0`` the prototypes are the centre of a ridge-penalised logistic regression on the
features u(x) = [h(x), 1, s x], h the hidden layer of f, solved by that many steps of Boehning's (1992)
bound, so that many labelled words may move what few may not:

    W <- W + (U'U / 2 + r I)^-1 (U'(Y - P) - r W),   W = 0 at the start,   s(x) <- s(x) + W'u(x)

f, mu, q and t are learned from the words of all training languages at n = 0, v = 1. kappa, a, r, s and v
(how many words of a new language overrule the prior) are learned over episodes of languages that f was not
trained on (the validation languages), by gradients through all of the above; the number of shots is drawn
anew for each episode. (Learned on f's own languages, whose words it knows, they would hold to the prior
too much.)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ...class_sums import mean_by_class
from ...progress import Progress
from ...spaces.features import Features
from ..data import EpisodeBatches, WordBatches, identity, torch_stream
from ..episodes import Words
from ..maps import Encoder
from ..train import Optimisation, Stage, save_history, train
from .base import Classifier, LearnerConfig, ModelAligner, TrainingData
from .shrinkage import ShrinkageFit, ShrinkageModel


class ShrinkModel(ShrinkageModel):
    """f, and the prior over languages."""

    def __init__(self, encoder: Encoder, rank: int, concepts: int, generator: torch.Generator) -> None:
        super().__init__(encoder)
        self.prior = nn.Parameter(torch.randn(concepts, rank, generator=generator) * rank**-0.5)
        self.log_frequency = nn.Parameter(torch.zeros(concepts))
        self.log_temperature = nn.Parameter(torch.zeros(()))
        # How many words of a language overrule the prior; the starts are where training on UD ends up near.
        self.log_kappa = nn.Parameter(torch.full((concepts,), 6.0))
        self.log_mass = nn.Parameter(torch.tensor(5.0))
        self.log_ridge = nn.Parameter(torch.tensor(3.5))
        self.log_raw = nn.Parameter(torch.tensor(-1.2))
        self.log_sharpness = nn.Parameter(torch.zeros(()))

    def prior_strengths(self) -> tuple[nn.Parameter, ...]:
        """kappa, a, r, s and v."""
        return self.log_kappa, self.log_mass, self.log_ridge, self.log_raw, self.log_sharpness

    def prototypes(self, means: torch.Tensor, counts: torch.Tensor) -> torch.Tensor:
        """Posterior means [..., concepts, rank] from support means [..., concepts, rank] and counts."""
        kappa = self.log_kappa.exp()
        share = (counts / (counts + kappa)).unsqueeze(-1)
        return share * means + (1 - share) * self.prior

    def log_frequencies(self, counts: torch.Tensor) -> torch.Tensor:
        """log pi [..., concepts] from counts [..., concepts]."""
        mass = self.log_mass.exp()
        total = counts.sum(-1, keepdim=True)
        expected = mass * self.log_frequency.softmax(-1)
        return ((counts + expected) / (total + mass)).log()

    def logits(self, points: torch.Tensor, prototypes: torch.Tensor, log_pi: torch.Tensor) -> torch.Tensor:
        """[..., words, concepts]; the term of the point alone is left out."""
        products = 2 * points @ prototypes.transpose(-1, -2) - prototypes.square().sum(-1).unsqueeze(-2)
        return self.log_sharpness.exp() * (self.log_temperature.exp() * products + log_pi.unsqueeze(-2))

    def features(self, hidden: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """u(x) = [h(x), 1, s x] that the correction is linear in: [..., words, hidden (+ dim) + 1]."""
        parts = [hidden, hidden.new_ones(*hidden.shape[:-1], 1)]
        if len(self.f.linears) > 1:
            parts.append(self.log_raw.exp() * x)
        return torch.cat(parts, dim=-1)

    def correction(
        self, features: torch.Tensor, logits: torch.Tensor, truth: torch.Tensor, steps: int
    ) -> torch.Tensor:
        """W [tasks, features, concepts] from support words [tasks, words, ...]; ``truth`` is one-hot.

        Rows of zero features have no part. Solved in words or in features, whichever are fewer.
        """
        ridge, transposed = self.log_ridge.exp(), features.transpose(-1, -2)
        dual = features.shape[-2] < features.shape[-1]
        gram = features @ transposed if dual else transposed @ features
        eye = torch.eye(gram.shape[-1], dtype=gram.dtype)
        factor = torch.linalg.cholesky(gram / 2 + ridge * eye)
        # In words, W = U'alpha and (U'U / 2 + r I)^-1 U' = U' (UU' / 2 + r I)^-1.
        found = gram.new_zeros(*gram.shape[:-1], logits.shape[-1])
        for _ in range(steps):
            residual = truth - (logits + (gram if dual else features) @ found).softmax(-1)
            gradient = (residual if dual else transposed @ residual) - ridge * found
            found = found + torch.cholesky_solve(gradient, factor)
        return transposed @ found if dual else found


@dataclass(frozen=True, eq=False)
class ShrinkPosterior:
    """What a support set makes of the model, for each task."""

    prototypes: torch.Tensor  # [tasks, concepts, rank]
    log_pi: torch.Tensor  # [tasks, concepts]
    weights: torch.Tensor | None  # [tasks, features, concepts]


def adapted(model: ShrinkModel, support: Words, valid: torch.Tensor, steps: int) -> ShrinkPosterior:
    """Posterior prototypes, frequencies and correction of each task; ``valid`` bool [tasks, concepts]."""
    concepts = valid.shape[1]
    hidden = model.f.hidden(support.x)
    points = model.f.head(hidden)[: len(support.y)]
    hidden = hidden[: len(support.y)]
    index = support.task * concepts + support.y
    means, counts = mean_by_class(points, index, support.tasks * concepts)
    means, counts = means.view(support.tasks, concepts, -1), counts.view(support.tasks, concepts)
    prototypes, log_pi = model.prototypes(means, counts), model.log_frequencies(counts)
    log_pi = log_pi.masked_fill(~valid, -torch.inf)
    if not steps or not len(support.y):
        return ShrinkPosterior(prototypes, log_pi, None)
    counted = valid[support.task, support.y].to(points.dtype).unsqueeze(1)
    features = support.padded(model.features(hidden, support.x[: len(support.y)]) * counted)
    logits = model.logits(support.padded(points), prototypes, log_pi)
    truth = functional.one_hot(support.padded(support.y), concepts).to(points.dtype)
    return ShrinkPosterior(prototypes, log_pi, model.correction(features, logits, truth, steps))


def query_logits(model: ShrinkModel, query: Words, given: ShrinkPosterior) -> torch.Tensor:
    """[words, concepts] of the query words of every task."""
    hidden = model.f.hidden(query.x)
    points, hidden = model.f.head(hidden)[: len(query.y)], hidden[: len(query.y)]
    logits = model.logits(query.padded(points), given.prototypes, given.log_pi)
    if given.weights is not None:
        features = model.features(hidden, query.x[: len(query.y)])
        logits = logits + query.padded(features) @ given.weights
    return query.flat(logits)


class ShrinkAligner(ModelAligner):
    """One model for every number of shots. Closed form: the seed changes nothing."""

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        model = self.model
        if support is None:
            words = Words.alone(torch.zeros(0, model.f.dim))
        else:
            words = Words.alone(support.x, support.y)
        with torch.no_grad():
            given = adapted(model, words, valid.unsqueeze(0), self.config.correction)
        return Classifier(lambda x: query_logits(model, Words.alone(x), given), valid)


@dataclass(frozen=True)
class Shrink(LearnerConfig):
    """The options; training is on pooled words first, then on episodes."""

    name = "shrink"
    aligner = ShrinkAligner
    rank: int = 32
    hidden: int = 256
    dropout: float = 0.33
    correction: int = 20  # steps of the logistic regression around the prototypes; 0: none
    least: int = 10  # training words a concept needs, over all languages
    pooled_epochs: int = 4
    batch: int = 512  # words
    cap: int = 20000  # words of a language an epoch
    pooled_lr: float = 1e-3
    weight_decay: float = 1e-4
    epochs: int = 4
    episodes: int = 15  # of each language an epoch
    episodes_per_step: int = 1  # more are padded to the longest
    queries: int = 20  # sentences
    shots: tuple[int, ...] = (1, 5, 10, 20, 50)  # one drawn for each episode
    lr: float = 0.02  # of the logarithms of kappa, a, r and s
    validation_shots: tuple[int, ...] = (1, 10, 50)

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default``, and ``prototypes``: the same without the correction."""
        shape = {"rank": 64, "hidden": 384} if task == "relation" else {"rank": 32, "hidden": 256}
        return {"default": shape, "prototypes": {**shape, "correction": 0}}

    def model(self, dim: int, concepts: int, seed: int) -> ShrinkModel:
        generator = torch_stream(seed, "shrink", "init")
        encoder = Encoder(dim, self.rank, hidden=self.hidden, dropout=self.dropout, generator=generator)
        return ShrinkModel(encoder, self.rank, concepts, generator)

    def _fit(
        self, data: TrainingData, *, seed: int, folder: Path | None = None, progress: Progress | None = None
    ) -> ShrinkAligner:
        """Both stages, each with its own checkpoints."""
        fit = ShrinkFit(self, data, seed)
        which = identity(data, self.name, self.config(), seed)
        histories = {
            # A stage is made when the one before is done: it says what is still learned.
            stage.__name__: train(stage(), seed=seed, identity=which, folder=folder, progress=progress)
            for stage in (fit.pooled, fit.episodic)
        }
        save_history(folder, histories)
        return ShrinkAligner(self, fit.model, fit.known)


class ShrinkFit(ShrinkageFit[ShrinkModel]):
    """The two stages of one fit, on one model."""

    def __init__(self, config: Shrink, data: TrainingData, seed: int) -> None:
        super().__init__(data, config.least, seed)
        self.config = config
        self.model = config.model(data.load(data.source, "train").dim, len(data.concepts), seed)
        with torch.no_grad():
            self.model.log_frequency.copy_((self.counts + 1.0).log())
        self.episodes = EpisodeBatches(
            data,
            self.languages,
            seed=seed,
            stage="episodes",
            each=config.episodes,
            queries=config.queries,
            shots=config.shots,
            per_step=config.episodes_per_step,
        )

    def pooled(self) -> Stage:
        """Single words of all languages against the prior: n = 0."""
        config, model = self.config, self.model
        model.learn(prior_strengths=False)
        batches = WordBatches(self.data, seed=self.seed, stage="pooled", size=config.batch, cap=config.cap)
        none = torch.zeros(len(self.known))

        loss = batches.loss(
            lambda x, y: functional.cross_entropy(
                model.logits(model.f(x), model.prior, model.log_frequencies(none)), y
            )
        )
        plan = Optimisation(config.pooled_epochs, config.pooled_lr, config.weight_decay, decoupled=True)
        return Stage("pooled", model, batches.steps, loss, lambda: self._accuracies((0,)), plan)

    def episodic(self) -> Stage:
        """Episodes of unseen languages: f and the prior stay as they are."""
        config = self.config
        self.model.learn(prior_strengths=True)
        plan = Optimisation(config.epochs, config.lr)
        return Stage(
            "episodes",
            self.model,
            self.episodes.steps,
            self.loss,
            lambda: self._accuracies(config.validation_shots),
            plan,
        )

    def loss(self, epoch: int, step: int) -> torch.Tensor:
        """Mean over query words of the negative log-likelihood."""
        episodes = self.episodes(epoch, step)
        valid = torch.ones(episodes.tasks, len(self.known), dtype=torch.bool)
        given = adapted(self.model, episodes.support, valid, self.config.correction)
        return functional.cross_entropy(query_logits(self.model, episodes.query, given), episodes.query.y)

    def _accuracies(self, shots: Sequence[int]) -> dict[str, float]:
        return self.validation.accuracies(ShrinkAligner(self.config, self.model, self.known), shots)
