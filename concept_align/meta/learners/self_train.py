"""Classifiers of many languages that, in a new one, learn from their own labels, then from given ones.

    start        theta_m: words of all training languages, labels smoothed (Szegedy et al. 2016,
                 arXiv 1512.00567); p is the mean over ``members`` m
    unlabelled   q(k | x) = p(k | x)^(1/T) / Z on the language's unlabelled words, each concept with the mass
                 it had, if asked to (:mod:`.pseudo_labels`); each theta_m <- descent on
                 -sum_k q(k | x) log p_m(k | x), and again from the new q (``rounds``)
    labelled     theta_m <- descent on -log p_m(y | x) over the support (all of f adapts), for even m from
                 what was learned from unlabelled words, for odd m from the start
    answer       w p(k | x) after labels + (1 - w) p(k | x) before them

Self-training with sharpened soft labels: Yarowsky 1995; Grandvalet and Bengio 2005; the sharpening as in
Berthelot et al. 2019 (arXiv 1905.02249). Zero-shot, the unlabelled words are all that tells the new language
from others. Once there are labels, pseudo-labels only hold back (measured: experiments/meta-learning), so the
last stage is without them, and starts that differ by more than chance are worth more as a mean. It goes on
until all support words are correct and then as long again: near languages are there after an epoch or
two, and more would wear the start down; far ones are not, and need all of ``adapt_epochs``.

Where zero-shot is good already, a few labels make it worse. So the answer is a mixture of both, in which what
was learned from labels has as much weight as it is likely to be the better of the two (:mod:`.worth`).

Smoothed labels leave the start too modest, sharpened ones make it far too sure. So what each of the three
stages says is scaled by a temperature of its own (:func:`temperature`), chosen on the validation languages;
it changes no prediction.
"""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Literal, Self

import torch
from scipy.optimize import minimize_scalar

from ...config import checked
from ...progress import Progress
from ...spaces.features import Features
from ..data import torch_stream
from ..maps import Encoder
from ..train import Stage
from .base import Aligner
from .classifier import Classifier
from .ensemble import Descent, Ensemble
from .fit import Fit, Records, StagedConfig, published_shape
from .pseudo_labels import Mass, RefinedAligner
from .worth import held_out, likely_better, mixed

# What a classifier has learned from, last of all.
Known = Literal["start", "unlabelled", "labelled"]
CALIBRATED_ON = 10  # labelled sentences of a validation language
TEMPERATURES = (0.05, 20.0)


class SelfTrainAligner(RefinedAligner):
    """The start, and how to learn from a language's words."""

    def __init__(
        self,
        config: Any,
        model: Ensemble,
        known: torch.Tensor,
        temperatures: Mapping[Known, float] | None = None,
    ) -> None:
        super().__init__(config, model, known)
        self.temperatures = dict(temperatures or {})

    def _adapt(
        self, support: Features | None, valid: torch.Tensor, unlabelled: torch.Tensor | None, seed: int
    ) -> Classifier:
        """``seed`` decides the order in which labelled words are learned from; that of unlabelled words is
        always the same, so many support sets of one language share what was learned from those."""
        model = self.start(unlabelled, valid)
        before = self._classifier(model, "start" if model is self.model else "unlabelled", valid)
        if support is None:
            return before
        after = self._labelled(model, support.x, support.y, valid, seed)
        if not self.config.folds:
            return after
        correct = before.codes(support.x) == support.y
        gains = []
        for held in held_out(support.offsets, self.config.folds, seed):
            others = torch.ones(len(correct), dtype=torch.bool).index_fill_(0, held, False)
            learned = self._labelled(model, support.x[others], support.y[others], valid, seed)
            right = learned.codes(support.x[held]) == support.y[held]
            gains.append(right.double() - correct[held].double())
        return mixed(before, after, likely_better(torch.cat(gains) if gains else torch.zeros(0)))

    def _classifier(self, model: Ensemble, learned: Known, valid: torch.Tensor) -> Classifier:
        scale = 1 / self.temperatures.get(learned, 1.0)
        return Classifier(lambda x: model(x) * scale, valid)

    def _labelled(
        self, start: Ensemble, x: torch.Tensor, y: torch.Tensor, valid: torch.Tensor, seed: int
    ) -> Classifier:
        """What learns from words [words, dim] and their labels, from ``start`` and from the first start."""
        config, both = self.config, (start, self.model)
        model = Ensemble(copy.deepcopy(both[place % 2].members[place]) for place in range(config.members))
        shape = (config.adapt_epochs, config.adapt_batch, config.adapt_steps)
        descent = Descent(config.adapt_lr, *shape, enough=config.adapt_enough)
        for place, member in enumerate(model.members):
            descent.run(member, x, y, valid, seed, "labelled", place)
        return self._classifier(model, "labelled", valid)

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "temperatures": self.temperatures}

    @classmethod
    def from_parts(cls, config: Any, settings: dict[str, Any], tensors: dict[str, torch.Tensor]) -> Self:
        found = super().from_parts(config, settings, tensors)
        found.temperatures = checked(dict, settings.get("temperatures", {}), "temperatures")
        for value in found.temperatures.values():
            if not 0 < checked(float, value, "temperatures") < math.inf:
                raise ValueError(f"impossible temperature {value}")
        return found


