"""What all scorers share: a causal model, a template, prompts that fit the context, answers in order.

Contextual calibration (Zhao et al. 2021, arXiv 2102.09690): a prompt makes a model prefer some labels before
it has read the query. The preference is read off queries without content, p_cf (the mean over them, section
4), and divided out: p_c / p_cf,c, here as log-probabilities, s_c - log p_cf,c. Labels are chosen, and fed
back, by the corrected scores.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float32

from ..errors import UsageError
from ..layers import resolve_layers
from ..models.faults import explained_memory
from .base import NO_HEAD, Item, LabelScores, Prompt, PromptSentence
from .causal import CausalModel
from .config import Feedback
from .layout import Layout, TokenisedSentence, Trie
from .wording import DEFAULT, TEMPLATES, LabelSet, Template

CONTENT_FREE = ("N/A", "[MASK]")
Read = tuple[torch.Tensor, dict[int, torch.Tensor]]  # log-probabilities, and states by layer


class PromptScorer(ABC):
    """A causal language model that scores labels in prompts; how scores are computed is left to ``_score``.

    ``context_length`` counts tokens.
    """

    def __init__(self, model: CausalModel, template: Template = TEMPLATES[DEFAULT]) -> None:
        self.model, self.template = model, template
        self.name, self.revision, self.dtype = model.name, model.revision, str(model.dtype)
        self.layers, self.dim, self.context_length = model.layers, model.dim, model.max_pieces
        self.layout = Layout(model.cutter, template)

    def prompt(self, sentences: Sequence[PromptSentence], labels: LabelSet, *, room: int) -> Prompt:
        """Those of ``sentences`` that fit with ``room`` tokens left, in their order.

        Where not all fit, the last are kept: selectors put the best there, next to the query.
        """
        trie = self.layout.trie(labels)
        space = self.context_length - room - len(self.layout.start)
        kept: list[PromptSentence] = []
        for sentence in reversed(sentences):
            laid = [self.layout.lay(sentence, first=first) for first in (False, True)]
            size = max(one.pieces() + len(one.tail) for one in laid)
            size += sum(len(trie.pieces[item.label]) for item in sentence.items)
            if size <= space:
                space -= size
                kept.insert(0, sentence)
        ids: list[int] = list(self.layout.start)
        for number, sentence in enumerate(kept):
            one = self.layout.lay(sentence, first=number == 0)
            ids += [*filled(one, [trie.pieces[label] for label in one.labels])[0], *one.tail]
        return Prompt(tuple(kept), labels, tuple(ids), len(sentences) - len(kept))

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
        prior: Float32[torch.Tensor, " labels"] | None = None,
    ) -> list[LabelScores]:
        """Scores of every query after ``prompt``; with ``layers``, the states they were read off too.

        Neither the order of queries, nor how they are batched, nor the order of labels changes a score.
        ``prior`` is subtracted from all scores before a label is chosen (:func:`preference`). Raises
        UsageError for a query that the model's context does not hold after the prompt.
        """
        layers = resolve_layers(layers, self.model.layers)
        chooser = Chooser(self.layout.trie(prompt.labels), feedback == "gold", layers, self.dim, prior)
        laid = [self.layout.lay(query, first=not prompt.sentences) for query in queries]
        for query, own in zip(queries, laid, strict=True):
            taken = len(prompt.ids) + own.pieces() + len(query.items) * chooser.trie.longest
            if taken > self.context_length:
                raise UsageError(
                    f"the prompt and the query may take {taken} tokens, the model's context length is "
                    f"{self.context_length}",
                    where=f"{query.treebank}, sentence {query.number} (from 0)",
                    remedy="fewer or shorter demonstrations, or shorter queries",
                )
        with explained_memory(self.name), self.model.running():
            return self._score(prompt, laid, chooser)

    @abstractmethod
    def _score(
        self, prompt: Prompt, laid: Sequence[TokenisedSentence], chooser: "Chooser"
    ) -> list[LabelScores]:
        """Scores of the queries ``laid`` after ``prompt``."""


@dataclass(frozen=True, eq=False)
class Chooser:
    """Scores and choices from log-probabilities of tokens, and what is asked: feedback, layers of states."""

    trie: Trie
    gold: bool
    layers: tuple[int, ...]
    dim: int
    prior: torch.Tensor | None

    def __call__(self, logp: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scores [items, labels] and choices [items] from log-probabilities [items, contexts, wanted]."""
        scores = self.trie.scores(logp)
        if self.prior is not None:
            scores = scores - self.prior
        return scores, self.trie.best(scores)

    def scored(self, parts: Sequence[Read]) -> LabelScores:
        """The answer from the parts of one query, in the order of its items; there may be none."""
        if not parts:
            states = dict.fromkeys(self.layers, torch.zeros(0, self.dim))
            return LabelScores(torch.zeros(0, len(self.trie.pieces)), np.zeros(0, np.int64), states)
        scores, best = self(torch.cat([logp for logp, _ in parts]))
        states = {layer: torch.cat([part[layer] for _, part in parts]) for layer in self.layers}
        return LabelScores(scores, best.numpy().astype(np.int64), states)


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


def content_free(word: str, *, relational: bool = False) -> PromptSentence:
    """A query about ``word``; of relations, about it and a second one like it as its head."""
    words = (word, word) if relational else (word,)
    return PromptSentence("content-free", "", 0, words, (Item(0, 1 if relational else NO_HEAD, 0),))


def preference(
    scorer: PromptScorer, prompt: Prompt, *, words: Sequence[str] = CONTENT_FREE, relational: bool = False
) -> Float32[torch.Tensor, " labels"]:
    """Log of the mean of what each label scores after queries without content."""
    queries = [content_free(word, relational=relational) for word in words]
    scores = torch.cat([found.scores for found in scorer.score(prompt, queries, feedback="gold")])
    return torch.logsumexp(scores.double(), dim=0).sub(torch.tensor(len(words)).log()).float()
