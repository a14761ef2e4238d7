import json
import os
import random
import signal
import time

import pytest

from concept_align import atomic
from concept_align.cache import Kept
from concept_align.errors import ConceptAlignError, UsageError
from concept_align.outputs import MARKER, OutputLayout, output_folder, part_of

EVALUATE = OutputLayout("evaluate", ("results.*", "units", "figures"), (("results.csv", "model,"),))
PROBE = OutputLayout("probe", ("probes.csv",), (("probes.csv", "model,"),))


def write(folder, *names, text="ours"):
    for name in names:
        atomic.write_text(folder / name, text)


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_what_was_written_is_listed_and_force_removes_it(tmp_path):
    out = tmp_path / "out"
    with output_folder(out, EVALUATE):
        write(out, "results.csv", "figures/a.png")
    assert [json.loads(line) for line in (out / MARKER).read_text().splitlines()] == [
        {"command": "evaluate", "schema": 1},
        "figures/a.png",
        "results.csv",
    ]
    (out / "notes.txt").write_text("mine")
    with output_folder(out, EVALUATE, force=True):
        assert contents(out).keys() == {MARKER, "notes.txt", ".lock"}
        assert not (out / "figures").exists()


def test_a_folder_of_somebody_else_is_refused_with_what_is_in_it(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    for force in (False, True):
        with (
            pytest.raises(UsageError, match="did not write this folder") as caught,
            output_folder(tmp_path, EVALUATE, force=force),
        ):
            pass
        assert "model.safetensors" in str(caught.value)
    assert contents(tmp_path) == {"model.safetensors": b"weights"}


def test_a_folder_of_another_command_is_refused(tmp_path):
    with output_folder(tmp_path, EVALUATE):
        write(tmp_path, "results.csv")
    before = contents(tmp_path)
    with (
        pytest.raises(UsageError, match="holds what `concept-align evaluate` wrote"),
        output_folder(tmp_path, PROBE, force=True),
    ):
        pass
    assert contents(tmp_path) == before


def test_a_file_that_is_not_listed_is_neither_replaced_nor_removed(tmp_path):
    with output_folder(tmp_path, EVALUATE):
        write(tmp_path, "results.csv")
        (tmp_path / "figures").mkdir()
        (tmp_path / "figures" / "a.png").write_text("mine")
        for change in (atomic.remove, lambda path: atomic.write_text(path, "ours")):
            with pytest.raises(UsageError, match=r"did not write\n|did not write$") as caught:
                change(tmp_path / "figures" / "a.png")
            assert str(tmp_path / "figures" / "a.png") in str(caught.value)
    assert (tmp_path / "figures" / "a.png").read_text() == "mine"


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    out, away = tmp_path / "out", tmp_path / "away"
    away.mkdir()
    (away / "a.png").write_text("mine")
    (away / "b.csv").write_text("mine")
    with output_folder(out, EVALUATE):
        (out / "figures").symlink_to(away)
        (out / "results.csv").symlink_to(away / "b.csv")
        for name in ("figures/a.png", "results.csv"):
            with pytest.raises(UsageError, match=r"did not write|a link out"):
                write(out, name)
    assert contents(away) == {"a.png": b"mine", "b.csv": b"mine"}


def test_a_listed_file_behind_a_link_is_neither_replaced_nor_removed(tmp_path):
    out, away = tmp_path / "out", tmp_path / "away"
    with output_folder(out, EVALUATE):
        write(out, "figures/sub/a.png")
    (out / "figures").rename(away)
    (away / "sub" / "a.png").write_text("mine")
    (out / "figures").symlink_to(away)
    for change in (atomic.remove, lambda path: atomic.write_text(path, "ours")):
        with output_folder(out, EVALUATE), pytest.raises(UsageError, match="figures: it is a link out of"):
            change(out / "figures" / "sub" / "a.png")
    with output_folder(out, EVALUATE, force=True):
        pass
    assert contents(away) == {"sub/a.png": b"mine"}


def test_a_list_that_leads_out_of_the_folder_is_not_believed(tmp_path):
    out, mine = tmp_path / "out", tmp_path / "mine.txt"
    out.mkdir()
    mine.write_text("mine")
    for name in ("../mine.txt", str(mine), ""):
        lines = [{"command": "evaluate", "schema": 1}, name]
        (out / MARKER).write_text("".join(json.dumps(line) + "\n" for line in lines))
        with pytest.raises(UsageError, match="not a list"), output_folder(out, EVALUATE, force=True):
            pass
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe", b"[" * 10_000, b"null\n", b'{"command": "evaluate"}\n'])
def test_a_damaged_list_is_refused(tmp_path, damage):
    (tmp_path / MARKER).write_bytes(damage)
    with pytest.raises(UsageError, match="not a list"), output_folder(tmp_path, EVALUATE):
        pass


def test_a_killed_run_leaves_nothing_that_the_next_one_may_not_replace(tmp_path):
    """Killed at random moments of many writes and resumed: the bytes of an uninterrupted run, no litter."""

    def run(folder):
        with output_folder(folder, EVALUATE):
            for number in range(40):
                Kept.json(folder / "units").put(f"{number}", number, "x" * 2000)
            write(folder, "results.csv")

    run(tmp_path / "whole")
    draw = random.Random(0)
    for moment in range(6):
        out = tmp_path / f"{moment}"
        child = os.fork()
        if child == 0:
            try:
                run(out)
            finally:
                os._exit(0)
        time.sleep(draw.uniform(0, 0.1))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        run(out)
        assert contents(out) == contents(tmp_path / "whole")


def test_a_second_process_waits_for_a_short_run_and_is_refused_by_a_long_one(tmp_path):
    child = os.fork()
    if child == 0:
        with output_folder(tmp_path, EVALUATE):
            (tmp_path / "units").mkdir()
            time.sleep(0.5)
        os._exit(0)
    while not (tmp_path / "units").exists():
        time.sleep(0.005)
    with (
        pytest.raises(ConceptAlignError, match=f"process {child}"),
        output_folder(tmp_path, EVALUATE, wait=0),
    ):
        pass
    with output_folder(tmp_path, EVALUATE, wait=30):
        write(tmp_path, "results.csv")
    os.waitpid(child, 0)
    assert (tmp_path / "results.csv").read_text() == "ours"


def test_the_process_that_holds_a_folder_gets_it_again(tmp_path):
    with output_folder(tmp_path, EVALUATE) as outer, output_folder(tmp_path, EVALUATE) as inner:
        assert inner is outer


def test_a_folder_within_a_folder_goes_with_it(tmp_path):
    with output_folder(tmp_path, PROBE):
        with output_folder(tmp_path / "evaluation", EVALUATE):
            write(tmp_path, "evaluation/results.csv")
        (tmp_path / "evaluation" / "notes.txt").write_text("mine")
        write(tmp_path, "probes.csv")
    with output_folder(tmp_path, PROBE, force=True):
        pass
    assert contents(tmp_path) == {"evaluation/notes.txt": b"mine"}


def test_what_a_started_process_writes_is_listed(tmp_path):
    with output_folder(tmp_path, EVALUATE) as held:
        child = os.fork()
        if child == 0:
            with part_of(tmp_path, "evaluate"):
                write(tmp_path, "units/1")
            os._exit(0)
        os.waitpid(child, 0)
        write(tmp_path, "units/1", text="ours again")
    assert "units/1" in held.listed


def test_what_an_earlier_release_wrote_is_taken_over(tmp_path):
    for name in ("results.csv", "results.parquet", "units/a.jsonl", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("model,revision\n")
    with output_folder(tmp_path, EVALUATE) as held:
        assert held.listed == {"results.csv", "results.parquet", "units/a.jsonl"}
        write(tmp_path, "results.csv")
        held.drop_unwritten("units")
    assert contents(tmp_path).keys() == {MARKER, "results.csv", "units/a.jsonl", "notes.txt"}


def test_a_file_where_a_folder_is_needed(tmp_path):
    (tmp_path / "out").write_text("mine")
    with (
        pytest.raises(UsageError, match="there is a file of this name"),
        output_folder(tmp_path / "out", PROBE),
    ):
        pass
    assert (tmp_path / "out").read_text() == "mine"


def test_nothing_written_leaves_nothing(tmp_path):
    with output_folder(tmp_path, EVALUATE):
        pass
    assert contents(tmp_path) == {}
