"""Campaigns of faults: many seeded cases of one kind of damage, each counted by how it ends.

A case damages something (a file, a process, a stream) and uses it as a user would. It ends well in one of
three ways: ``refused`` (one of our errors, with its place), ``recovered`` (done again, with the bytes or
numbers of an undamaged run) or ``unchanged`` (the damage changes nothing that is used). Anything else, a
traceback, a hang, another result without a word, has failed.

A module ``of_*.py`` in this folder names its campaigns in ``CAMPAIGNS``. The test suite runs ``default``
cases of each, ``make faults`` runs ``full`` cases of all and writes the table of README.md.
"""

import os
import random
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Literal
from unittest import mock

from concept_align.errors import ConceptAlignError

Outcome = Literal["refused", "recovered", "unchanged"]
HANGS = 900  # seconds after which a case counts as a hang, on a machine that does other things too


@dataclass(frozen=True)
class Campaign:
    """``prepare(folder)`` makes, once, what is damaged; ``case(prepared, folder, rng)`` is one case of it.

    A case gets an empty folder and a generator of its own. It returns how it ended, or raises: one of our
    errors counts as refused, anything else as failed. A failed promise is an AssertionError.
    """

    name: str
    what: str  # for the table: what is damaged, and what is used
    prepare: Callable[[Path], Any]
    case: Callable[[Any, Path, random.Random], Outcome]
    default: int = 200
    full: int = 2000


@dataclass
class Tally:
    """How the cases of a campaign ended."""

    campaign: Campaign
    ends: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def tried(self) -> int:
        return self.ends.total() + len(self.failures)

    def row(self) -> list[str]:
        """tried, refused, recovered, unchanged, failed"""
        ends = [self.ends[end] for end in ("refused", "recovered", "unchanged")]
        return [str(number) for number in (self.tried, *ends, len(self.failures))]


def run(campaign: Campaign, cases: Iterable[int], *, seed: int = 0) -> Tally:
    """Try the cases of these numbers; the same number and seed is the same case."""
    tally, began = Tally(campaign), time.monotonic()
    with (
        tempfile.TemporaryDirectory() as top,
        mock.patch.dict(os.environ, CONCEPT_ALIGN_CACHE=f"{top}/cache"),
    ):
        prepared = campaign.prepare(Path(top) / "prepared")
        for number in cases:
            rng = random.Random(f"{campaign.name} {seed} {number}")
            with tempfile.TemporaryDirectory(dir=top) as folder:
                try:
                    with limited(HANGS):
                        tally.ends[campaign.case(prepared, Path(folder), rng)] += 1
                except ConceptAlignError:
                    tally.ends["refused"] += 1
                except Exception as error:  # whatever it is, it is what the campaign looks for
                    last = traceback.extract_tb(error.__traceback__)[-1]
                    place = f"{Path(last.filename).name}:{last.lineno}"
                    tally.failures.append(f"case {number}: {type(error).__name__} at {place}: {error}")
    tally.seconds = time.monotonic() - began
    return tally


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """AssertionError where the block takes longer."""

    def over(*_: object) -> None:
        raise AssertionError(f"hangs: not done after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def campaigns() -> list[Campaign]:
    """All there are, in the order of their modules."""
    modules = sorted(path.stem for path in Path(__file__).parent.glob("of_*.py"))
    return [one for module in modules for one in import_module(module).CAMPAIGNS]


def flipped(data: bytes, rng: random.Random) -> bytes:
    """``data`` with one of: a bit flipped, cut short, bytes put in, a run of zeros, a part twice."""
    if not data:
        return b"\0"
    place, end = rng.randrange(len(data)), rng.randrange(len(data) + 1)
    match rng.randrange(5):
        case 0:
            return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]
        case 1:
            return data[:place]
        case 2:
            return data[:place] + rng.randbytes(rng.choice([1, 2, 8, 100])) + data[place:]
        case 3:
            run = min(rng.choice([1, 4, 64, 512]), len(data) - place)
            return data[:place] + bytes(run) + data[place + run :]
        case _:
            return data[:end] + data[min(place, end) :]


__all__ = ["Campaign", "Outcome", "Tally", "campaigns", "flipped", "limited", "run"]
