"""Which language demonstrations should be in: the one whose concept space fits the query's language best.

Languages are chosen by a table of alignability, and sentences within them by another selector. Whether this
predicts what is useful is a question of its own: :mod:`concept_align.icl.usefulness`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ... import hashing
from ...correspondence.table import Alignability
from ...errors import UsageError
from ..base import LooksAt, PromptSentence, Selector
from .simple import PlacedSelector, RandomSelector, SelectorInputs, There


@dataclass(frozen=True, eq=False)
class AlignabilitySelector(PlacedSelector):
    """The best ``languages`` among the candidates', each by ``inner``; the best language stands last.

    k is shared out evenly; what is left over goes to the better languages. Of equals the code that comes
    first in the alphabet wins. The query's own language is never chosen: ask ``inner`` itself for it.
    """

    name = "alignability"
    table: Mapping[tuple[str, str], float]  # either order of the two languages will do
    inner: Selector = field(default_factory=RandomSelector)
    languages: int = 1

    def __post_init__(self) -> None:
        if self.languages < 1:
            raise UsageError(
                f"{self.languages} languages", where=f"selector {self.name}", remedy="ask for one or more"
            )

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
        found = {}
        for code in sorted(set(languages) - {target}):
            value = self.table.get((code, target), self.table.get((target, code), float("nan")))
            if not np.isnan(value):
                found[code] = value
        return sorted(found, key=lambda code: -found[code])

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
    values = square.to_numpy(dtype=np.float64)
    codes = [str(code) for code in square.index]
    return {
        (codes[a], codes[b]): float(values[a, b]) for a, b in zip(*np.nonzero(~np.isnan(values)), strict=True)
    }
