import os
import subprocess

import pytest

from concept_align.errors import LearningError
from concept_align.integrity import SUMS, Verified, check_sums, write_sums


@pytest.fixture(autouse=True)
def memory(tmp_path, monkeypatch):
    monkeypatch.setenv("CONCEPT_ALIGN_CACHE", str(tmp_path / "cache"))


def flip(path, place=0):
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def test_hashes_are_those_of_sha256sum(tmp_path):
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    write_sums(tmp_path, ["b", "a", "absent"])
    assert check_sums(tmp_path, remedy="") == ("a", "b")
    assert subprocess.run(["sha256sum", "-c", SUMS], cwd=tmp_path, capture_output=True).returncode == 0


def test_a_changed_or_missing_file_is_named(tmp_path):
    (tmp_path / "a").write_text("1")
    write_sums(tmp_path, ["a"])
    flip(tmp_path / "a")
    with pytest.raises(LearningError, match="/a: its content is not what was written"):
        check_sums(tmp_path, error=LearningError, remedy="")
    (tmp_path / "a").unlink()
    with pytest.raises(LearningError, match="/a: cannot read"):
        check_sums(tmp_path, error=LearningError, remedy="")


@pytest.mark.parametrize("damage", [b"", b"\xff", b"abc  a\n", b"0" * 64 + b"  ../a\n", b"0" * 64 + b"  .\n"])
def test_a_damaged_list_of_hashes_is_refused(tmp_path, damage):
    (tmp_path / SUMS).write_bytes(damage)
    with pytest.raises(LearningError, match="not a list of hashes"):
        check_sums(tmp_path, error=LearningError, remedy="")


def test_a_folder_without_hashes_is_of_an_earlier_release(tmp_path):
    assert check_sums(tmp_path, remedy="") is None


def hashed(monkeypatch):
    """The names of the files that are hashed from here on."""
    from concept_align import integrity

    read, compute = [], integrity.sha256_file
    monkeypatch.setattr(integrity, "sha256_file", lambda path: read.append(path.name) or compute(path))
    return read


def test_a_file_is_hashed_once_and_again_when_anything_touched_it(tmp_path, monkeypatch):
    path = tmp_path / "shard"
    path.write_bytes(b"states")
    sha256 = __import__("hashlib").sha256(b"states").hexdigest()
    read = hashed(monkeypatch)
    for _ in range(2):
        assert Verified(tmp_path).holds("shard", sha256)
    assert read == ["shard"]
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # a change that hides its time
    assert not Verified(tmp_path).holds("shard", sha256)
    flip(path)
    assert Verified(tmp_path).holds("shard", sha256)
    assert read == ["shard"] * 3


def test_what_was_just_written_is_not_read_again(tmp_path, monkeypatch):
    (tmp_path / "shard").write_bytes(b"states")
    read = hashed(monkeypatch)
    Verified(tmp_path).written("shard", "f" * 64)
    assert Verified(tmp_path).holds("shard", "f" * 64)
    assert not read


def test_a_damaged_memory_is_forgotten(tmp_path, monkeypatch):
    (tmp_path / "shard").write_bytes(b"states")
    sha256 = __import__("hashlib").sha256(b"states").hexdigest()
    Verified(tmp_path).holds("shard", sha256)
    (memory,) = (tmp_path / "cache" / "verified").iterdir()
    for damage in (b"\xff\n[1]\n", b"[" * 5000, b""):
        memory.write_bytes(damage)
        assert Verified(tmp_path).holds("shard", sha256)


def test_without_a_place_to_remember_in_it_is_computed(tmp_path, monkeypatch):
    (tmp_path / "shard").write_bytes(b"states")
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONCEPT_ALIGN_CACHE", str(tmp_path / "file"))
    sha256 = __import__("hashlib").sha256(b"states").hexdigest()
    read = hashed(monkeypatch)
    assert all(Verified(tmp_path).holds("shard", sha256) for _ in range(2))
    assert read == ["shard", "shard"]
