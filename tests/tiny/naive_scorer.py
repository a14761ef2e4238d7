"""The plainest way to a model's scores of labels: a reference for tests and benchmarks."""

import torch

from concept_align.icl.base import Prompt
from concept_align.icl.prompting import Chooser, Read
from concept_align.icl.scoring import CachedLoop


class NaiveScorer(CachedLoop):
    """The whole prompt, read anew for every label; the head is run where the label's tokens are asked."""

    def _begin(self, prompt: Prompt) -> list[int]:
        return list(prompt.ids)

    def _item(self, before: list[int], new: list[int], chooser: Chooser) -> Read:
        before += new
        trie = chooser.trie
        table = torch.zeros(1, len(trie.contexts), len(trie.wanted))
        for label in trie.pieces:
            final, _ = self._last([*before, *label[:-1]], len(label), ())
            found = self.model.log_probabilities(final, trie.wanted)
            for depth in range(len(label)):
                table[0, trie.contexts[label[:depth]]] = found[depth]
        return table, self._last(before, 1, chooser.layers)[1] if chooser.layers else {}
