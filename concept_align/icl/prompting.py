"""What all scorers share: a causal model, a template, prompts that fit the context, answers in order."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np
import torch

from ..errors import UsageError
from ..models.faults import explained_memory
from .base import FEEDBACKS, Feedback, LabelScores, LabelSet, Prompt, PromptSentence
from .causal import CausalModel
from .layout import Layout, TokenisedSentence
from .templates import DEFAULT, TEMPLATES, Template
from .trie import Trie


class PromptScorer(ABC):
    """The part of a :class:`~.base.Scorer` that does not depend on how scores are computed."""

    def __init__(self, model: CausalModel, template: Template = TEMPLATES[DEFAULT]) -> None:
        self.model, self.template = model, template
        self.name, self.revision = model.name, model.revision
        self.layers, self.dim, self.context_length = model.layers, model.dim, model.max_pieces
        self.layout = Layout(model.cutter, model.tokenizer, template)

    def prompt(self, sentences: Sequence[PromptSentence], labels: LabelSet, *, room: int) -> Prompt:
        """Those of ``sentences`` that fit with ``room`` tokens left, in their order.

        Where not all fit, the last are kept: selectors put the best there, next to the query.
        """
        trie = self.layout.trie(labels)
        space = self.context_length - room - len(self.layout.start)
        kept: list[PromptSentence] = []
        for sentence in reversed(sentences):
            size = max(self._size(sentence, trie, first=first) for first in (False, True))
            if size <= space:
                space -= size
                kept.insert(0, sentence)
        ids: list[int] = list(self.layout.start)
        places: list[tuple[int, int]] = []
        for number, sentence in enumerate(kept):
            laid = self.layout.lay(sentence, first=number == 0)
            own, asked = filled(laid, [trie.pieces[item.label] for item in sentence.items])
            places += [
                (len(ids) + place, item.label) for place, item in zip(asked, sentence.items, strict=True)
            ]
            ids += [*own, *laid.tail]
        return Prompt(tuple(kept), labels, tuple(ids), tuple(places), len(sentences) - len(kept))

    def _size(self, sentence: PromptSentence, trie: Trie, *, first: bool) -> int:
        """The tokens of a labelled sentence."""
        laid = self.layout.lay(sentence, first=first)
        return laid.pieces() + len(laid.tail) + sum(len(trie.pieces[item.label]) for item in sentence.items)

    def room(self, query: PromptSentence, labels: LabelSet) -> int:
        """The tokens that ``query`` takes at most, whatever labels are put into it."""
        laid = max(self.layout.lay(query, first=first).pieces() for first in (False, True))
        return laid + len(query.items) * self.layout.trie(labels).longest

    def score(
        self,
        prompt: Prompt,
        queries: Sequence[PromptSentence],
        *,
        feedback: Feedback = "predicted",
        layers: Sequence[int] = (),
        prior: torch.Tensor | None = None,
    ) -> list[LabelScores]:
        """Scores of every query after ``prompt``, as :class:`~.base.Scorer` says.

        ``prior`` [labels] is subtracted from all scores before a label is chosen (:mod:`.calibrate`). Raises
        UsageError for a query that the model's context does not hold after the prompt.
        """
        if feedback not in FEEDBACKS:
            raise UsageError(f"unknown feedback {feedback!r}", remedy=f"use {' or '.join(FEEDBACKS)}")
        self.model.check_layers(layers)
        trie = self.layout.trie(prompt.labels)
        laid = [self.layout.lay(query, first=not prompt.sentences) for query in queries]
        for query, own in zip(queries, laid, strict=True):
            taken = len(prompt.ids) + own.pieces() + len(query.items) * trie.longest
            if taken > self.context_length:
                raise UsageError(
                    f"the prompt and the query may take {taken} tokens, the model's context length is "
                    f"{self.context_length}",
                    where=f"{query.treebank}, sentence {query.number} (from 0)",
                    remedy="fewer or shorter demonstrations, or shorter queries",
                )
        chooser = Chooser(trie, prior)
        layers = tuple(dict.fromkeys(layers))
        with explained_memory(self.name), self.model.running():
            return self._score(prompt, queries, laid, chooser, feedback, layers)

    @abstractmethod
    def _score(
        self,
        prompt: Prompt,
        queries: Sequence[PromptSentence],
        laid: Sequence[TokenisedSentence],
        chooser: "Chooser",
        feedback: Feedback,
        layers: tuple[int, ...],
    ) -> list[LabelScores]: ...


class Chooser:
    """Scores and choices from log-probabilities of tokens."""

    def __init__(self, trie: Trie, prior: torch.Tensor | None) -> None:
        self.trie, self.prior = trie, prior
        if prior is not None and prior.shape != (len(trie.pieces),):
            raise UsageError(f"a prior of shape {tuple(prior.shape)} for {len(trie.pieces)} labels")

    def __call__(self, logp: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores [items, labels] and choices [items] from log-probabilities [items, contexts, wanted]."""
        scores = self.trie.scores(logp)
        if self.prior is not None:
            scores = scores - self.prior
        return scores, self.trie.best(scores)

    def scored(
        self, logp: Sequence[torch.Tensor], states: Sequence[dict[int, torch.Tensor]], layers: Sequence[int]
    ) -> LabelScores:
        """The answer from the parts of one query, in the order of its items."""
        scores, best = self(torch.cat(tuple(logp)))
        return LabelScores(
            scores,
            best.numpy().astype(np.int64),
            {layer: torch.cat([part[layer] for part in states]) for layer in layers},
        )

    def nothing(self, layers: Sequence[int], dim: int) -> LabelScores:
        """The answer to a query that asks nothing."""
        scores = torch.zeros(0, len(self.trie.pieces))
        return LabelScores(scores, np.zeros(0, np.int64), {layer: torch.zeros(0, dim) for layer in layers})


def filled(laid: TokenisedSentence, labels: Sequence[tuple[int, ...]]) -> tuple[list[int], list[int]]:
    """The tokens with ``labels`` put in, and the last token before each label.

    The last label may be left out: then the tokens end where it is asked for.
    """
    ids: list[int] = []
    places: list[int] = []
    for number, lead in enumerate(laid.leads):
        ids += lead
        places.append(len(ids) - 1)
        if number < len(labels):
            ids += labels[number]
    return ids, places
