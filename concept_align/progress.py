"""Progress on stderr: bars for people, a line now and then for logs, silence where nobody asked.

Long work takes a :class:`Progress` and reports to it; the caller decides who is watching. Also here: times,
sizes and notices as people read them.
"""

import math
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TextIO

from .errors import clean

if TYPE_CHECKING:
    from rich.progress import TaskID


class Bar(Protocol):
    """One piece of work with a known (or unknown) total."""

    def advance(self, amount: float = 1) -> None: ...

    def note(self, text: str) -> None:
        """Replace what stands behind the bar (a loss, an accuracy)."""


class Progress(Protocol):
    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar: ...

    def say(self, text: str) -> None:
        """A line for the person watching; never data."""


class Silent:
    """Progress for nobody, and each of its bars: the default of every function of the library."""

    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
        return self

    def say(self, text: str) -> None:
        pass

    def advance(self, amount: float = 1) -> None:
        pass

    def note(self, text: str) -> None:
        pass


class _Work:
    """One bar: how much is done of how much; ``show(work, amount)`` is told of each amount, 0 for a note."""

    def __init__(
        self, name: str, total: float | None, done: float, unit: str, now: float, show: "_Show"
    ) -> None:
        self.name, self.total, self.unit, self.text = clean(name), total, unit, ""
        self.done = self.there = done  # there: done before
        self.began, self._show = now, show

    def advance(self, amount: float = 1) -> None:
        self.done += amount
        self._show(self, amount)

    def note(self, text: str) -> None:
        self.text = clean(text)
        self._show(self, 0)

    def share(self, amount: float) -> float:
        """``amount`` of the total, 0 to 1; what has no total counts as nothing until the next bar begins."""
        return 0.0 if self.total is None else min(1.0, amount / self.total) if self.total else 1.0


_Show = Callable[[_Work, float], None]


class _Run:
    """All bars of a run, one after the other, each with its weight: how far it is, how long it will take."""

    def __init__(self, weights: Sequence[float], clock: Callable[[], float]) -> None:
        self.weights, self.clock, self.began, self.works = list(weights), clock, clock(), list[_Work]()

    def begin(self, name: str, total: float | None, done: float, unit: str, show: _Show) -> _Work:
        self.works.append(_Work(name, total, done, unit, self.clock(), show))
        return self.works[-1]

    def fraction(self) -> float | None:
        """How much of the run is done, 0 to 1; None where its bars were not told beforehand."""
        return self._sum(lambda work: work.share(work.done))

    def left(self) -> float | None:
        """Seconds that the run will take still; None where that cannot be said."""
        done, there = self.fraction(), self._sum(lambda work: work.share(work.there))
        if done is None or there is None:
            return None
        return _left(self.clock() - self.began, done - there, 1 - done)

    def left_of(self, work: _Work) -> float | None:
        """Seconds that one bar will take still."""
        if work.total is None:
            return None
        return _left(self.clock() - work.began, work.done - work.there, work.total - work.done)

    def _sum(self, share: Callable[[_Work], float]) -> float | None:
        if not sum(self.weights):
            return None
        parts = zip(self.weights, self.works, strict=False)
        return min(1.0, sum(weight * share(work) for weight, work in parts) / sum(self.weights))


def _left(seconds: float, done: float, to_do: float) -> float | None:
    return seconds * max(0.0, to_do) / done if done > 0 else None


