"""What all selectors share: what may be chosen, and whether it is enough."""

from collections.abc import Sequence
from typing import Literal

from ...errors import UsageError
from ..base import Sentence

# What a choice depends on beside the candidates: of "nothing", one choice serves all queries and ``select``
# may be given None; of "language", all queries of a language; else the "query" itself.
LooksAt = Literal["nothing", "language", "query"]


def pool(query: Sentence | None, candidates: Sequence[Sentence], k: int, *, name: str) -> list[int]:
    """The places of the candidates that do not have the query's words, at least ``k``.

    Raises UsageError where there are fewer.
    """
    if k < 0:
        raise UsageError(f"{k} demonstrations", where=f"selector {name}", remedy="ask for none or more")
    own = None if query is None else query.words
    there = [place for place, sentence in enumerate(candidates) if sentence.words != own]
    enough(len(there), k, name=name, of=f"{len(candidates)} candidates without the query's own words")
    return there


def enough(found: int, k: int, *, name: str, of: str) -> None:
    """UsageError where ``found`` of what is to be chosen from are fewer than ``k``."""
    if found < k:
        raise UsageError(
            f"{k} demonstrations are asked for, and there are {found} ({of})",
            where=f"selector {name}",
            remedy="ask for fewer, or give more candidates",
        )


def asked(query: Sentence | None, name: str) -> Sentence:
    """The query, which this selector has to look at."""
    if query is None:
        raise UsageError(
            "demonstrations are chosen for a query, and none was given",
            where=f"selector {name}",
            remedy="select for each query by itself",
        )
    return query
