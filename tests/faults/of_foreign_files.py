"""Folders full of files of others: no command, forced or not, changes or removes one of them.

A case runs a command into a folder where files lie that it did not write, some under names that it uses,
some among its own results. It is refused, or done beside them.
"""

import random
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from campaign import Campaign, Outcome
from kills import contents
from works import WORKS

NAMES = ("notes.txt", "README.md", "model.safetensors", "data/table.csv", ".hidden", "checkpoints/a.pt")


class Prepared:
    """A command, what it writes, and a folder that it wrote."""

    def __init__(self, name: str, folder: Path) -> None:
        folder.mkdir()
        self.work, self.made = WORKS[name](folder), folder / "made"
        self.work(self.made)
        self.names = sorted(path.as_posix() for path in contents(self.made))


def case(prepared: Prepared, folder: Path, rng: random.Random) -> Outcome:
    out = folder / "out"
    out.mkdir()
    if ours := rng.random() < 0.5:
        shutil.copytree(prepared.made, out, dirs_exist_ok=True)
    foreign = {}
    for name in rng.sample([*NAMES, *rng.sample(prepared.names, min(6, len(prepared.names)))], 4):
        path = out / name
        if path.exists() or any(parent.is_file() for parent in path.parents):
            continue  # ours, or below a file
        path.parent.mkdir(parents=True, exist_ok=True)
        foreign[path] = rng.choice([b"", b"of somebody else", b"{}", rng.randbytes(100)])
        path.write_bytes(foreign[path])
    end: Outcome = "unchanged"
    try:
        prepared.work(out, *(["--force"] if rng.random() < 0.7 else []))
    except Exception as error:
        from concept_align.errors import ConceptAlignError

        if not isinstance(error, ConceptAlignError):
            raise
        end = "refused"
    changed = [str(path.relative_to(out)) for path, data in foreign.items() if not _same(path, data)]
    assert not changed, (
        f"changed or removed ({'a folder of its own' if ours else 'a foreign folder'}): {changed}"
    )
    return end


def _same(path: Path, data: bytes) -> bool:
    return path.is_file() and path.read_bytes() == data


def campaign(name: str, prepare: Callable, default: int) -> Campaign:
    what = f"`{name}`, often with `--force`, in a folder with files of others"
    return Campaign(f"foreign-{name}", what, prepare, case, default=default, full=100)


FEW = {"demo": 0, "meta-train": 2, "intervene": 1, "tune": 1}
# The store has marks of its own, the demo takes long.
CAMPAIGNS = [
    campaign(
        name, partial(Prepared, name), {"demo": 0, "meta-train": 2, "intervene": 1, "tune": 1}.get(name, 5)
    )
    for name in WORKS
    if name != "extract"
]
