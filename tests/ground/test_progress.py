"""Progress with a clock that the test winds; times, sizes and notices in words."""

import io
import re
import threading
import time

import pytest

from concept_align import progress
from concept_align.progress import LogLines, collapsed, duration, never_silent, size


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


def test_a_log_gets_a_line_every_thirty_seconds():
    clock, log = Clock(), io.StringIO()
    bar = LogLines(stream=log, clock=clock).bar("train", 400, done=100, unit="episodes")
    for second in range(1, 71):
        clock.now = 1000.0 + second
        bar.advance(1)
    assert log.getvalue().splitlines() == [
        "train 130/400 32% 4 min left",
        "train 160/400 40% 4 min left",
    ]


def test_a_log_says_how_far_the_whole_run_is():
    clock, log = Clock(), io.StringIO()
    lines = LogLines([1, 3, 4], stream=log, clock=clock)
    lines.bar("was there", 0)
    first = lines.bar("first", 10)
    clock.now += 29
    first.advance(5)
    assert log.getvalue() == ""
    clock.now += 31
    first.note("loss 0.5")
    first.advance(5)
    # An eighth was there; three of the seven others took a minute.
    assert log.getvalue() == "first 10/10 100% 0.0 s left (50% of all 80 s left) loss 0.5\n"


def test_bytes_and_work_without_a_total_are_told_too():
    clock, log = Clock(), io.StringIO()
    lines = LogLines(stream=log, clock=clock)
    download, search = lines.bar("download", 2e9, unit="bytes"), lines.bar("search", None)
    clock.now += 30
    download.advance(1e9)
    clock.now += 30
    search.advance(7)
    assert log.getvalue() == "download 1.00 GB/2.00 GB 50% 30 s left\nsearch 7\n"


def test_a_log_is_never_silent_whatever_is_done(capsys):
    with never_silent(every=0.05):
        time.sleep(0.12)  # nobody has begun to report
        with progress.terminal(False) as shown:
            time.sleep(0.12)
            bar = shown.bar("fit", 4)
            bar.advance()
            time.sleep(0.3)
    time.sleep(0.1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("at work for 0.")
    stuck = [line for line in lines if re.match(r"fit 1/4 25% .* left at it for 0\.\d s", line)]
    assert 2 <= len(stuck) <= 6 and 4 <= len(lines) <= 11
    assert threading.active_count() == 1 or "never-silent" not in {one.name for one in threading.enumerate()}


def test_who_reports_in_time_is_not_interrupted():
    log = io.StringIO()
    with never_silent(log, every=0.2):
        lines = LogLines(stream=log, every=0.1)
        progress._LOGS.append(lines)
        bar = lines.bar("fit", 100)
        for _ in range(10):
            time.sleep(0.05)
            bar.advance()
        progress._LOGS.remove(lines)
    assert "at it" not in log.getvalue() and "fit" in log.getvalue()


def test_bars_are_drawn_with_one_of_the_whole_run(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    with progress.terminal(True, weights=[1, 1]) as shown:
        first = shown.bar("first [half]", 2)
        first.advance(2)
        second = shown.bar("second [half]", 4, done=1)
        second.advance(3)
        shown.say("said [so]")
    drawn = capsys.readouterr().err
    assert "whole run" in drawn and "100/100" in drawn
    assert "second [half]" in drawn and "said [so]" in drawn


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.42, "0.4 s"), (45, "45 s"), (39 * 60 + 5, "39 min"), (2 * 3600 + 300, "2 h 5 min"), (7200, "2 h"),
     (3 * 86400 + 4 * 3600, "3 d 4 h")],
)  # fmt: skip
def test_times_for_people(seconds, words):
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 bytes"), (312, "312 bytes"), (41_000, "41.0 kB"), (1.06e9, "1.06 GB"), (199_600_000, "200 MB"),
     (999_900, "1.00 MB"), (5e15, "5000 TB")],
)  # fmt: skip
def test_sizes_for_people(count, words):
    assert size(count) == words


def test_the_same_notice_of_many_languages_is_one_line():
    assert collapsed(["de: no train split", "all is well", "fr: no train split", "de: no train split"]) == [
        "de, fr: no train split",
        "all is well",
    ]
    assert collapsed(["summary: not a language", "t1: odd"]) == ["summary: not a language", "t1: odd"]
