"""As many of the task's concepts as possible by as few sentences as possible: greedy set cover.

The next sentence is the one with most concepts not shown yet; of equals the shorter, then the earlier. k
sentences so chosen show at least 1 - 1/e of the concepts that any k could show (Nemhauser, Wolsey and Fisher
1978), and a cover has at most H(n) times the fewest sentences, n concepts in the richest (Chvatal 1979).
That demonstrations should cover what is asked for is the idea of Levy et al. 2023 (arXiv 2212.06800) and
Gupta et al. 2023 (arXiv 2305.14907); here they cover the task, so that all queries share one prompt.

A sentence that later ones made superfluous is taken out of a whole cover. Once all concepts are shown, those
left over are shown a second time, and so on: another cover of the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..base import Sentence
from .pool import LooksAt, pool


@dataclass(frozen=True)
class Coverage:
    """The cover of what the candidates' items show; the sentence chosen first, the richest, stands last."""

    name = "coverage"
    looks_at: ClassVar[LooksAt] = "nothing"
    seeded: ClassVar[bool] = False

    def select(
        self, query: Sentence | None, candidates: Sequence[Sentence], k: int, *, seed: int
    ) -> list[int]:
        """See :class:`..base.Selector`."""
        there = pool(None, candidates, k, name=self.name)
        # Sorted so that the first of equals is the one to take.
        there.sort(key=lambda place: len(candidates[place].words))
        shown = {place: frozenset(item.label for item in candidates[place].items) for place in there}
        chosen: list[int] = []
        while len(chosen) < k:
            cover = _greedy(shown, k - len(chosen))
            if not cover:  # what is left shows nothing
                cover = list(shown)[: k - len(chosen)]
            chosen += cover
            shown = {place: labels for place, labels in shown.items() if place not in set(cover)}
        return chosen[::-1]


def _greedy(shown: dict[int, frozenset[int]], k: int) -> list[int]:
    """A cover of all that ``shown`` shows if ``k`` sentences are enough, else the greedy ``k``."""
    lacking = frozenset[int]().union(*shown.values())
    rest = dict(shown)
    chosen: list[int] = []
    while lacking:
        best = max(rest, key=lambda place: len(rest[place] & lacking))  # of equals, the first
        lacking -= rest.pop(best)
        chosen.append(best)
    needed = _needed(chosen, shown)
    return needed if len(needed) <= k else chosen[:k]


def _needed(chosen: list[int], shown: dict[int, frozenset[int]]) -> list[int]:
    """``chosen`` without those whose concepts the others show, the earliest tried first."""
    kept = list(chosen)
    for place in chosen:
        others = frozenset[int]().union(*(shown[other] for other in kept if other != place))
        if shown[place] <= others:
            kept.remove(place)
    return kept
