"""What commands print: data to stdout, everything for people to stderr or as a table."""

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..report.tables import TextTable


def emit_json(value: Any) -> None:
    """The one JSON document of a ``--json`` run."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2, sort_keys=True)
    sys.stdout.write("\n")


def emit_table(
    title: str, columns: list[str], rows: list[list[str]], *, right: set[int] | None = None
) -> None:
    """A table for people; columns whose place is in ``right`` are aligned to the right.

    Where the table is too wide, a last column on the left goes on in the next line: what is long is there.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(show_edge=False, pad_edge=False)
    for place, column in enumerate(columns):
        on_right = place in (right or set())
        last = place == len(columns) - 1
        table.add_column(
            column, justify="right" if on_right else "left", no_wrap=on_right or not last, overflow="fold"
        )
    for row in rows:
        table.add_row(*map(Text, row))  # a cell is text, never markup
    console = Console(width=None if sys.stdout.isatty() else 160)
    # Not the table's own title, which is folded to the table's width.
    console.print(Text(title, style="italic"), soft_wrap=True)
    console.print(table)


def fitting(table: "TextTable") -> list[list[str]]:
    """The table's rows; without intervals where the terminal is too narrow for them."""
    from shutil import get_terminal_size

    width = get_terminal_size().columns if sys.stdout.isatty() else 160
    needed = sum(2 + max(map(len, column)) for column in zip(table.columns, *table.rows, strict=True))
    return table.rows if needed <= width else [[cell.split(" [")[0] for cell in row] for row in table.rows]


def say_title(text: str) -> None:
    """A line over the tables that follow, on stdout as they are."""
    sys.stdout.write(f"\n{text}\n")


def say(text: str) -> None:
    """A line for people on stderr."""
    sys.stderr.write(text + "\n")
