"""Demonstrations chosen by sentences alone: at random, the first, or as a cover of the concepts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...errors import UsageError
from ...seeding import stream
from ..base import LooksAt, PromptSentence
from .pool import asked, enough, pool


@dataclass(frozen=True)
class RandomSelector:
    """A random order by the seed: one for all queries, or (``per_query``) another for each.

    The baseline of every other choice. Sets are nested: k demonstrations are the first k of one random order,
    so that a larger prompt holds the smaller ones and a curve over k compares like with like.
    """

    name = "random"
    seeded: ClassVar[bool] = True
    per_query: bool = False

    @property
    def looks_at(self) -> LooksAt:
        return "query" if self.per_query else "nothing"

    def select(
        self, query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, seed: int
    ) -> list[int]:
        """See :class:`..base.Selector`."""
        if not self.per_query:
            there = pool(None, candidates, k, name=self.name)
            random = stream(seed, "demonstrations", "all")
        else:
            of = asked(query, self.name)
            there = pool(of, candidates, k, name=self.name)
            random = stream(seed, "demonstrations", of.treebank, of.number)
        return [there[place] for place in random.permutation(len(there))[:k]]


def random_per_query() -> RandomSelector:
    """Another random set for each query: what a choice by the query has to beat."""
    return RandomSelector(per_query=True)


@dataclass(frozen=True)
class FixedSelector:
    """The first k candidates with ``shortest`` to ``longest`` words and a question about one of them.

    What a user would copy into a prompt: the same for all queries. Headings and one-word answers show few
    labels, and long sentences fill the context.
    """

    name = "fixed"
    looks_at: ClassVar[LooksAt] = "nothing"
    seeded: ClassVar[bool] = False
    shortest: int = 5
    longest: int = 25

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            raise UsageError(
                f"no sentence has {self.shortest} to {self.longest} words",
                where=f"selector {self.name}",
                remedy="let shortest be 1 or more, and longest no less",
            )

    def select(
        self, query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, seed: int
    ) -> list[int]:
        """See :class:`..base.Selector`."""
        fit = [
            place
            for place in pool(None, candidates, k, name=self.name)
            if self.shortest <= len(candidates[place].words) <= self.longest and candidates[place].items
        ]
        enough(len(fit), k, name=self.name, of=f"of {self.shortest} to {self.longest} words")
        return fit[:k]


@dataclass(frozen=True)
class CoverageSelector:
    """As many of the task's concepts as possible by as few sentences as possible: greedy set cover.

    The next sentence is the one with most concepts not shown yet; of equals the shorter, then the earlier. k
    sentences so chosen show at least 1 - 1/e of the concepts that any k could show (Nemhauser, Wolsey and
    Fisher 1978), and a cover has at most H(n) times the fewest sentences, n concepts in the richest (Chvatal
    1979). That demonstrations should cover what is asked for is the idea of Levy et al. 2023 (arXiv
    2212.06800) and Gupta et al. 2023 (arXiv 2305.14907); here they cover the task, so that all queries share
    one prompt. The sentence chosen first, the richest, stands last.

    A sentence that later ones made superfluous is taken out of a whole cover. Once all concepts are shown,
    those left over are shown a second time, and so on: another cover of the rest.
    """

    name = "coverage"
    looks_at: ClassVar[LooksAt] = "nothing"
    seeded: ClassVar[bool] = False

    def select(
        self, query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, seed: int
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
