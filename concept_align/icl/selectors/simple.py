"""Selectors that choose by sentences alone (at random, the first, as a cover), or by a table of languages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from ... import hashing
from ...correspondence.table import Alignability
from ...errors import UsageError
from ...seeding import stream
from ..base import PromptSentence
from . import BaseSelector, LooksAt, Selector, SelectorInputs, There


@dataclass(frozen=True)
class RandomSelector(BaseSelector):
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


# What a choice by the query has to beat.
random_per_query = partial(RandomSelector, per_query=True)


@dataclass(frozen=True)
class FixedSelector(BaseSelector):
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
class CoverageSelector(BaseSelector):
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
    labelled = True

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


@dataclass(frozen=True, eq=False)
class AlignabilitySelector(BaseSelector):
    """The best ``languages`` by a table of alignability, each by ``inner``; the best language stands last.

    k is shared out evenly; what is left over goes to the better languages. Of equals the code that comes
    first in the alphabet wins. The query's own language is never chosen: ask ``inner`` itself for it.
    """

    name = "alignability"
    labelled = True
    table: Mapping[tuple[str, str], float]  # either order of the two languages will do
    inner: Selector = field(default_factory=RandomSelector)
    languages: int = 1

    def __post_init__(self) -> None:
        if self.languages < 1:
            what = f"{self.languages} languages"
            raise UsageError(what, where=f"selector {self.name}", remedy="ask for one or more")

    @classmethod
    def from_inputs(cls, inputs: SelectorInputs) -> "AlignabilitySelector":
        """By the table's first measure, at the layer where its mean is highest."""
        if inputs.alignability is None or inputs.alignability.empty:
            what = f"the selector {cls.name} needs a table of alignability"
            remedy = "give what concept-align alignability wrote for the same task"
            raise UsageError(what, option="alignability", remedy=remedy)
        scores, measure = inputs.alignability, str(inputs.alignability["measure"].iloc[0])
        return cls(table_of(scores, measure, best_layer(scores, measure)))

    @property
    def made_from(self) -> dict[str, str]:
        return {"table": hashing.digest(sorted((*pair, value) for pair, value in self.table.items()))}

    @property
    def looks_at(self) -> LooksAt:  # type: ignore[override]
        return "query" if getattr(self.inner, "looks_at", "query") == "query" else "language"

    @property
    def seeded(self) -> bool:  # type: ignore[override]
        return bool(getattr(self.inner, "seeded", True))

    def ranked(self, target: str, languages: Sequence[str]) -> list[str]:
        """``languages`` without ``target`` that the table knows with it, the best first."""
        found = {
            code: self.table.get((code, target), self.table.get((target, code), float("nan")))
            for code in sorted(set(languages) - {target})
        }
        known = [code for code, value in found.items() if not np.isnan(value)]
        return sorted(known, key=lambda code: -found[code])

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        assert query is not None
        by_language: dict[str, list[int]] = {}
        for place, one in there.items():
            by_language.setdefault(one.language, []).append(place)
        best = self.ranked(query.language, list(by_language))[: self.languages]
        if len(best) < self.languages:
            raise UsageError(
                f"{self.languages} languages are to be chosen, and {len(best)} of the candidates' "
                f"({', '.join(sorted(by_language)) or 'none'}) have a value with {query.language}",
                where=f"selector {self.name}",
                remedy="give candidates in languages of the table, or ask for fewer languages",
            )
        chosen: list[int] = []
        for rank, code in enumerate(best):
            places = by_language[code]
            share = k // self.languages + (rank < k % self.languages)
            if share:
                found = self.inner.select(query, [there[place] for place in places], share, seed=seed)
                chosen = [*(places[place] for place in found), *chosen]
        return chosen


def best_layer(scores: pd.DataFrame, measure: str) -> str:
    """The layer at which the mean of ``measure`` over pairs is highest."""
    rows = scores[(scores["measure"] == measure) & (scores["against"] == "")]
    return str(rows.groupby("layer")["value"].mean().idxmax())


def table_of(scores: pd.DataFrame, measure: str, layer: str) -> dict[tuple[str, str], float]:
    """``{(a, b): value}`` of the tidy table of ``concept-align alignability``: one measure and layer.

    A measure with a direction is averaged over both.
    """
    square = Alignability(scores).matrix(measure, layer, both=True)
    return {(str(a), str(b)): float(value) for (a, b), value in square.stack().dropna().items()}
