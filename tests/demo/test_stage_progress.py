import os
from importlib import import_module

import pytest

from concept_align.demo.stage_progress import StageProgress, run_together
from concept_align.errors import UsageError


class Recorded:
    """A progress that keeps what it was told."""

    def __init__(self):
        self.bars, self.total, self.notes = [], 0.0, []

    def bar(self, name, total, *, done=0, unit=""):
        self.bars.append((name, total))
        return self

    def advance(self, amount=1):
        self.total += amount

    def note(self, text):
        self.notes.append(text)

    def say(self, text):
        raise AssertionError("nothing is said beside the bar")


def test_many_bars_move_one():
    outer = Recorded()
    within = StageProgress(outer, "states", 2)
    for words in (10, 40):
        inner = within.bar("a file", words)
        for _ in range(2):
            inner.advance(words / 2)
    assert outer.bars == [("states", 2)]
    assert outer.total == 2
    within.say("already there")
    assert outer.notes == ["a file", "a file", "already there"]


def test_what_was_there_already_counts_as_done_and_no_bar_overflows():
    outer = Recorded()
    within = StageProgress(outer, "tests", 3)
    within.bar("again and again", 1, done=1).advance(7)
    within.finish()
    assert outer.total == 3


def test_work_without_a_share_only_says_its_name():
    outer = Recorded()
    within = StageProgress(outer, "learning", 4, share=0)
    within.bar("epochs", 10).advance(10)
    assert outer.total == 0 and outer.notes == ["epochs"]
    within.bar("unknown", None).advance(5)
    within.advance(1)
    assert outer.total == 1


JOBS = """
import os
from dataclasses import dataclass
from concept_align.errors import UsageError

@dataclass
class Job:
    number: int

    def run(self, progress):
        print("what a job prints is no message")
        bar = progress.bar(f"job {self.number}", 4, unit="steps")
        bar.advance(1)
        if self.number < 0:
            raise UsageError("a negative number", option="number", remedy="give another one")
        bar.advance(3)
        bar.note("")
        return self.number**2, os.environ["OMP_NUM_THREADS"], os.getpid()
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    (tmp_path / "jobs_of_a_test.py").write_text(JOBS)
    monkeypatch.syspath_prepend(tmp_path)
    return import_module("jobs_of_a_test").Job


def test_jobs_run_each_in_a_process_of_one_thread_and_show_their_bars(job):
    outer = Recorded()
    first, second = run_together([job(2), job(3)], outer)
    assert (first[0], second[0]) == (4, 9)
    assert first[1] == second[1] == "1" and len({first[2], second[2], os.getpid()}) == 3
    assert sorted(outer.bars) == [("job 2", 4), ("job 3", 4)]
    assert outer.total == 8


def test_an_error_in_a_process_is_raised_as_it_was(job):
    with pytest.raises(UsageError, match="a negative number") as caught:
        run_together([job(1), job(-1)])
    assert (caught.value.option, caught.value.remedy) == ("number", "give another one")
