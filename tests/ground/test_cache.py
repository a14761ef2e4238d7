import pytest

from concept_align.cache import MADE_FROM, Kept, KeptLines
from concept_align.errors import StoreError


def unit(line):
    return line["name"], line["value"]


def test_a_kept_value_is_made_once(tmp_path):
    kept, made = Kept.json(tmp_path), []
    for _ in range(2):
        assert kept.get("one", {"from": (1, 2)}, lambda: made.append(1) or {"a": [1.5]}) == {"a": [1.5]}
    assert len(made) == 1


def test_without_a_folder_nothing_is_kept():
    kept, made = Kept.json(None), []
    for _ in range(2):
        kept.get("one", {}, lambda: made.append(1) or 3)
    assert len(made) == 2 and kept.find("one", {}) is None


def test_what_was_made_from_something_else_is_made_again(tmp_path):
    kept = Kept.json(tmp_path)
    kept.put("one", {"seed": 0}, "old")
    assert kept.find("one", {"seed": 1}) is None
    assert kept.get("one", {"seed": 1}, lambda: "new") == "new"
    assert kept.find("one", {"seed": 0}) is None and kept.find("one", {"seed": 1}) == "new"


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff", b"[" * 100_000])
@pytest.mark.parametrize("file", ["value.json", MADE_FROM])
def test_a_damaged_value_is_made_again(tmp_path, damage, file):
    kept = Kept.json(tmp_path)
    kept.put("one", {}, "whole")
    (tmp_path / "one" / file).write_bytes(damage)
    assert kept.find("one", {}) is None
    assert kept.get("one", {}, lambda: "again") == "again" == kept.find("one", {})


def test_a_value_whose_writing_failed_is_not_there(tmp_path):
    def save(place, value):
        if value == "bad":
            raise StoreError("no space left")

    kept = Kept(tmp_path, save, lambda place: "read")
    kept.put("one", {}, "good")
    assert kept.find("one", {}) == "read"
    with pytest.raises(StoreError):
        kept.put("one", {}, "bad")
    assert kept.find("one", {}) is None


def test_finished_lines_are_known_again(tmp_path):
    path, made_from = tmp_path / "units.jsonl", {"schema": 1}
    log = KeptLines(path, made_from, unit)
    for name in "ab":
        log.add(name, name.upper(), {"name": name, "value": name.upper()})
    again = KeptLines(path, made_from, unit)
    assert again.done == {"a": "A", "b": "B"} == log.done


@pytest.mark.parametrize("torn", [b'{"name": "c", "val', b'{"name": "c"}\n', b"[]\n", b"\xff\n"])
def test_a_torn_line_ends_what_is_known_and_is_dropped(tmp_path, torn):
    path = tmp_path / "units.jsonl"
    KeptLines(path, {}, unit).add("a", 1, {"name": "a", "value": 1})
    whole = path.read_bytes()
    path.write_bytes(whole + torn + b'{"name": "d", "value": 4}\n')
    assert KeptLines(path, {}, unit).done == {"a": 1}
    assert path.read_bytes() == whole


def test_lines_made_from_something_else_are_dropped(tmp_path):
    path = tmp_path / "units.jsonl"
    KeptLines(path, {"seed": 0}, unit).add("a", 1, {"name": "a", "value": 1})
    assert KeptLines(path, {"seed": 1}, unit).done == {}
    assert path.read_bytes() == b'{"seed": 1}\n'


def test_a_value_that_reads_as_another_is_made_again(tmp_path):
    kept = Kept.json(tmp_path)
    kept.put("one", {"from": 1}, {"a": 15})
    path = tmp_path / "one" / "value.json"
    path.write_text(path.read_text().replace("15", "16"))
    assert kept.find("one", {"from": 1}) is None
    (tmp_path / "one" / MADE_FROM).write_text('{"from": 1}')  # as earlier releases wrote it: without hashes
    assert kept.find("one", {"from": 1}) == {"a": 16}


def test_a_line_that_reads_as_another_is_dropped(tmp_path):
    path = tmp_path / "units.jsonl"
    for name, value in (("a", 15), ("b", 25)):
        KeptLines(path, {}, unit).add(name, value, {"name": name, "value": value})
    whole = path.read_bytes()
    for old, new in ((b"15", b"16"), (b'"a"', b'"c"'), (b', "value": 15', b"")):
        path.write_bytes(whole.replace(old, new, 1))
        assert KeptLines(path, {}, unit).done == {}
    path.write_bytes(whole.replace(b"25", b"26"))
    assert KeptLines(path, {}, unit).done == {"a": 15}
    path.write_bytes(b'{}\n{"name": "a", "value": 15}\n{"name": "b", "value": 25}\n')  # of an earlier release
    old = path.read_bytes()
    assert KeptLines(path, {}, unit).done == {"a": 15, "b": 25} and path.read_bytes() == old
    KeptLines(path, {}, unit).add("c", 35, {"name": "c", "value": 35})
    assert KeptLines(path, {}, unit).done == {"a": 15, "b": 25, "c": 35}
