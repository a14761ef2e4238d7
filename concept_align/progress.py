"""Progress bars on stderr for people; silence for pipes, logs and tests.

Long work takes a :class:`Progress` and reports to it; the caller decides whether a person is watching.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Bar(Protocol):
    """One piece of work with a known (or unknown) total."""

    def advance(self, amount: float = 1) -> None: ...

    def note(self, text: str) -> None:
        """Replace what stands behind the bar (a loss, an accuracy)."""


class Progress(Protocol):
    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar: ...

    def say(self, text: str) -> None:
        """A line for the person watching; never data."""


class _SilentBar:
    def advance(self, amount: float = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class Silent:
    """Progress for nobody: the default of every function of the library."""

    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
        return _SilentBar()

    def say(self, text: str) -> None:
        pass


@contextmanager
def terminal(enabled: bool | None = None) -> Iterator[Progress]:
    """Bars with elapsed time and ETA when stderr is a terminal (or ``enabled`` is true), else silence."""
    if not (sys.stderr.isatty() if enabled is None else enabled):
        yield Silent()
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True), transient=False) as rich:

        class _RichBar:
            def __init__(self, task: int) -> None:
                self.task = task

            def advance(self, amount: float = 1) -> None:
                rich.advance(self.task, amount)  # type: ignore[arg-type]

            def note(self, text: str) -> None:
                rich.update(self.task, note=text)  # type: ignore[arg-type]

        class _Rich:
            def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
                return _RichBar(rich.add_task(name, total=total, completed=int(done), unit=unit, note=""))

            def say(self, text: str) -> None:
                rich.console.print(text)

        yield _Rich()
