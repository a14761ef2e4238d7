import errno
import os

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