class LogLines:
    """Progress for a log: every ``every`` seconds a line ``train 120/400 30% 2 min left``."""

    def __init__(
        self,
        weights: Sequence[float] = (),
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        every: float = 30,
    ) -> None:
        self._run = _Run(weights, clock)
        self._stream, self._every, self.told = stream or sys.stderr, every, clock()
        self._lock = threading.Lock()

    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
        return self._run.begin(name, total, done, unit, self._tell)

    def say(self, text: str) -> None:
        pass

    def _tell(self, work: _Work, amount: float) -> None:
        """A line, if it is time for one."""
        with self._lock:
            if amount and self._run.clock() - self.told >= self._every:
                self._write(work)

    def still(self, stream: TextIO) -> None:
        """A line to ``stream`` though nothing has been done since the last."""
        with self._lock:
            if not self._run.works:
                self.told = self._run.clock()
                stream.write(f"at work for {duration(self.told - self._run.began)}\n")
                stream.flush()
                return
            began = self._run.works[-1].began
            self._write(self._run.works[-1], f"at it for {duration(self._run.clock() - began)}", stream)

    def _write(self, work: _Work, more: str = "", stream: TextIO | None = None) -> None:
        self.told = self._run.clock()
        number = size if work.unit == "bytes" else "{:,.0f}".format
        words = [work.name, number(work.done)]
        if work.total:
            words[1] += f"/{number(work.total)}"
            words.append(f"{100 * work.done / work.total:.0f}%")
        words += _remaining(self._run.left_of(work))
        if (whole := self._run.fraction()) is not None:
            words += [f"({100 * whole:.0f}% of all", *_remaining(self._run.left())]
            words[-1] += ")"
        stream = stream or self._stream
        stream.write(" ".join(word for word in (*words, work.text, more) if word) + "\n")
        stream.flush()


def _remaining(seconds: float | None) -> list[str]:
    return [] if seconds is None else [f"{duration(seconds)} left"]


_LOGS: list[LogLines] = []  # those of this moment


@contextmanager
def never_silent(
    stream: TextIO | None = None, *, clock: Callable[[], float] = time.monotonic, every: float = 30
) -> Iterator[None]:
    """Within the block a log gets a line every ``every`` seconds, also where nobody reports progress.

    So it is while a model is loaded, a learner fits one large thing or figures are drawn.
    """
    log, over, began = stream or sys.stderr, threading.Event(), clock()

    def watch() -> None:
        told = began
        while not over.wait(max(0.001, told + every - clock())):
            told = max([told, *(lines.told for lines in _LOGS)])
            if clock() - told < every:
                continue
            told = clock()
            with suppress(ValueError, OSError):  # the stream has been closed
                if _LOGS:
                    _LOGS[-1].still(log)
                else:
                    log.write(f"at work for {duration(told - began)}\n")
                    log.flush()

    thread = threading.Thread(target=watch, name="never-silent", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def terminal(enabled: bool | None = None, *, weights: Sequence[float] = ()) -> Iterator[Progress]:
    """Bars with elapsed time and ETA when stderr is a terminal (or ``enabled`` is true), else a log's lines.

    ``weights``: one for each bar that the run will have, in their order, about in proportion to the time it
    takes. With them a bar of the whole run stands over the present one, and finished ones go.
    """
    if not (sys.stderr.isatty() if enabled is None else enabled):
        lines = LogLines(weights)
        _LOGS.append(lines)
        try:
            yield lines
        finally:
            _LOGS.remove(lines)
        return
    from rich import progress as bars
    from rich.console import Console

    name, unit, note = (
        bars.TextColumn(f"{{task.{field}}}", markup=False)
        for field in ("description", "fields[unit]", "fields[note]")
    )
    times = bars.TimeElapsedColumn(), bars.TimeRemainingColumn()
    columns = name, bars.BarColumn(), bars.MofNCompleteColumn(), unit, *times, note
    run = _Run(weights, time.monotonic)
    with bars.Progress(*columns, console=Console(stderr=True)) as rich:
        whole = rich.add_task("whole run", total=100, unit="%", note="") if sum(weights) else None
        tasks: dict[_Work, TaskID] = {}

        def show(work: _Work, amount: float) -> None:
            if work in tasks:
                rich.update(tasks[work], advance=amount, note=work.text)
            if whole is not None:
                rich.update(whole, completed=100 * (run.fraction() or 0))

        class _Rich:
            def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
                for work in list(tasks) if whole is not None else []:
                    if work.share(work.done) == 1:
                        rich.remove_task(tasks.pop(work))
                work = run.begin(name, total, done, unit, show)
                tasks[work] = rich.add_task(work.name, total=total, completed=int(done), unit=unit, note="")
                return work

            def say(self, text: str) -> None:
                rich.console.print(clean(text), markup=False, highlight=False)

        yield _Rich()
        if whole is not None:
            rich.update(whole, completed=100)


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
