import gzip
import io
import lzma
import stat
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from concept_align.errors import FetchError
from concept_align.treebanks import unpack as module
from concept_align.treebanks.unpack import Limits, remove_leftovers, unpack

TOP = "ud-treebanks-v2.10"


def file(name: str, content: bytes = b"x") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = len(content), 0o6777
    return info, content


def special(name: str, kind: bytes, link: str = "") -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as out:
        for info, content in members:
            out.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


GOOD = (
    special(TOP, tarfile.DIRTYPE),
    file(f"{TOP}/stats.xml"),
    special(f"{TOP}/UD_A-X", tarfile.DIRTYPE),
    file(f"{TOP}/UD_A-X/a_x-ud-test.conllu", b"a" * 70_000),
    file(f"{TOP}/UD_A-X/not-to-release/sub/notes.txt"),
    file(f"{TOP}/UD_B-Y/b_y-ud-test.conllu", b"b"),
)


@pytest.fixture
def archive(tmp_path) -> Callable[..., Path]:
    def make(*members: tuple[tarfile.TarInfo, bytes], pack=gzip.compress) -> Path:
        path = tmp_path / "archive.tgz"
        path.write_bytes(pack(tar(*members)))
        return path

    return make


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bytes])
def test_treebanks_are_unpacked_without_the_folder_above_and_nothing_else(archive, tmp_path, pack):
    result = unpack(archive(*GOOD, pack=pack), tmp_path / "ud")
    assert result.written == ("UD_A-X", "UD_B-Y")
    assert tree(tmp_path / "ud") == [
        "UD_A-X/a_x-ud-test.conllu",
        "UD_A-X/not-to-release/sub/notes.txt",
        "UD_B-Y/b_y-ud-test.conllu",
    ]
    assert (tmp_path / "ud/UD_A-X/a_x-ud-test.conllu").read_bytes() == b"a" * 70_000


def test_mode_bits_of_the_archive_are_not_taken_over(archive, tmp_path):
    unpack(archive(*GOOD), tmp_path / "ud")
    mode = (tmp_path / "ud/UD_B-Y/b_y-ud-test.conllu").stat().st_mode
    assert not mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR | stat.S_IWOTH)
    plain = tmp_path / "plain"
    plain.mkdir()
    assert (tmp_path / "ud/UD_A-X").stat().st_mode == plain.stat().st_mode


def test_only_what_is_wanted_is_written(archive, tmp_path):
    result = unpack(archive(*GOOD), tmp_path / "ud", wanted={"UD_B-Y"}.__contains__)
    assert (result.written, result.seen) == (("UD_B-Y",), ("UD_A-X", "UD_B-Y"))
    assert tree(tmp_path / "ud") == ["UD_B-Y/b_y-ud-test.conllu"]


def test_what_is_there_stays_unless_forced(archive, tmp_path):
    mine = tmp_path / "ud/UD_B-Y/mine"
    mine.parent.mkdir(parents=True)
    mine.write_text("")
    result = unpack(archive(*GOOD), tmp_path / "ud")
    assert (result.written, result.present) == (("UD_A-X",), ("UD_B-Y",))
    assert mine.exists()
    result = unpack(archive(*GOOD), tmp_path / "ud", force=True)
    assert (result.written, result.present) == (("UD_A-X", "UD_B-Y"), ())
    assert not mine.exists() and (mine.parent / "b_y-ud-test.conllu").exists()


