import pytest

from concept_align.errors import LearningError, StoreError
from concept_align.reading import read_json, read_json_object, read_text, read_toml

DAMAGED = {"empty": b"", "cut": b'{"a": ', "latin-1": b"\xe9", "deep": b"[" * 100_000, "nul": b"\0"}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_damaged_json_is_an_error_that_names_the_file_and_a_remedy(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(LearningError, match="not JSON") as raised:
        read_json(path, error=LearningError, remedy="train again")
    assert raised.value.where == str(path) and raised.value.remedy == "train again"


@pytest.mark.parametrize("read", [read_text, read_json, read_toml])
def test_a_file_that_is_absent_or_a_folder_is_an_error(tmp_path, read):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(StoreError, match="cannot read"):
            read(path)


def test_another_kind_of_json_is_not_an_object(tmp_path):
    (tmp_path / "a.json").write_text("[1]")
    assert read_json(tmp_path / "a.json") == [1]
    with pytest.raises(StoreError, match="not list"):
        read_json_object(tmp_path / "a.json")


def test_text_and_toml_are_utf_8_whatever_the_locale(tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    (tmp_path / "a.toml").write_bytes("name = 'ʻōlelo'\n".encode())
    assert read_toml(tmp_path / "a.toml") == {"name": "ʻōlelo"} and "ʻ" in read_text(tmp_path / "a.toml")
    (tmp_path / "a.toml").write_bytes(b"name = ")
    with pytest.raises(StoreError, match="not TOML"):
        read_toml(tmp_path / "a.toml")
