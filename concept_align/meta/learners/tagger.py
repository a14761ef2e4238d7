"""A sequence learner: words are read with those around them, in place of neighbours named by hand.

    h_t = W x_t + b, rectified                              each word by itself
    s_t = [LSTM(h_1 .. h_t); LSTM(h_n .. h_t)]              what was read before it and after it
    p(k | x, t) = 1/M sum_m softmax_k(v_mk . [h_mt; s_mt] + c_mk)

A bidirectional LSTM (Graves and Schmidhuber 2005) over the states of a sentence, with a linear layer for the
classes (Huang et al. 2015, arXiv 1508.01991), learned from the sentences of all training languages: labels
smoothed, inputs and h with dropout, AdamW; the validation languages choose the epoch. In a new language it
learns from pseudo-labels of unlabelled sentences (:mod:`.pseudo_labels`), then takes as many steps on
labelled ones as were best on the validation languages with about as many. Words whose sentences are not told
are read as sentences of one word.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.rnn import PackedSequence

from ... import ragged
from ...progress import Progress
from ...spaces.features import Features, Sentences
from ..data import SentenceBatches, torch_stream
from ..maps import Dropout
from ..train import Stage
from .base import Aligner
from .classifier import Classifier
from .ensemble import Descent, Ensemble
from .fit import Fit, Records, StagedConfig
from .modules import SteppedAligner
from .pooled import SENTENCES, STEPS
from .pseudo_labels import Mass, RefinedAligner


class SentenceReader(nn.Module):
    """One member: a layer for each word, an LSTM in both directions, a linear layer for the classes."""

    def __init__(
        self, dim: int, concepts: int, *, hidden: int, reads: int, dropout: float, generator: torch.Generator
    ) -> None:
        """``hidden``: units of h; ``reads``: units of the LSTM, in each direction."""
        super().__init__()
        self.dim = dim
        # Without the layers' own start, which draws from the global generator.
        self.word = nn.utils.skip_init(nn.Linear, dim, hidden)
        self.reads = nn.LSTM(hidden, reads, bidirectional=True, device="meta").to_empty(device="cpu")
        self.head = nn.utils.skip_init(nn.Linear, hidden + 2 * reads, concepts)
        self.of_input, self.of_hidden = Dropout(dropout), Dropout(dropout)
        with torch.no_grad():
            for name, values in self.named_parameters():
                if values.dim() > 1:
                    nn.init.xavier_uniform_(values, generator=generator)
                else:
                    values.zero_()
                if "bias_ih" in name:  # what was read is kept until something is learned (Gers et al. 2000)
                    values[reads : 2 * reads] = 1.0

    def forward(self, words: torch.Tensor | Sentences) -> torch.Tensor:
        """[words, dim], with or without the borders of sentences -> [words, concepts] logits."""
        sentences = Sentences.of(words)
        h = self.of_hidden(functional.leaky_relu(self.word(self.of_input(sentences.x)), 0.2))
        if not len(h):
            return h.new_zeros(0, self.head.out_features)
        order, sizes = packing(sentences.offsets)
        read = self.reads(PackedSequence(h[order], sizes))[0].data
        s = torch.empty_like(read).index_copy(0, order, read)
        found: torch.Tensor = self.head(torch.cat([h, self.of_hidden(s)], dim=1))
        return found


def packing(offsets: ragged.Offsets) -> tuple[torch.Tensor, torch.Tensor]:
    """Places of words [words] as torch packs sequences: all first words, of the longest sentence first, then
    all second ones; and how many there are of each [longest]. Empty sentences have no part."""
    lengths = ragged.lengths(offsets)
    place = np.arange(int(offsets[-1])) - np.repeat(offsets[:-1], lengths)
    order = np.lexsort((-np.repeat(lengths, lengths), place))
    return torch.from_numpy(order), torch.from_numpy(np.bincount(place))


class TaggerAligner(RefinedAligner, SteppedAligner):
    """The tagger."""

    sequential = True

    def _adapt(self, support: Features | None, valid: torch.Tensor, unlabelled: Any, seed: int) -> Classifier:
        model, steps = self.start(unlabelled, valid), self.steps_of(support)
        if support is not None and steps:
            model = self._stepped(support, valid, steps, seed, model)
        return Classifier(model, valid, sequential=True)

    def _stepped(
        self, support: Features, valid: torch.Tensor, steps: int, seed: int, start: Ensemble | None = None
    ) -> Ensemble:
        config, model = self.config, copy.deepcopy(start or self.model)
        descent = Descent(config.adapt_lr, None, config.adapt_batch, steps, pull=config.adapt_pull)
        for place, member in enumerate(model.members):
            descent.run(member, support.sentences, support.y, valid, seed, "adapt", place)
        return model


class TaggerFit(Fit):
    """All sentences, then the number of steps that adapting takes."""

    def stages(self) -> dict[str, Callable[[], Stage]]:
        config = self.config
        batches = SentenceBatches(
            self.data, seed=self.seed, stage="sentences", size=config.batch, cap=config.cap
        )
        loss = partial(self.model.loss, smoothing=config.smoothing)
        return {"sentences": lambda: self.on_words("sentences", loss, batches=batches)}

    def finish(self, progress: Progress | None) -> tuple[Aligner, Records]:
        return self.choose_steps(self.config.adapt_steps, progress, self.config.adapt_sentences)


@dataclass(frozen=True)
class Tagger(StagedConfig):
    """The tagger's options."""

    name = "tagger"
    aligner, fits = TaggerAligner, TaggerFit
    positive = ("cap", "hidden", "reads", "round_epochs", "sharpen", "round_words", "adapt_sentences")
    members: int = 2
    hidden: int = 256  # units of h
    reads: int = 128  # units of the LSTM, in each direction
    dropout: float = 0.33  # of the input, of h and of s
    smoothing: float = 0.2  # of labels, in training
    least: int = 10  # training words a concept needs, over all languages
    epochs: int = 8
    batch: int = 32  # sentences, of like length
    cap: int = 1000  # sentences of a language an epoch
    lr: float = 1e-3
    weight_decay: float = 1e-4
    rounds: int = 4
    round_epochs: int = 2
    sharpen: float = 0.35
    mass: Mass = "free"
    round_batch: int = 16  # sentences
    round_words: int = 20000  # unlabelled words a round, at most
    round_lr: float = 3e-4
    adapt_batch: int = 4  # sentences
    adapt_lr: float = 1e-3
    adapt_pull: float = 1e-3
    adapt_steps: tuple[int, ...] = STEPS[:7]  # chosen among; more than 50 while they help
    adapt_sentences: tuple[int, ...] = SENTENCES  # numbers that they are chosen for

    @classmethod
    def presets(cls, task: str) -> dict[str, dict[str, Any]]:
        """``default``; ``labelled``: the same that does not look at unlabelled words."""
        return {"default": {}, "labelled": {"rounds": 0}}

    @property
    def bars(self) -> int:
        return 2

    def model(self, dim: int, concepts: int, seed: int) -> Ensemble:
        random = torch_stream(seed, "tagger", "init")
        shape: dict[str, Any] = {"hidden": self.hidden, "reads": self.reads, "dropout": self.dropout}
        return Ensemble(SentenceReader(dim, concepts, **shape, generator=random) for _ in range(self.members))