class SelfTrainFit(Fit):
    """The start: all that is learned before a new language comes, and what its probabilities are worth."""

    def stages(self) -> dict[str, Callable[[], Stage]]:
        loss = partial(self.model.loss, smoothing=self.config.smoothing)
        return {"start": lambda: self.on_words("start", loss)}

    def finish(self, progress: Progress | None) -> tuple[Aligner, Records]:
        return self.aligner(self._temperatures()), {}

    def _temperatures(self) -> dict[Known, float]:
        """By the words of the validation languages; 1 without such languages: words that were learned from
        tell nothing of others."""
        if not self.data.validation:
            return {}
        # Of each stage alone: a mixture is of stages that are calibrated.
        aligner = SelfTrainAligner(replace(self.config, folds=0), self.model, self.known)
        validation = self.validation
        scores: dict[Known, list[torch.Tensor]] = {"start": [], "unlabelled": [], "labelled": []}
        for language, query in validation.queries.items():
            words = self.data.load(language, "train").x if aligner.transductive else None
            support = validation.support(language, CALIBRATED_ON)
            valid = validation.valid[language]
            scores["start"].append(aligner.adapt(valid=valid).scores(query.x))
            scores["unlabelled"].append(aligner.adapt(unlabelled=words, valid=valid).scores(query.x))
            adapted = aligner.adapt(support, unlabelled=words, valid=valid, seed=validation.seed)
            scores["labelled"].append(adapted.scores(query.x))
        labels = [query.y for query in validation.queries.values()]
        return {known: temperature(found, labels) for known, found in scores.items()}


@dataclass(frozen=True)
class SelfTrain(StagedConfig):
    """The options: of the start, of learning from unlabelled words, of learning from labelled ones."""

    name = "self-train"
    aligner, fits = SelfTrainAligner, SelfTrainFit
    unsaid: ClassVar[Mapping[str, Any]] = {"folds": 0, "mass": "free"}
    positive = ("cap", "round_epochs", "sharpen", "round_words", "adapt_epochs", "adapt_steps")
    members: int = 2
    hidden: int = 256
    dropout: float = 0.33
    smoothing: float = 0.2  # of labels, in training the start
    least: int = 10  # training words a concept needs, over all languages
    epochs: int = 8
    batch: int = 512  # words
    cap: int = 10000  # words of a language an epoch
    lr: float = 1e-3
    weight_decay: float = 1e-4
    rounds: int = 4
    round_epochs: int = 2
    sharpen: float = 0.35  # T
    mass: Mass = "free"  # kept: that of every concept over all unlabelled words, when labels are sharpened
    round_batch: int = 256  # words
    round_words: int = 20000  # unlabelled words a round, at most
    round_lr: float = 3e-4
    adapt_epochs: int = 20
    adapt_batch: int = 32  # words; more, where that would be more than adapt_steps
    adapt_steps: int = 120
    adapt_lr: float = 1e-3
    folds: int = 3  # parts of the support, each held out to see what labels are worth; 0: only they count
    adapt_enough: float = 2.0  # times the epochs after which all support words are correct; 0: no end

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default``; ``labelled``: the same that does not look at unlabelled words."""
        shape = {"hidden": published_shape(task)["hidden"]}
        return {"default": shape, "labelled": {**shape, "rounds": 0}}

    def model(self, dim: int, concepts: int, seed: int) -> Ensemble:
        random = torch_stream(seed, "self-train", "init")
        shape: dict[str, Any] = {"hidden": self.hidden, "dropout": self.dropout, "generator": random}
        return Ensemble(Encoder(dim, concepts, **shape) for _ in range(self.members))


def temperature(scores: Sequence[torch.Tensor], labels: Sequence[torch.Tensor]) -> float:
    """The number that divides log-probabilities, changing no prediction; 1.0 where no label can be predicted.

        p_T(k | x) = p(k | x)^(1/T) / Z,   T = argmin of the mean over languages of -log p_T(y | x)

    Guo et al. 2017 (arXiv 1706.04599), section 4.2, each language with equal weight.

    One pair a language: log-probabilities ``scores`` [words, concepts] (-inf where a concept is never
    predicted) and ``labels`` [words].
    """
    known = []
    for log_p, y in zip(scores, labels, strict=True):
        there = log_p.gather(1, y.unsqueeze(1)).squeeze(1).isfinite()
        if bool(there.any()):
            known.append((log_p[there].double(), y[there]))
    if not known:
        return 1.0

    def loss(log_t: float) -> float:
        """Convex in 1 / T, so there is one minimum."""
        losses = [
            -(log_p / math.exp(log_t)).log_softmax(1).gather(1, y.unsqueeze(1)).mean() for log_p, y in known
        ]
        return float(torch.stack(losses).mean())

    low, high = map(math.log, TEMPERATURES)
    return math.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x)
