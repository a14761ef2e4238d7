"""The plainest way to a model's scores of labels: a reference for tests and benchmarks."""

from concept_align.icl.base import Prompt
from concept_align.icl.prompting import Chooser, Read
from concept_align.icl.scoring import CachedLoop, blank_table


class NaiveScorer(CachedLoop):
    """The whole prompt, read anew for every label; the head is run where the label's tokens are asked."""

    def _begin(self, prompt: Prompt) -> list[int]:
        return list(prompt.ids)

    def _item(self, before: list[int], new: list[int], chooser: Chooser) -> Read:
        before += new
        table, contexts = blank_table(chooser)
        for label in chooser.trie.pieces:
            final, _ = self._last([*before, *label[:-1]], len(label), ())
            found = self.model.log_probabilities(final, chooser.trie.wanted)
            for depth in range(len(label)):
                table[0, contexts[label[:depth]]] = found[depth]
        return table, self._last(before, 1, chooser.layers)[1] if chooser.layers else {}
