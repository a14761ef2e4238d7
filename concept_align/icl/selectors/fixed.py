"""The first sentences of middling length, the same for all queries: what a user would copy into a prompt.

Headings and one-word answers show few labels, and long sentences fill the window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ...errors import UsageError
from ..base import Sentence
from .pool import LooksAt, enough, pool


@dataclass(frozen=True)
class Fixed:
    """The first k candidates with ``shortest`` to ``longest`` words and a question about one of them."""

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
        self, query: Sentence | None, candidates: Sequence[Sentence], k: int, *, seed: int
    ) -> list[int]:
        """See :class:`..base.Selector`."""
        fit = [
            place
            for place in pool(None, candidates, k, name=self.name)
            if self.shortest <= len(candidates[place].words) <= self.longest and candidates[place].items
        ]
        enough(len(fit), k, name=self.name, of=f"of {self.shortest} to {self.longest} words")
        return fit[:k]
