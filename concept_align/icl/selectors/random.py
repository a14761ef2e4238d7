"""Demonstrations drawn at random: the baseline of every other choice.

Sets are nested: k demonstrations are the first k of one random order, so that a larger prompt holds the
smaller ones and a curve over k compares like with like.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...seeding import stream
from ..base import Sentence
from .pool import LooksAt, asked, pool


@dataclass(frozen=True)
class Random:
    """A random order by the seed: one for all queries, or (``per_query``) another for each."""

    name = "random"
    seeded: ClassVar[bool] = True
    per_query: bool = False

    @property
    def looks_at(self) -> LooksAt:
        return "query" if self.per_query else "nothing"

    def select(
        self, query: Sentence | None, candidates: Sequence[Sentence], k: int, *, seed: int
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
