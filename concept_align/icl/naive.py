"""The plain ways to the same scores: references for tests and benchmarks.

:class:`NaiveScorer` reads the whole prompt anew for every label of every word. :class:`CachedLoop` keeps
the keys and values of what is before, but goes word by word and label by label, one query at a time; it
asks nothing of a model but that transformers can continue it.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
import transformers

from .base import Feedback, LabelScores, Prompt, PromptSentence
from .layout import TokenisedSentence
from .prompting import Chooser, PromptScorer


class _OneByOne(PromptScorer):
    """Queries one at a time, words one at a time."""

    def _score(
        self,
        prompt: Prompt,
        queries: Sequence[PromptSentence],
        laid: Sequence[TokenisedSentence],
        chooser: Chooser,
        feedback: Feedback,
        layers: tuple[int, ...],
    ) -> list[LabelScores]:
        found = []
        for query, own in zip(queries, laid, strict=True):
            before = self._begin(prompt)
            label: tuple[int, ...] = ()
            parts: list[tuple[torch.Tensor, dict[int, torch.Tensor]]] = []
            for item, lead in zip(query.items, own.leads, strict=True):
                parts.append(self._item(before, [*label, *lead], chooser, layers))
                _, best = chooser(parts[-1][0])
                label = chooser.trie.pieces[item.label if feedback == "gold" else int(best)]
            if parts:
                found.append(chooser.scored([p for p, _ in parts], [s for _, s in parts], layers))
            else:
                found.append(chooser.nothing(layers, self.dim))
        return found

    @abstractmethod
    def _begin(self, prompt: Prompt) -> Any:
        """What is before the query."""

    @abstractmethod
    def _item(
        self, before: Any, new: list[int], chooser: Chooser, layers: tuple[int, ...]
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        """Log-probabilities [1, contexts, wanted] and states after the tokens ``new``, which are taken in."""

    def _last(
        self, ids: Sequence[int], count: int, layers: tuple[int, ...], cache: Any = None
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        """Last states [count, dim] of the last tokens, and of the last one the states of ``layers``."""
        row = torch.tensor([list(ids)], device=self.model.device)
        zero = torch.zeros(1, dtype=torch.int64)
        final, states = self.model.states(layers, zero, zero + len(ids) - 1, input_ids=row, cache=cache)
        return final[0, len(ids) - count :], states

    def _table(self, chooser: Chooser) -> tuple[torch.Tensor, dict[tuple[int, ...], int]]:
        """Log-probabilities [1, contexts, wanted] to be filled in, and the place of each context."""
        trie = chooser.trie
        contexts = {node: place for place, node in enumerate(((), *trie.nodes))}
        return torch.zeros(1, trie.contexts, len(trie.wanted)), contexts


class NaiveScorer(_OneByOne):
    """The whole prompt, read anew for every label; the head is run where the label's tokens are asked."""

    def _begin(self, prompt: Prompt) -> list[int]:
        return list(prompt.ids)

    def _item(
        self, before: list[int], new: list[int], chooser: Chooser, layers: tuple[int, ...]
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        before += new
        table, contexts = self._table(chooser)
        for label in chooser.trie.pieces:
            final, _ = self._last([*before, *label[:-1]], len(label), ())
            found = self.model.log_probabilities(final, chooser.trie.wanted)
            for depth in range(len(label)):
                table[0, contexts[label[:depth]]] = found[depth]
        return table, self._last(before, 1, layers)[1] if layers else {}


class CachedLoop(_OneByOne):
    """A cache that grows word by word and is cut back after each label; single tokens are read at once."""

    _held: tuple[tuple[int, ...], Any] | None = None

    def _begin(self, prompt: Prompt) -> Any:
        if self._held is None or self._held[0] != prompt.ids:
            # Without a configuration nothing is forgotten, so the cache can be cut back.
            cache = transformers.DynamicCache()
            if prompt.ids:
                self._last(prompt.ids, 1, (), cache=cache)
            self._held = (prompt.ids, cache)
        cache = self._held[1]
        if extra := cache.get_seq_length() - len(prompt.ids):
            cache.crop(-extra)
        return cache

    def _item(
        self, before: Any, new: list[int], chooser: Chooser, layers: tuple[int, ...]
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor]]:
        table, contexts = self._table(chooser)
        final, states = self._last(new, 1, layers, cache=before)
        table[0, 0] = self.model.log_probabilities(final, chooser.trie.wanted)[0]
        for label in chooser.trie.pieces:
            if len(label) == 1:
                continue
            final, _ = self._last(label[:-1], len(label) - 1, (), cache=before)
            before.crop(1 - len(label))
            found = self.model.log_probabilities(final, chooser.trie.wanted)
            for depth in range(1, len(label)):
                table[0, contexts[label[:depth]]] = found[depth - 1]
        return table, states
