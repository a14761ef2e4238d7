"""What commands print: data to stdout, everything for people to stderr or as a table."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

from ..errors import clean
from ..progress import collapsed

if TYPE_CHECKING:
    import pandas as pd

    from ..report.tables import TextTable

PIPED = 160  # characters of a line where stdout is no terminal
BETWEEN = 3  # characters between two columns
FOLDED = 24  # characters that a column which goes on in the next line needs


def emit_json(value: Any) -> None:
    """The one JSON document of a ``--json`` run."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, sort_keys=True)
    sys.stdout.write("\n")


def records(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    """Rows for JSON, which has no NaN; accuracies stay shares of one there."""
    from pandas import isna

    return [
        {str(key): None if isna(value) else value for key, value in row.items()}
        for row in frame.to_dict("records")
    ]


def percent(share: float) -> str:
    """An accuracy for people: in per cent, without the sign."""
    return f"{100 * share:.1f}"


def emit_table(
    title: str, columns: list[str], rows: list[list[str]], *, right: set[int] | None = None
) -> None:
    """A table for people; columns whose place is in ``right`` are aligned to the right.

    Where the table is too wide, a last column on the left goes on in the next line: what is long is there.
    Where that does not do, columns that find no room follow below, beside the first one again.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [[clean(cell) for cell in row] for row in rows]
    console = Console(width=line_width())
    last, on_right = len(columns) - 1, right or set()
    widths = _widths(columns, rows)
    if last not in on_right:
        widths[last] = min(widths[last], FOLDED)
    # Not the table's own title, which is folded to the table's width.
    console.print(Text(clean(title), style="italic"), soft_wrap=True)
    for number, block in enumerate(_blocks(widths, console.width)):
        table = Table(show_edge=False, pad_edge=False)
        for place in block:
            folds = place == last and place not in on_right
            table.add_column(
                columns[place],
                justify="right" if place in on_right else "left",
                no_wrap=not folds,
                overflow="fold",
            )
        for row in rows:
            table.add_row(*(Text(row[place]) for place in block))  # a cell is text, never markup
        if number:
            console.print()
        console.print(table)


def fitting(table: "TextTable") -> list[list[str]]:
    """The table's rows; without intervals where the terminal is too narrow for them."""
    if table_width(table.columns, table.rows) <= line_width():
        return table.rows
    return [[cell.split(" [")[0] for cell in row] for row in table.rows]


def line_width() -> int:
    """Characters of a line of stdout."""
    return get_terminal_size().columns if sys.stdout.isatty() else PIPED


def table_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    """Characters that the widest line of a table takes."""
    return _whole(_widths(columns, rows))


def _widths(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Of each column, that of its widest cell."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]


def _whole(widths: Sequence[int]) -> int:
    """Of columns side by side, with what is drawn between them."""
    return sum(widths) + BETWEEN * (len(widths) - 1)


def _blocks(widths: Sequence[int], room: int) -> list[list[int]]:
    """Places of the columns to print side by side: in each block the first and as many more as have room."""
    blocks: list[list[int]] = [[0]]
    for place in range(1, len(widths)):
        if len(blocks[-1]) > 1 and _whole([widths[one] for one in (*blocks[-1], place)]) > room:
            blocks.append([0])
        blocks[-1].append(place)
    return blocks


def emit_text_table(table: "TextTable", *, right: set[int]) -> None:
    """A table of a report, one line below what stands before it."""
    emit_table(f"\n{table.title}", table.columns, fitting(table), right=right)


def emit_facts(title: str, facts: Mapping[str, Any], found: str = "value", *, between: str = ", ") -> None:
    """A table of names and values."""
    emit_table(title, ["what", found], [[name, cell(value, between)] for name, value in facts.items()])


def cell(value: Any, between: str = ", ") -> str:
    """A value as a table shows it: a list's items with ``between`` them, a dictionary's with commas."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {one}" for name, one in value.items())
    return between.join(map(str, value)) if isinstance(value, list) else str(value)


def emit_results(out: Path, frame: "pd.DataFrame", compared: "pd.DataFrame", notices: Sequence[str]) -> None:
    """The JSON of results: means over draws, without single concepts, and comparisons of learners."""
    means = frame[(frame["draw"] == -1) & ~frame["metric"].str.startswith("f1:")]
    results = {"results": records(means), "comparisons": records(compared)}
    emit_json({"out": str(out), "notices": list(notices), **results})


def say_title(text: str) -> None:
    """A line over the tables that follow, on stdout as they are."""
    sys.stdout.write(f"\n{text}\n")


def say(text: str) -> None:
    """A line for people on stderr, or several."""
    sys.stderr.write("\n".join(map(clean, text.split("\n"))) + "\n")


def say_notices(notices: Sequence[str]) -> None:
    """What a reader must know, on stderr: the same of many languages in one line."""
    for notice in collapsed(notices):
        say(notice)
