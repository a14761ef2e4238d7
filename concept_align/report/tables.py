"""Tables of text, and how numbers are written in all of them.

Accuracies are per cent with one decimal; alignability has two decimals; square brackets hold an interval.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

NONE = "–"  # where there is no value
_NAN = float("nan")


@dataclass(frozen=True)
class TextTable:
    """A table ready to be printed; columns but the first are aligned to the right."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    best: frozenset[tuple[int, int]] = field(default_factory=frozenset)  # (row, column), shown bold
    note: str = ""  # how to read it
    folded: bool = False  # on a page: opened on request

    @property
    def right(self) -> set[int]:
        """Places of the columns that are aligned to the right."""
        return set(range(1, len(self.columns)))

    def titled(self, title: str, **changes: Any) -> "TextTable":
        """The same table with ``title`` before its own, and other changes of its fields."""
        return replace(self, title=f"{title}: {self.title}", **changes)

    def folding(self) -> "TextTable":
        """The same table, opened on request."""
        return replace(self, folded=True)

    def markdown(self, level: int = 3) -> str:
        """GitHub's table, under its title as a heading of ``level``."""
        lines = ["#" * level + f" {self.title}", "", _row(self.columns)]
        lines.append(_row(["---", *["---:"] * len(self.right)]))
        for i, row in enumerate(self.rows):
            lines.append(_row([f"**{cell}**" if (i, j) in self.best else cell for j, cell in enumerate(row)]))
        return "\n".join([*lines, *(["", self.note] if self.note else [])]) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def percent(value: float, low: float = _NAN, high: float = _NAN, *, sign: bool = False) -> str:
    """``71.3 [69.0, 73.5]`` for shares; no brackets where there is no interval. ``sign`` writes a plus."""
    return _bounded(value, low, high, lambda share: f"{100 * share:.1f}", plus=sign)


def number(value: float, low: float = _NAN, high: float = _NAN) -> str:
    """``0.74 [0.71, 0.77]``, for numbers that are no shares; a dash for NaN."""
    return _bounded(value, low, high, lambda one: f"{one:z.2f}".replace("-", "−"))  # z: no negative nought


def _bounded(value: float, low: float, high: float, write: Any, *, plus: bool = False) -> str:
    if pd.isna(value):
        return NONE
    bounds = "" if pd.isna(low) or pd.isna(high) else f" [{write(low)}, {write(high)}]"
    return ("+" if plus and value >= 0 else "") + write(value) + bounds


def p_value(p: float) -> str:
    """Four decimals, or ``< 0.0001``; a dash for NaN."""
    return NONE if pd.isna(p) else "< 0.0001" if p < 0.0001 else f"{p:.4f}"


def pivoted(
    frame: pd.DataFrame, down: str | Sequence[str], across: str, rows: Iterable[Any], columns: Iterable[Any]
) -> list[list[str]]:
    """The cells ``value [low, high]`` in per cent of ``frame``, a dash where there is none.

    ``down`` names the column (or columns, then ``rows`` are tuples) whose values are the ``rows``.
    """
    keys = [down] if isinstance(down, str) else list(down)
    places = frame[[*keys, across]].itertuples(index=False, name=None)
    cells = dict(zip(places, map(percent, frame["value"], frame["low"], frame["high"]), strict=True))
    named = [(row,) if isinstance(down, str) else row for row in rows]
    columns = list(columns)
    return [[cells.get((*row, column), NONE) for column in columns] for row in named]
