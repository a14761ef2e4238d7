"""Progress of stages, and of stages that run in processes of their own."""

import os
import pickle
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, BinaryIO

from ..progress import Bar, Progress, Silent

_OFTEN = 0.2  # seconds between two messages about one bar


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


class _UnitBar:
    def __init__(self, owner: StageProgress, scale: float) -> None:
        self.owner, self.scale = owner, scale

    def advance(self, amount: float = 1) -> None:
        self.owner.advance(amount * self.scale)

    def note(self, text: str) -> None:
        pass


# A job is any object that can be pickled and has run(progress); its messages are pairs of kind and content.


def run_together(jobs: Sequence[Any], progress: Progress | None = None) -> list[Any]:
    """The results of ``job.run(progress)`` for every job, each in a process of one thread.

    Bars are shown as they come from the processes. An error in one ends all and is raised here. A process
    runs this module, never the caller's main module.
    """
    progress = progress or Silent()
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment[name] = "1"
    processes: list[subprocess.Popen[bytes]] = []
    with ThreadPoolExecutor(len(jobs)) as pool:
        try:
            for job in jobs:
                program = [sys.executable, "-c", f"from {__name__} import main; main()"]
                process = subprocess.Popen(
                    program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
                )
                processes.append(process)
                assert process.stdin is not None
                with process.stdin as file:
                    pickle.dump((job, not isinstance(progress, Silent)), file)
            found = [pool.submit(_followed, process, progress) for process in processes]
            for one in wait(found, return_when=FIRST_EXCEPTION).done:
                one.result()
            return [one.result() for one in found]
        finally:
            for process in processes:
                process.kill()  # nothing to one that has ended
                process.wait()


def _followed(process: "subprocess.Popen[bytes]", progress: Progress) -> Any:
    """The result of ``process``, whose bars are shown; its error is raised."""
    bars = list[Bar]()
    assert process.stdout is not None
    with process.stdout as messages:
        while True:
            try:
                kind, content = pickle.load(messages)
            except (EOFError, pickle.UnpicklingError):
                raise RuntimeError("a process of the demo ended without a result") from None
            if kind == "bar":
                bars.append(progress.bar(**content))
            elif kind == "say":
                progress.say(content)
            elif kind in ("advance", "note"):
                at, value = content
                getattr(bars[at], kind)(value)
            elif kind == "error":
                raise content
            else:
                process.wait()
                return content


class _Sender:
    """The progress of a process: sends what happens to whoever started it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.bars = file, 0

    def send(self, kind: str, content: Any) -> None:
        pickle.dump((kind, content), self.file)
        self.file.flush()

    def bar(self, name: str, total: float | None, *, done: float = 0, unit: str = "") -> Bar:
        self.send("bar", {"name": name, "total": total, "done": done, "unit": unit})
        self.bars += 1
        return _SentBar(self, self.bars - 1)

    def say(self, text: str) -> None:
        self.send("say", text)


class _SentBar:
    """Sends amounts together, not each by itself."""

    def __init__(self, sender: _Sender, at: int) -> None:
        self.sender, self.at, self.amount, self.sent = sender, at, 0.0, time.monotonic()

    def advance(self, amount: float = 1) -> None:
        self.amount += amount
        if time.monotonic() - self.sent > _OFTEN:
            self._flush()

    def note(self, text: str) -> None:
        if not text or time.monotonic() - self.sent > _OFTEN:  # the empty note ends a stage
            self._flush()
            self.sender.send("note", (self.at, text))

    def _flush(self) -> None:
        self.sender.send("advance", (self.at, self.amount))
        self.amount, self.sent = 0.0, time.monotonic()


def main() -> None:
    """Run the job that comes on stdin; everything that it prints goes to stderr."""
    out = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    job, watched = pickle.load(sys.stdin.buffer)
    sender = _Sender(out)
    try:
        message = ("result", job.run(sender if watched else Silent()))
    except Exception as error:
        message = ("error", error)
    sender.send(*message)
