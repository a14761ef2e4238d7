"""A disk that is full: one error that says so, nothing half written, and the run resumes where there is room.

Where a small file system can be mounted (root on Linux) that is what fills up; elsewhere no file may grow
beyond a limit, which fails at the same places.
"""

import os
import random
import resource
import shutil
import subprocess
from functools import partial
from pathlib import Path

from campaign import Campaign, Outcome
from kills import contents
from works import WORKS, killing

from concept_align.errors import ConceptAlignError

FULL = ("no space left", "file too large", "are free")
TOLD = 3  # exit code of a run that ends with an error that says what was full
PAGE = 4096


class Disks:
    """The disks of one command's cases: what it needs when nothing stops it is known."""

    def __init__(self, name: str, folder: Path) -> None:
        self.killing = killing(name, folder)
        sizes = [len(data) for data in self.killing.whole.values()]
        self.pages = sum(size // PAGE + 2 for size in sizes)
        self.largest = max(sizes)

    def case(self, folder: Path, rng: random.Random) -> Outcome:
        out, limit = folder / "disk" / "out", None
        out.parent.mkdir()
        mounted = _mount(out.parent, PAGE * rng.randrange(4, self.pages + 4))
        if not mounted:
            limit = rng.randrange(1, self.largest + 2)
        try:
            code = self._run(out, limit)
            assert code in (0, TOLD), f"ended with {code}"
            halves = [str(path) for path in contents(out) if path.name.endswith(".partial")]
            assert not halves, f"left half written: {halves}"
            if mounted:
                subprocess.run(["mount", "-o", "remount,size=1g", out.parent], check=True)
            self.killing.again(out)
            self.killing.check(out)
        finally:
            if mounted:
                subprocess.run(["umount", out.parent], check=True)
        return "recovered" if code else "unchanged"

    def _run(self, out: Path, limit: int | None) -> int:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                if limit is not None:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
                self.killing.work(out)
                code = 0
            except ConceptAlignError as error:
                full = any(words in str(error).lower() for words in FULL)
                code = TOLD if full else 1
                os.write(2, b"" if full else f"{error}\n".encode())
            except BaseException as error:
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
            finally:
                os._exit(code)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _mount(folder: Path, size: int) -> bool:
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    return subprocess.run(command, capture_output=True).returncode == 0


CAMPAIGNS = [
    Campaign(
        f"full-{name}",
        f"`{name}` on a disk that is full, and run again with room",
        partial(Disks, name),
        Disks.case,
        default={"extract": 3, "evaluate": 3, "probe": 2}.get(name, 0),
        full=5 if name == "demo" else 40,
    )
    for name in WORKS
]
