"""Progress bars on stderr for people; silence for pipes, logs and tests.

Long work takes a :class:`Progress` and reports to it; the caller decides whether a person is watching.
"""

import math
import re
import sys
from collections.abc import Iterator, Sequence
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


_OF_A_LANGUAGE = re.compile(r"([a-z]{2,3}(?:[-_][A-Za-z]+)?): (?=\S)")


def collapsed(notices: Sequence[str]) -> list[str]:
    """Notices, each once; ``de: TEXT``, ``fr: TEXT``, ... as one: ``de, fr: TEXT``."""
    languages: dict[str, list[str]] = {}
    for notice in notices:
        match = _OF_A_LANGUAGE.match(notice)
        text = notice[match.end() :] if match else notice
        codes = languages.setdefault(text, [])
        if match and match[1] not in codes:
            codes.append(match[1])
    return [f"{', '.join(codes)}: {text}" if codes else text for text, codes in languages.items()]


def duration(seconds: float) -> str:
    """A time for people: ``0.4 s``, ``45 s``, ``39 min``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def size(count: float) -> str:
    """A number of bytes for people, in powers of ten: ``312 bytes``, ``41.0 kB``, ``1.06 GB``."""
    if count < 1000:
        return f"{count:.0f} bytes"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            break
    return f"{count:.{max(0, 2 - int(math.log10(count)))}f} {unit}"
