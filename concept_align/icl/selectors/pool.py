"""What all selectors share: what may be chosen, whether it is enough, and what they may be made from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from jaxtyping import Float32

from ...errors import UsageError
from ..base import PromptSentence


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


def pool(
    query: PromptSentence | None, candidates: Sequence[PromptSentence], k: int, *, name: str
) -> list[int]:
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


def asked(query: PromptSentence | None, name: str) -> PromptSentence:
    """The query, which this selector has to look at."""
    if query is None:
        raise UsageError(
            "demonstrations are chosen for a query, and none was given",
            where=f"selector {name}",
            remedy="select for each query by itself",
        )
    return query