SECOND = f"{TOP}/UD_A-X/second"
HOSTILE = {
    "absolute path": [file("/tmp/UD_A-X/evil")],
    "absolute path inside": [file(f"//{TOP}/UD_A-X/evil")],
    "parent": [file(f"{TOP}/UD_A-X/../../../evil")],
    "parent outside any treebank": [file("../evil")],
    "backslash": [file(f"{TOP}\\..\\evil")],
    "drive": [file("C:/UD_A-X/evil")],
    "symlink": [special(SECOND, tarfile.SYMTYPE, "/etc/passwd")],
    "symlink outside any treebank": [special(f"{TOP}/link", tarfile.SYMTYPE, "/")],
    "file through a symlink": [special(SECOND, tarfile.SYMTYPE, "/tmp"), file(f"{SECOND}/evil")],
    "hard link": [special(SECOND, tarfile.LNKTYPE, f"{TOP}/UD_A-X/a_x-ud-test.conllu")],
    "device": [special(SECOND, tarfile.CHRTYPE)],
    "pipe": [special(SECOND, tarfile.FIFOTYPE)],
    "name twice": [file(f"{TOP}/UD_A-X/a_x-ud-test.conllu", b"other")],
    "name twice but for case": [file(f"{TOP}/UD_A-X/A_X-ud-test.conllu", b"other")],
    "name twice but for a dot": [file(f"{TOP}/./UD_A-X/a_x-ud-test.conllu", b"other")],
    "file under a file": [file(f"{TOP}/UD_A-X/a_x-ud-test.conllu/evil")],
    "file in place of a folder": [file(f"{TOP}/UD_A-X/not-to-release")],
    "sparse file": [special(SECOND, tarfile.GNUTYPE_SPARSE)],
    "huge extended header": [file(f"{TOP}/UD_A-X/" + "long/" * 300_000)],
    "folders, one in the other": [file(f"{TOP}/UD_A-X/" + "d/" * 20 + "evil")],
    "thousands of folders, one in the other": [file(f"{TOP}/UD_A-X/" + "d/" * 1900 + "evil")],
    "name too long for a disk": [file(f"{TOP}/UD_A-X/" + "é" * 200)],
    "treebank not in UTF-8": [file(f"{TOP}/UD_\udcff\udcfe-X/evil")],
    "file not in UTF-8": [file(f"{TOP}/UD_A-X/\udcff")],
    "escape codes": [file(f"{TOP}/UD_A\x1b[2J-X/evil")],
    "line end": [file(f"{TOP}/UD_A-X/a\nb")],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_archive_is_refused_and_leaves_nothing(archive, tmp_path, what):
    before = set(tmp_path.parent.rglob("evil"))
    with pytest.raises(FetchError):
        unpack(archive(*GOOD, *HOSTILE[what]), tmp_path / "ud")
    assert list((tmp_path / "ud").iterdir()) == []
    assert set(tmp_path.parent.rglob("evil")) == before
    assert not Path("/tmp/UD_A-X").exists()


@pytest.mark.parametrize(
    "limits",
    [
        Limits(members=5),
        Limits(folders=3),
        Limits(depth=4),
        Limits(total=60_000),
        Limits(ratio=2, allowance=0),
    ],
)
def test_a_bomb_is_refused_by_each_limit(archive, tmp_path, limits):
    with pytest.raises(FetchError):
        unpack(archive(*GOOD), tmp_path / "ud", limits=limits)
    assert list((tmp_path / "ud").iterdir()) == []


@pytest.mark.parametrize("size", [-1, -512, -(1 << 62), 1 << 62])
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_sizes_that_no_file_has_are_refused(tmp_path, size, kind):
    odd, _ = special(f"{TOP}/UD_A-X/odd", kind)
    odd.size = size
    path = tmp_path / "archive"
    path.write_bytes(gzip.compress(tar(*GOOD)[:-1024] + odd.tobuf(tarfile.GNU_FORMAT) + bytes(2048)))
    with pytest.raises(FetchError, match="archive"):
        unpack(path, tmp_path / "ud")
    assert list((tmp_path / "ud").iterdir()) == []


def test_a_zip_archive_is_named_for_what_it_is(tmp_path):
    with zipfile.ZipFile(tmp_path / "archive", "w") as out:
        out.writestr(f"{TOP}/UD_A-X/a_x-ud-test.conllu", "")
    with pytest.raises(FetchError, match="zip"):
        unpack(tmp_path / "archive", tmp_path / "ud")


def test_a_bomb_is_refused_in_what_is_not_even_wanted(archive, tmp_path):
    bomb = file(f"{TOP}/UD_Z-Z/zeros", bytes(8 << 20))
    limits = Limits(allowance=1 << 20)
    with pytest.raises(FetchError, match="no UD release"):
        unpack(archive(*GOOD, bomb), tmp_path / "ud", wanted={"UD_B-Y"}.__contains__, limits=limits)


def damaged(data: bytes) -> dict[str, bytes]:
    plain = bytearray(data)
    header = plain.index(b"UD_B-Y/b_y")
    header -= header % 512
    broken = bytes(plain[:header]) + b"\xff" * 512 + bytes(plain[header + 512 :])
    packed = gzip.compress(data)
    flipped = bytearray(packed)
    flipped[-6] ^= 1
    return {
        "gzip cut": packed[: len(packed) // 2],
        "gzip checksum wrong": bytes(flipped),
        "tar cut in a file": data[: data.index(b"aaaa") + 3000],
        "tar cut at a member": data[:header],
        "header broken": broken,
        "empty": b"",
        "zeros": bytes(2048),
        "web page": b"<!DOCTYPE html><html>",
        "text": b"no archive " * 200,
    }


@pytest.mark.parametrize("what", damaged(tar(*GOOD)))
def test_a_damaged_archive_is_refused_and_leaves_nothing(tmp_path, what):
    path = tmp_path / "archive"
    path.write_bytes(damaged(tar(*GOOD))[what])
    with pytest.raises(FetchError, match="archive"):
        unpack(path, tmp_path / "ud")
    assert list((tmp_path / "ud").iterdir()) == []


class Killed(BaseException):
    """Nothing in the package catches it."""


DIES_AT_THE_THIRD_FILE = """
import os, sys
from concept_align.treebanks import unpack as module

calls, original = [], module._write

def write(tar, member, into):
    calls.append(member)
    if len(calls) > 3:
        os._exit(9)
    original(tar, member, into)

module._write = write
module.unpack(sys.argv[1], sys.argv[2])
"""


def test_unpacking_that_is_killed_leaves_no_half_treebank(archive, tmp_path):
    path, into = archive(*GOOD), tmp_path / "ud"
    run = subprocess.run([sys.executable, "-c", DIES_AT_THE_THIRD_FILE, path, into], check=False)
    assert run.returncode == 9
    (left,) = into.iterdir()
    assert left.name.startswith(".unpacking-") and tree(left)
    remove_leftovers(into)
    assert list(into.iterdir()) == []
    assert unpack(path, into).written == ("UD_A-X", "UD_B-Y")


def test_killed_between_two_treebanks_the_first_is_whole(archive, tmp_path, monkeypatch):
    original = module._put

    def second_dies(source, target, aside):
        if target.name == "UD_B-Y":
            raise Killed
        original(source, target, aside)

    monkeypatch.setattr(module, "_put", second_dies)
    with pytest.raises(Killed):
        unpack(archive(*GOOD), tmp_path / "ud")
    assert tree(tmp_path / "ud") == ["UD_A-X/a_x-ud-test.conllu", "UD_A-X/not-to-release/sub/notes.txt"]
    monkeypatch.undo()
    assert unpack(archive(*GOOD), tmp_path / "ud").written == ("UD_B-Y",)


def test_what_a_killed_run_left_is_removed_however_deep_it_is(tmp_path):
    deep = tmp_path / ".unpacking-x" / "UD_A-X"
    deep.mkdir(parents=True)
    (deep / "half").write_text("")
    remove_leftovers(tmp_path)
    assert list(tmp_path.iterdir()) == []
