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

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..data import torch_stream
from ..episodes import Words
from ..maps import Encoder
from ..train import Stage
from .closed_form import ClosedFormAligner, ClosedFormFit, PrototypeModel, Solution, class_means
from .fit import EpisodicConfig, published_shape


class ShrinkModel(PrototypeModel):
    """f, and the prior over languages."""

    def __init__(
        self, encoder: Encoder, rank: int, concepts: int, generator: torch.Generator, steps: int
    ) -> None:
        """``steps`` of the correction."""
        super().__init__(encoder, concepts)
        self.steps = steps
        self.prior = nn.Parameter(torch.randn(concepts, rank, generator=generator) * rank**-0.5)
        # How many words of a language overrule the prior; the starts are where training on UD ends up near.
        self.log_kappa = nn.Parameter(torch.full((concepts,), 6.0))
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

    def zero_shot(self, x: torch.Tensor) -> torch.Tensor:
        log_pi = self.log_frequencies(torch.zeros_like(self.log_frequency))
        return self._scores(self.f(x), self.prior, log_pi)

    def _scores(self, points: torch.Tensor, prototypes: torch.Tensor, log_pi: torch.Tensor) -> torch.Tensor:
        return self.log_sharpness.exp() * super()._scores(points, prototypes, log_pi)

    def solve(self, support: Words, valid: torch.Tensor) -> Solution:
        """Posterior prototypes [tasks, concepts, rank], log pi [tasks, concepts] and, where there is a
        correction, its W [tasks, features, concepts]."""
        count = len(support.y)
        hidden = self.f.hidden(support.x)
        points = self.f.head(hidden)[:count]
        means, counts = class_means(points, support, valid)
        prototypes = self.prototypes(means, counts)
        log_pi = self.log_frequencies(counts).masked_fill(~valid, -torch.inf)
        if not self.steps or not count:
            return prototypes, log_pi
        logits = self._scores(support.padded(points), prototypes, log_pi)
        truth = functional.one_hot(support.padded(support.y), valid.shape[1]).to(points.dtype)
        features = self._features(support, hidden, valid)
        return prototypes, log_pi, self.correction(features, logits, truth, self.steps)

    def logits(self, words: Words, solution: Solution) -> torch.Tensor:
        prototypes, log_pi, *corrections = solution
        hidden = self.f.hidden(words.x)
        logits = self._scores(words.padded(self.f.head(hidden)[: len(words.y)]), prototypes, log_pi)
        for weights in corrections:
            logits = logits + self._features(words, hidden) @ weights
        return words.flat(logits)

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


class ShrinkFit(ClosedFormFit):
    """Pooled words, then episodes."""

    def stages(self) -> dict[str, Callable[[], Stage]]:
        return {"pooled": self.pooled, "episodic": lambda: self.strengths("episodes", noisy=True)}


@dataclass(frozen=True)
class Shrink(EpisodicConfig):
    """The options; ``lr`` is that of log strengths."""

    name = "shrink"
    aligner, fits = ClosedFormAligner, ShrinkFit
    correction: int = 20  # steps of the logistic regression around the prototypes; 0: none

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default``, and ``prototypes``: the same without the correction."""
        shape = published_shape(task)
        return {"default": shape, "prototypes": {**shape, "correction": 0}}

    @property
    def bars(self) -> int:
        return 2

    def model(self, dim: int, concepts: int, seed: int) -> ShrinkModel:
        generator = torch_stream(seed, "shrink", "init")
        encoder = Encoder(dim, self.rank, hidden=self.hidden, dropout=self.dropout, generator=generator)
        return ShrinkModel(encoder, self.rank, concepts, generator, self.correction)
