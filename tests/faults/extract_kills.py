"""Kill an extraction (SIGKILL) at random moments, and before each step on the file system; resume; compare.

After every kill: no shard that looks whole is damaged. After every resume: the store has the bytes of an
uninterrupted run, no half file, no lock. Alone: ``python tests/faults/extract_kills.py --moments 20``.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tiny"))

from fake_model import FakeModel
from fake_treebank import write

from concept_align.extraction.run import extract_files
from concept_align.store import Store
from concept_align.treebanks.discover import TreebankFile

LAYERS = [0, 1, 3]


class Case:
    """An extraction of three files, what it makes uninterrupted, and how long it takes."""

    def __init__(self, folder: Path, *, slow: float) -> None:
        self.folder, self.slow = folder, slow
        self.files = [
            write(folder, "en", "train", [5, 3, 9, 1, 7, 4] * 10),
            write(folder, "en", "dev", [4, 2, 8] * 5),
            write(folder, "de", "train", [6, 3] * 10),
        ]
        begun = time.perf_counter()
        self._extract(folder / "whole", self.files)
        self.seconds = time.perf_counter() - begun
        self.whole = contents(folder / "whole")

    def _extract(self, out: Path, files: list[TreebankFile]) -> FakeModel:
        model = FakeModel(seconds_a_sentence=self.slow)
        extract_files(model, files, out, layers=LAYERS)
        extract_files(model, files[1:2], out, layers=LAYERS[:1], sink="statistics", tasks=["upos"])
        return model

    def killed(self, *, after: float | None = None, step: int | None = None) -> bool:
        """Run in a child that is killed after so many seconds or before its step; resume; check.

        False where the child was done before.
        """
        out = self.folder / "killed"
        shutil.rmtree(out, ignore_errors=True)
        child = os.fork()
        if child == 0:
            try:
                if step is not None:
                    die_at(step)
                self._extract(out, self.files)
            finally:
                os._exit(0)
        if after is not None:
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        if (out / "store.json").exists():
            damaged = [problem for problem in Store.open(out).verify() if "damaged:" in problem.what]
            assert not damaged, f"looks whole and is not: {damaged}"
        finished = {path for path, data in contents(out).items() if self.whole.get(path) == data}
        self._extract(out, self.files)
        found = contents(out)
        odd = sorted(str(p) for p in found.keys() ^ self.whole.keys())
        assert not odd, f"more or fewer files than of an uninterrupted run: {odd}"
        different = sorted(str(p) for p in found if found[p] != self.whole[p])
        assert not different, f"other bytes than of an uninterrupted run: {different}"
        self.finished = len(finished)
        return os.WIFSIGNALED(status)


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file of ``folder``, hidden ones too, with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def die_at(step: int) -> None:
    """From now on count opens for writing, renames, removals and syncs; die before number ``step``."""
    left = [step]

    def counted(call: Callable) -> Callable:
        def wrapped(*args: object, **options: object) -> object:
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left[0] -= 1
            return call(*args, **options)

        return wrapped

    for name in ("replace", "unlink", "mkdir"):
        setattr(Path, name, counted(getattr(Path, name)))
    os.fsync = counted(os.fsync)


def at_random(folder: Path, moments: int, seed: int) -> list[float]:
    """Kill at ``moments`` random times of a run; the times in seconds."""
    case = Case(folder, slow=0.002)
    rng = random.Random(seed)
    times = [rng.uniform(0, case.seconds) for _ in range(moments)]
    for after in times:
        case.killed(after=after)
    return times


def at_every_step(folder: Path, stride: int = 1) -> int:
    """Kill before every ``stride``-th step on the file system; how many kills there were."""
    case = Case(folder, slow=0.0)
    step = 0
    while case.killed(step=step):
        step += stride
    return step // stride


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--stride", type=int, default=1, help="steps on the file system between two kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        times = at_random(Path(folder) / "a", options.moments, options.seed)
        steps = at_every_step(Path(folder) / "b", options.stride)
    print(json.dumps({"random_kills": len(times), "kills_before_steps": steps, "byte_identical": True}))


if __name__ == "__main__":
    main()
