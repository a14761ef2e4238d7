"""Progress of stages, and of stages that run in processes of their own."""

import os
import sys
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Any, Self

from ..progress import Bar, Progress, Silent

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class StageProgress:
    """A :class:`Progress` of a stage made of many units of work: their bars move one bar of ``units``.

    Each unit moves it by its ``share`` (0: not at all).
    """

    def __init__(self, progress: Progress | None, name: str, units: int, *, share: float = 1.0) -> None:
        self.outer = progress or Silent()
        self.units, self.share, self.done = units, share, 0.0
        self._bar = self.outer.bar(name, units)

    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
        self._bar.note(name)
        inner = _UnitBar(self, self.share / total if total else 0.0)
        inner.advance(done)
        return inner

    def say(self, text: str) -> None:
        """Said as a note: a line for every unit would bury the bars."""
        self._bar.note(text)

    def advance(self, amount: float) -> None:
        amount = min(amount, self.units - self.done)
        self.done += amount
        self._bar.advance(amount)

    def finish(self) -> None:
        """Whatever was there already counts as done."""
        self.advance(self.units - self.done)
        self._bar.note("")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self.finish()


class _UnitBar:
    def __init__(self, owner: StageProgress, scale: float) -> None:
        self.owner, self.scale = owner, scale

    def advance(self, amount: float = 1) -> None:
        self.owner.advance(amount * self.scale)

    def note(self, text: str) -> None:
        pass


def run_together(jobs: Sequence[Any], progress: Progress | None = None) -> list[Any]:
    """The results of ``job.run(progress)`` for every job, each in a process of one thread.

    A job is any object that can be pickled. Bars are shown as they come from the processes; an error in one
    ends all and is raised here. A script that calls this does so under ``if __name__ == "__main__"``.
    """
    progress, context, processes = progress or Silent(), get_context("spawn"), []
    shown: dict[Connection, list[Any]] = {}  # of each process its progress, then its bars
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(_THREADS, "1"))  # read when a process begins
    try:
        for job in jobs:
            ours, theirs = context.Pipe(duplex=False)
            processes.append(context.Process(target=_run, args=(job, theirs)))
            processes[-1].start()
            theirs.close()
            shown[ours] = [progress]
        results: dict[Any, Any] = dict.fromkeys(shown)
        while shown:
            for end in wait(list(shown)):
                assert isinstance(end, Connection)
                try:
                    place, kind, content = end.recv()
                except EOFError:
                    raise RuntimeError("a process of the demo ended without a result") from None
                if kind == "error":
                    raise content
                if kind == "result":
                    results[end] = content
                    del shown[end]
                elif kind == "bar":
                    shown[end].append(progress.bar(**content))
                else:
                    getattr(shown[end][place], kind)(content)
        return list(results.values())
    finally:
        for process in processes:
            process.kill()  # nothing to one that has ended
            process.join()
        os.environ.clear()
        os.environ.update(before)


class _Sender:
    """The progress of a process, or one of its bars: sends what happens to whoever started the process."""

    def __init__(self, end: Connection, place: int = 0) -> None:
        self.end, self.place, self.bars = end, place, 0

    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
        self.end.send((0, "bar", {"name": name, "total": total, "done": done, "unit": unit}))
        self.bars += 1
        return _Sender(self.end, self.bars)

    def say(self, text: str) -> None:
        self.end.send((0, "say", text))

    def advance(self, amount: float = 1) -> None:
        self.end.send((self.place, "advance", amount))

    def note(self, text: str) -> None:
        self.end.send((self.place, "note", text))


def _run(job: Any, end: Connection) -> None:
    """In a process of its own; everything that the job prints goes to stderr."""
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        end.send((0, "result", job.run(_Sender(end))))
    except Exception as error:
        end.send((0, "error", error))
