"""Classifiers that answer with their mean, and the descent on few words that adapts them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from ...seeding import derive, stream
from ...spaces.features import Sentences
from ..maps import Dropout, masked

WORDS = 64  # looked at together, to see whether all are correct


class Ensemble(nn.Module):
    """``p(k|x) = 1/M sum_m p_m(k|x)``; each learns apart.

    Lakshminarayanan et al. 2017, arXiv 1612.01474.
    """

    def __init__(self, members: Iterable[Any]) -> None:
        """``members``: encoders."""
        super().__init__()
        members = list(members)
        self.members, self.dim = nn.ModuleList(members), members[0].dim

    def forward(self, x: torch.Tensor | Sentences) -> torch.Tensor:
        """[words, dim] -> [words, concepts] log p(k|x), up to a constant."""
        return torch.stack([member(x).log_softmax(1) for member in self.members]).logsumexp(0)

    def loss(self, x: torch.Tensor | Sentences, y: torch.Tensor, *, smoothing: float = 0.0) -> torch.Tensor:
        """The sum of the members' cross-entropies: each has the gradient it would have alone."""
        losses = [
            functional.cross_entropy(member(x), y, label_smoothing=smoothing) for member in self.members
        ]
        return torch.stack(losses).sum()


def ensemble(model: Any) -> Ensemble:
    """``model``, or the ensemble of it alone, whose parameters are the same."""
    return model if isinstance(model, Ensemble) else Ensemble([model])


@dataclass(frozen=True)
class Descent:
    """Steps of Adam on batches of words, or of sentences where those are given, the rate falling along a
    cosine from ``lr`` to 0."""

    lr: float
    epochs: int | None  # None: as many ``steps`` as are said
    batch: int
    steps: int = 1_000_000  # at most: batches grow to keep to it
    enough: float = 0.0  # times the epochs after which all words are correct: then it ends; 0: it does not
    pull: float = 0.0  # strength of the pull of the squared distance towards where it started
    still: bool = False  # the rate stays as it is, and nothing is dropped

    def shape(self, words: int) -> tuple[int, int]:
        """Words (or sentences) of a batch, and steps."""
        if self.epochs is None:
            return min(self.batch, words), self.steps
        size = min(max(self.batch, -(-words * self.epochs // self.steps)), words)
        return size, -(-words * self.epochs // size)

    def run(
        self,
        model: nn.Module,
        x: torch.Tensor | Sentences,
        targets: torch.Tensor,
        valid: torch.Tensor,
        seed: int,
        *purpose: int | str,
        part: nn.Module | None = None,
    ) -> None:
        """Train ``model`` (``part`` of it alone, if named) where it stands on ``x`` [words, dim] and
        ``targets``: classes [words] or the share of each class [words, concepts]. Order and dropout are drawn
        for (seed, purpose)."""
        if isinstance(x, Sentences):  # a batch of empty ones has no loss
            x = Sentences(x.stored, np.unique(x.offsets))
        words = x.sents if isinstance(x, Sentences) else len(x)
        size, steps = self.shape(words)
        epoch = -(-words // size)
        random = stream(seed, *purpose, "order")
        order = np.concatenate([random.permutation(words) for _ in range(-(-steps * size // words))])
        for place, module in enumerate(model.modules()):
            if isinstance(module, Dropout):
                module.reseed(derive(seed, *purpose, "dropout", place))
        model.train(not self.still)
        parameters = list((part or model).requires_grad_(True).parameters())
        starts = [parameter.detach().clone() for parameter in parameters] if self.pull else []
        adam = torch.optim.Adam(parameters, lr=self.lr, fused=True)
        end = None
        for step in range(steps):
            if self.enough and end is None and step % epoch == 0 and all_correct(model, x, targets, valid):
                end = self.enough * step
            if end is not None and step >= end:
                break
            if not self.still:
                adam.param_groups[0]["lr"] = self.lr * 0.5 * (1 + np.cos(np.pi * step / steps))
            # Batches of one size: a kernel is made once for each shape.
            chosen = order[step * size : (step + 1) * size]
            rows = torch.from_numpy(chosen)
            if isinstance(x, Sentences):
                some, rows = x.take(chosen)
            with torch.enable_grad():
                logits = model(some if isinstance(x, Sentences) else x[rows].float())
                loss = functional.cross_entropy(masked(logits, valid), targets[rows])
                for now, start in zip(parameters, starts, strict=False):  # none without a pull
                    loss = loss + self.pull * (now - start).square().sum()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        model.requires_grad_(False).eval()


@torch.no_grad()
def all_correct(model: nn.Module, x: torch.Tensor | Sentences, y: torch.Tensor, valid: torch.Tensor) -> bool:
    """Is every word's class the best one? Looks no further than the first batch with a word that is not."""
    model.eval()
    if isinstance(x, Sentences):
        right = bool((masked(model(x), valid).argmax(1) == y).all())
    else:
        parts = zip(x.split(WORDS), y.split(WORDS), strict=True)
        right = all(bool((masked(model(some.float()), valid).argmax(1) == own).all()) for some, own in parts)
    model.train()
    return right
