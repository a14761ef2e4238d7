"""Pseudo-labels: what a classifier says of unlabelled words, sharpened, for it to learn from.

    free   q(k | x) = p(k | x)^(1/T) / Z(x)
    kept   q(k | x) = a_k p(k | x)^(1/T) / Z(x),   a such that  mean_x q(k | x) = mean_x p'(k | x)
           p'(k | x) = max(p(k | x) - e/K, 0) / Z'(x),   p' of the start

Sharpening gives what is frequent more than it had, and what is rare less: round by round rare concepts die
out. ``kept`` leaves every concept the share of words that it had at the start, after each of the K concepts
has given back what smoothed labels (e) taught to say of every word: that alone would make rare ones common.
A share that is wrong stays wrong. a is found by dividing columns and rows by
turns (iterative proportional fitting, Deming and Stephan 1940), as pseudo-labels of equal mass are in
Asano et al. 2020 (arXiv 1911.05371). Distribution alignment (Berthelot et al. 2020, ReMixMatch, arXiv
1911.09785) is its relative: one such division, before sharpening, towards the frequencies of given labels; of
a new language there are none, and those of other languages are not its own.
"""

import copy
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float64

from ...seeding import stream
from ...spaces.features import Sentences
from ..maps import masked
from .classifier import CHUNK
from .ensemble import Descent, Ensemble
from .modules import ModelAligner

Mass = Literal["kept", "free"]
TURNS, TOLERANCE = 200, 1e-4  # of the mass of a concept


def pseudo_labels(
    logits: Float[torch.Tensor, "words concepts"],
    sharpen: float,
    kept: Float64[torch.Tensor, " concepts"] | None = None,
) -> Float[torch.Tensor, "words concepts"]:
    """float32 q of log-probabilities ``logits`` (up to a constant of each word); ``sharpen`` is T, ``kept``
    the share of words that every concept is to have."""
    q = (logits.double() / sharpen).softmax(1)
    if kept is None or not len(q):
        return q.float()
    goal = kept * len(q)
    for _ in range(TURNS):
        now = q.sum(0)
        if bool(((now - goal).abs() <= TOLERANCE * goal).all()):
            break
        q = q * torch.where(now > 0, goal / now, 1.0)
        q = q / q.sum(1, keepdim=True)
    return q.float()


def shares(
    logits: Float[torch.Tensor, "words concepts"], smoothing: float
) -> Float64[torch.Tensor, " concepts"]:
    """The mean of p', of log-probabilities learned from labels that were smoothed by so much (e)."""
    said = logits.double().softmax(1)
    said = (said - smoothing / said.shape[1]).clamp(min=0)
    return (said / said.sum(1, keepdim=True)).mean(0)


def refined(
    start: Ensemble, unlabelled: torch.Tensor | Sentences, valid: torch.Tensor, config: Any
) -> Ensemble:
    """``start`` after ``config.rounds`` of learning from its own labels of words, or of whole sentences."""
    model = copy.deepcopy(start)
    descent = Descent(config.round_lr, config.round_epochs, config.round_batch)
    kept = None
    for number in range(config.rounds):
        x = drawn(unlabelled, config.round_words, number)
        with torch.no_grad():
            given = [part.float() if isinstance(part, torch.Tensor) else part for part in x.split(CHUNK)]
            logits = torch.cat([masked(model(part), valid) for part in given])
        if config.mass == "kept" and kept is None:
            kept = shares(logits, config.smoothing)
        q = pseudo_labels(logits, config.sharpen, kept)
        for place, member in enumerate(model.members):
            descent.run(member, x, q, valid, 0, "unlabelled", number, place)
    return model


def drawn(unlabelled: torch.Tensor | Sentences, most: int, number: int) -> torch.Tensor | Sentences:
    """Words of round ``number`` in an order of its own, ``most`` of them at most; or sentences with about so
    many words."""
    random = stream(0, "unlabelled", number)
    if isinstance(unlabelled, torch.Tensor):
        return unlabelled[torch.from_numpy(random.permutation(len(unlabelled))[:most])]
    order = random.permutation(unlabelled.sents)
    ends = (unlabelled.offsets[order + 1] - unlabelled.offsets[order]).cumsum()
    return unlabelled.take(order[: max(1, int((ends <= most).sum()))])[0]


class RefinedAligner(ModelAligner):
    """An ensemble that learns from its pseudo-labels of a language's words before it is asked."""

    keeps = 1  # languages of which it is kept what was learned from their unlabelled words

    def __init__(self, config: Any, model: Ensemble, known: torch.Tensor, *more: Any) -> None:
        super().__init__(config, model, known, *more)
        self.transductive = config.rounds > 0
        self._refined: list[tuple[Sentences, torch.Tensor, Ensemble]] = []

    def start(self, unlabelled: torch.Tensor | Sentences | None, valid: torch.Tensor) -> Ensemble:
        """The start after learning from ``unlabelled`` words; what was asked for last is kept."""
        model: Ensemble = self.model
        if unlabelled is None or not self.config.rounds:
            return model
        words = Sentences.of(unlabelled)
        if not words.words:
            return model
        for seen, allowed, found in self._refined:
            same = seen.stored is words.stored and np.array_equal(seen.offsets, words.offsets)
            if same and torch.equal(allowed, valid):
                return found
        made = refined(self.model, unlabelled, valid, self.config)
        self._refined = [*self._refined[max(0, len(self._refined) + 1 - self.keeps) :], (words, valid, made)]
        return made
