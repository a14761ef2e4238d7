"""Contextual calibration (Zhao et al. 2021, arXiv 2102.09690): what a label gets whatever is asked.

A prompt makes a model prefer some labels before it has read the query. The preference is read off queries
without content, p_cf (the mean over them, section 4), and divided out: p_c / p_cf,c, here as
log-probabilities, s_c - log p_cf,c. Labels are chosen, and fed
back, by the corrected scores.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float32

from .base import NO_HEAD, Feedback, Item, LabelScores, LabelSet, Prompt, PromptSentence
from .prompting import PromptScorer

CONTENT_FREE = ("N/A", "[MASK]")


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


class ContextualScorer:
    """A :class:`~.base.Scorer` less what labels get after the same prompt without content."""

    def __init__(self, scorer: PromptScorer, *, words: Sequence[str] = CONTENT_FREE) -> None:
        self.scorer, self.words = scorer, tuple(words)
        self.name, self.revision = scorer.name, scorer.revision
        self.layers, self.dim = scorer.layers, scorer.dim
        self.context_length = scorer.context_length

    def prompt(self, sentences: Sequence[PromptSentence], labels: LabelSet, *, room: int) -> Prompt:
        """As the scorer's; room for the queries without content is left too."""
        most = max(
            self.scorer.room(content_free(word, relational=relational), labels)
            for word in self.words
            for relational in (False, True)
        )
        return self.scorer.prompt(sentences, labels, room=max(room, most))

    def room(self, query: PromptSentence, labels: LabelSet) -> int:
        """The tokens that ``query`` takes at most, whatever labels are put into it."""
        return self.scorer.room(query, labels)

    def score(
        self,
        prompt: Prompt,
        queries: Sequence[PromptSentence],
        *,
        feedback: Feedback = "predicted",
        layers: Sequence[int] = (),
    ) -> list[LabelScores]:
        """Corrected scores of every query after ``prompt``."""
        relational = any(item.head != NO_HEAD for query in queries for item in query.items)
        prior = preference(self.scorer, prompt, words=self.words, relational=relational)
        return self.scorer.score(prompt, queries, feedback=feedback, layers=layers, prior=prior)
