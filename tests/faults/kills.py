"""Kill what writes (SIGKILL) at random moments and before steps on the file system; resume; compare bytes."""

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from campaign import Outcome


@dataclass
class Killing:
    """``work(out)`` run without a kill: the bytes it leaves, the time and the steps it takes.

    ``work`` runs in children made by ``fork``, in this interpreter: it must leave no thread behind.
    """

    work: Callable[[Path], object]
    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

        def counting() -> None:
            taken = die_at(None)
            self.work(self.folder / "whole" / "out")
            (self.folder / "steps").write_text(str(taken[0]))

        began = time.perf_counter()
        self._child(counting)
        self.seconds = time.perf_counter() - began
        self.steps = int((self.folder / "steps").read_text())
        self.whole = contents(self.folder / "whole" / "out")

    def killed(self, out: Path, *, after: float | None = None, step: int | None = None) -> bool:
        """Kill a run into ``out`` after so many seconds or before its step; resume; compare.

        False where the run was done before.
        """

        def dying() -> None:
            if step is not None:
                die_at(step)
            self.work(out)

        died = self._child(dying, after=after, may_die=True)
        self.again(out)
        self.check(out)
        return died

    def case(self, folder: Path, rng: random.Random) -> Outcome:
        """A kill at a random moment or step; ``unchanged`` where the run was done before."""
        if rng.random() < 0.5:
            died = self.killed(folder / "out", after=rng.uniform(0, self.seconds))
        else:
            died = self.killed(folder / "out", step=rng.randrange(self.steps))
        shutil.rmtree(folder / "out", ignore_errors=True)
        return "recovered" if died else "unchanged"

    def again(self, out: Path) -> None:
        """Run to the end, in a child."""
        self._child(lambda: self.work(out))

    def check(self, out: Path) -> None:
        """AssertionError unless ``out`` has the files and bytes of an uninterrupted run."""
        found = contents(out)
        odd = sorted(str(path) for path in found.keys() ^ self.whole.keys())
        assert not odd, f"more or fewer files than of an uninterrupted run: {odd}"
        different = sorted(str(path) for path in found if found[path] != self.whole[path])
        assert not different, f"other bytes than of an uninterrupted run: {different}"

    def _child(self, do: Callable[[], object], *, after: float | None = None, may_die: bool = False) -> bool:
        """Run in a child; whether it was killed."""
        child = os.fork()
        if child == 0:
            code = 1
            try:
                do()
                code = 0
            except BaseException as error:  # told by the parent
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(code)
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        died = os.WIFSIGNALED(status)
        assert (died and may_die) or status == 0, f"the run ended with {status}"
        return died


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file of ``folder``, hidden ones too, with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def die_at(step: int | None) -> list[int]:
    """From now on count renames, removals, new folders and syncs; die before number ``step``.

    The count, which goes on.
    """
    taken = [0]

    def counted(call: Callable) -> Callable:
        def wrapped(*args: object, **options: object) -> object:
            if taken[0] == step:
                os.kill(os.getpid(), signal.SIGKILL)
            taken[0] += 1
            return call(*args, **options)

        return wrapped

    for name in ("replace", "rename", "unlink", "mkdir"):
        setattr(Path, name, counted(getattr(Path, name)))
    os.fsync = counted(os.fsync)
    return taken
