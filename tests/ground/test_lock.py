import os
import signal
import time

import pytest

from concept_align.errors import StoreError
from concept_align.lock import LOCK, writing


def test_a_second_writer_is_told_who_is_writing(tmp_path):
    with (
        writing(tmp_path),
        pytest.raises(StoreError, match=f"process {os.getpid()}"),
        writing(tmp_path, wait=0),
    ):
        pass
    assert not (tmp_path / LOCK).exists()


def test_other_folders_can_be_written_at_the_same_time(tmp_path):
    with writing(tmp_path / "a"), writing(tmp_path / "b"):
        assert (tmp_path / "a" / LOCK).exists()


def test_the_lock_of_a_killed_writer_is_taken_over(tmp_path):
    child = os.fork()
    if child == 0:
        with writing(tmp_path):
            (tmp_path / "held").touch()
            time.sleep(60)
        os._exit(0)
    while not (tmp_path / "held").exists():
        time.sleep(0.005)
    with pytest.raises(StoreError, match=f"process {child}"), writing(tmp_path, wait=0):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert (tmp_path / LOCK).exists()
    with writing(tmp_path):
        pass
    assert not (tmp_path / LOCK).exists()


def test_an_error_gives_the_lock_back(tmp_path):
    with pytest.raises(ZeroDivisionError), writing(tmp_path):
        raise ZeroDivisionError
    with writing(tmp_path):
        pass
