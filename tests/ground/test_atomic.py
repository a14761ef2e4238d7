import errno
import os
import signal

import pytest

from concept_align import atomic
from concept_align.errors import ConceptAlignError


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.json"
    atomic.write_json(target, {"kept": True})
    with pytest.raises(ZeroDivisionError), atomic.replacing(target) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert target.read_text() == '{\n  "kept": true\n}\n'
    assert os.listdir(tmp_path) == ["a.json"]  # noqa: PTH208


def test_a_full_disk_is_one_clear_error(tmp_path):
    with pytest.raises(ConceptAlignError, match="no space left") as caught, atomic.replacing(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert "run again to resume" in str(caught.value)


def test_equal_values_give_equal_bytes(tmp_path):
    atomic.write_json(tmp_path / "a", {"x": 1, "y": [2]})
    atomic.write_json(tmp_path / "b", {"y": [2], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_two_writers_of_one_file_do_not_share_a_temporary_one(tmp_path):
    target = tmp_path / "a"
    with atomic.replacing(target) as first:
        first.write(b"first, ")
        atomic.write_bytes(target, b"second")
        assert target.read_bytes() == b"second"
        first.write(b"whole")
    assert target.read_bytes() == b"first, whole"
    assert os.listdir(tmp_path) == ["a"]  # noqa: PTH208


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path):
    child = os.fork()
    if child == 0:
        with atomic.replacing(tmp_path / "a") as file:
            file.write(b"half")
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".partial")
    atomic.write_bytes(tmp_path / "b", b"another file")
    assert left.exists()
    atomic.write_bytes(tmp_path / "a", b"whole")
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]  # noqa: PTH208


def test_what_is_no_file_is_written_to_and_stays_what_it_is(tmp_path):
    atomic.write_bytes(os.devnull, b"x")
    assert not os.path.isfile(os.devnull)  # noqa: PTH113
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConceptAlignError, match="there is a folder of this name"):
        atomic.write_bytes(tmp_path / "folder", b"x")


@pytest.mark.parametrize("name", ["x" * 300, "file/below", "\0"])
def test_a_path_that_cannot_be_is_one_clear_error(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(ConceptAlignError, match="cannot write"):
        atomic.write_bytes(tmp_path / name, b"x")


def test_a_finished_file_takes_the_place_of_another_or_none(tmp_path):
    source, path = tmp_path / "made", tmp_path / "deep" / "file"
    for text in ("one", "two"):
        source.write_text(text)
        atomic.adopt(source, path)
        assert path.read_text() == text and not source.exists()
    with pytest.raises(ConceptAlignError, match="cannot write"):
        atomic.adopt(source, path)
    assert path.read_text() == "two"
