"""What all selectors share, and those that choose by sentences alone: at random, the first, or as a cover."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float32

from ...errors import UsageError
from ...seeding import stream
from ..base import LooksAt, PromptSentence

There = Mapping[int, PromptSentence]  # what may be chosen: place among the candidates -> sentence


@dataclass(frozen=True, eq=False)
class SelectorInputs:
    """What a study offers to a selector whose class has ``from_inputs(inputs)``.

    ``pools(language)`` are the sentences that the study uses of a language: candidates of its train split,
    queries of its test split. ``word_states(sentences)`` are the model's states of their words, end to end,
    float32 [words, dim], all of one layer; a sentence that the model cannot read has none, and raises
    ModelError. ``alignability`` is the tidy table of ``concept-align alignability``, if one was given.
    """

    concepts: tuple[str, ...]
    pools: Callable[[str], Sequence[Sequence[PromptSentence]]]
    word_states: Callable[[Sequence[PromptSentence]], Float32[torch.Tensor, "words dim"]]
    layer: int  # of the states, as it was asked for
    alignability: pd.DataFrame | None = None


class PlacedSelector(ABC):
    """A :class:`..base.Selector` among sentences that do not have the words of the query."""

    name: str
    looks_at: LooksAt = "nothing"
    seeded: bool = False

    def select(
        self, query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, seed: int
    ) -> list[int]:
        """See :class:`..base.Selector`. UsageError for a query that is needed, or candidates too few for
        ``k``."""
        if k < 0:
            raise UsageError(
                f"{k} demonstrations", where=f"selector {self.name}", remedy="ask for none or more"
            )
        if self.looks_at == "nothing":
            query = None
        elif query is None:
            what = "demonstrations are chosen for a query, and none was given"
            raise UsageError(what, where=f"selector {self.name}", remedy="select for each query by itself")
        own = None if query is None else query.words
        there = {place: one for place, one in enumerate(candidates) if one.words != own}
        self.enough(len(there), k, of=f"{len(candidates)} candidates without the query's own words")
        return self._choose(query, there, k, seed)

    @abstractmethod
    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        """``k`` places of ``there``; ``query`` is None where it is not looked at."""

    def enough(self, found: int, k: int, *, of: str) -> None:
        """UsageError where ``found`` of what is to be chosen from are fewer than ``k``."""
        if found < k:
            what = f"{k} demonstrations are asked for, and there are {found} ({of})"
            remedy = "ask for fewer, or give more candidates"
            raise UsageError(what, where=f"selector {self.name}", remedy=remedy)


@dataclass(frozen=True)
class RandomSelector(PlacedSelector):
    """A random order by the seed: one for all queries, or (``per_query``) another for each.

    The baseline of every other choice. Sets are nested: k demonstrations are the first k of one random order,
    so that a larger prompt holds the smaller ones and a curve over k compares like with like.
    """

    name = "random"
    seeded = True
    per_query: bool = False

    @property
    def looks_at(self) -> LooksAt:  # type: ignore[override]
        return "query" if self.per_query else "nothing"

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        of = ("all",) if query is None else (query.treebank, query.number)
        places, random = list(there), stream(seed, "demonstrations", *of)
        return [places[place] for place in random.permutation(len(there))[:k]]


def random_per_query() -> RandomSelector:
    """Another random set for each query: what a choice by the query has to beat."""
    return RandomSelector(per_query=True)


@dataclass(frozen=True)
class FixedSelector(PlacedSelector):
    """The first k candidates with ``shortest`` to ``longest`` words and a question about one of them.

    What a user would copy into a prompt: the same for all queries. Headings and one-word answers show few
    labels, and long sentences fill the context.
    """

    name = "fixed"
    shortest: int = 5
    longest: int = 25

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            what = f"no sentence has {self.shortest} to {self.longest} words"
            remedy = "let shortest be 1 or more, and longest no less"
            raise UsageError(what, where=f"selector {self.name}", remedy=remedy)

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        lengths = range(self.shortest, self.longest + 1)
        fit = [place for place, one in there.items() if len(one.words) in lengths and one.items]
        self.enough(len(fit), k, of=f"of {self.shortest} to {self.longest} words")
        return fit[:k]


@dataclass(frozen=True)
class CoverageSelector(PlacedSelector):
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

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        # Sorted so that the first of equals is the one to take.
        order = sorted(there, key=lambda place: len(there[place].words))
        shown = {place: frozenset(item.label for item in there[place].items) for place in order}
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
    needed = list(chosen)  # without those whose concepts the others show, the earliest tried first
    for place in chosen:
        if shown[place] <= frozenset[int]().union(*(shown[other] for other in needed if other != place)):
            needed.remove(place)
    return needed if len(needed) <= k else chosen[:k]
