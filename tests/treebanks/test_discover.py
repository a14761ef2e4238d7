import gzip
from pathlib import Path

import pytest

from concept_align.errors import UsageError
from concept_align.treebanks.conllu import read
from concept_align.treebanks.discover import find_treebanks

DOGS = b"1\tDogs\t_\tNOUN\t_\t_\t0\troot\t_\t_\n\n"


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("")
    return folder


@pytest.fixture
def release(tmp_path):
    return touch(
        tmp_path / "release",
        "UD_English-EWT/en_ewt-ud-train.conllu",
        "UD_English-EWT/en_ewt-ud-test.conllu",
        "UD_English-EWT/en_ewt-ud-dev.conllu",
        "UD_English-EWT/README.md",
        "UD_English-PUD/en_pud-ud-test.conllu",
        "UD_English-ATIS/en_atis-ud-train.conllu",
        "UD_Swahili-Foo/sw_foo-ud-test.conllu",
        "UD_Swahili-Goo/sw_goo-ud-train.conllu",
        "UD_Empty-Nil/README.md",
        "notes.txt",
    )


def names(files):
    return [(file.treebank, file.language, file.split) for file in files]


def test_a_release_gives_one_treebank_a_language(release):
    assert names(find_treebanks(release)) == [
        ("UD_English-EWT", "en", "train"),
        ("UD_English-EWT", "en", "dev"),
        ("UD_English-EWT", "en", "test"),
        ("UD_Swahili-Goo", "sw", "train"),  # not in the registry: the one with a training split
    ]


def test_a_release_one_folder_down_is_found(release):
    assert names(find_treebanks(release.parent)) == names(find_treebanks(release))


def test_every_treebank_is_given_when_asked_for(release):
    assert {file.treebank for file in find_treebanks(release, every=True)} == {
        "UD_English-EWT", "UD_English-PUD", "UD_English-ATIS", "UD_Swahili-Foo", "UD_Swahili-Goo",
    }  # fmt: skip


def test_other_treebanks_are_used_when_named(release):
    assert names(find_treebanks(release, "en_pud,UD_Swahili-Foo,en", ["test"])) == [
        ("UD_English-PUD", "en", "test"),
        ("UD_Swahili-Foo", "sw", "test"),
        ("UD_English-EWT", "en", "test"),
    ]
    assert names(find_treebanks(release, "sw_foo")) == [("UD_Swahili-Foo", "sw", "test")]


def test_a_default_named_twice_comes_once(release):
    assert names(find_treebanks(release, "en,en_ewt", ["dev"])) == [("UD_English-EWT", "en", "dev")]


def test_without_its_registry_treebank_a_language_takes_what_can_be_trained_on(release):
    for file in (release / "UD_English-EWT").iterdir():
        file.unlink()
    assert names(find_treebanks(release, "en")) == [("UD_English-ATIS", "en", "train")]


def test_a_folder_of_one_treebank_is_taken_whole(release):
    assert [file.split for file in find_treebanks(release / "UD_English-EWT")] == ["train", "dev", "test"]


def test_packed_files_are_found_and_plain_ones_preferred(tmp_path):
    folder = touch(
        tmp_path / "UD_A-B", "xx_b-ud-test.conllu.gz", "xx_b-ud-dev.conllu.xz", "xx_b-ud-test.conllu"
    )
    assert [file.path.name for file in find_treebanks(folder)] == [
        "xx_b-ud-dev.conllu.xz",
        "xx_b-ud-test.conllu",
    ]


def test_one_file_with_a_ud_name_needs_nothing_else(release):
    file = release / "UD_English-PUD" / "en_pud-ud-test.conllu"
    assert names(find_treebanks(file)) == [("UD_English-PUD", "en", "test")]


def test_one_file_away_from_its_folder_is_named_by_the_registry(tmp_path):
    touch(tmp_path, "el_gdt-ud-dev.conllu")
    assert names(find_treebanks(tmp_path / "el_gdt-ud-dev.conllu")) == [("UD_Greek-GDT", "el", "dev")]


@pytest.mark.parametrize(
    ("name", "langs", "expected"),
    [
        ("de_mine-dev.conllu", None, ("de_mine-dev", "de", "dev")),
        ("mine.conllu", "sw", ("mine", "sw", "test")),
        ("my_train.conllu.gz", "de", ("my_train", "de", "train")),
    ],
)
def test_one_file_with_another_name_gets_language_and_split_from_what_there_is(
    tmp_path, name, langs, expected
):
    (tmp_path / name).write_bytes(gzip.compress(b"") if name.endswith("gz") else b"")
    assert names(find_treebanks(tmp_path / name, langs)) == [expected]


def test_one_file_without_a_language_asks_for_it(tmp_path):
    touch(tmp_path, "mine.conllu")
    for langs in (None, "all", ("all",), "pud", ["targets"], ["de", "en"], "family:slavic"):
        with pytest.raises(UsageError, match="langs: the name does not say which language") as error:
            find_treebanks(tmp_path / "mine.conllu", langs)
        assert "by its code" in error.value.remedy


@pytest.mark.parametrize("name", ["en_x-ud-test.CONLLU", "en_x-ud-test.Conllu.GZ"])
def test_a_suffix_in_capitals_is_one(tmp_path, name):
    (tmp_path / name).write_bytes(gzip.compress(DOGS) if name.endswith("GZ") else DOGS)
    (file,) = find_treebanks(tmp_path)
    assert list(read(file.path, language="en", split="test").forms) == ["Dogs"]


def test_what_is_no_treebank_is_refused_with_what_was_found(tmp_path, release):
    with pytest.raises(UsageError, match="the folder is empty"):
        find_treebanks(_empty(tmp_path))
    with pytest.raises(UsageError, match=r"found README\.md"):
        find_treebanks(release / "UD_Empty-Nil")
    with pytest.raises(UsageError, match="no such file"):
        find_treebanks(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="not a CoNLL-U file"):
        find_treebanks(release / "notes.txt")


def _empty(tmp_path: Path) -> Path:
    (tmp_path / "nothing").mkdir()
    return tmp_path / "nothing"


def test_languages_and_splits_that_are_not_there_are_refused_with_what_is(release):
    with pytest.raises(UsageError, match="here are: en sw"):
        find_treebanks(release, "de")
    with pytest.raises(UsageError, match="UD_English-PUD has test"):
        find_treebanks(release, "en_pud", ["train"])
    with pytest.raises(UsageError, match="use train, dev or test"):
        find_treebanks(release, "en", ["trian"])


def test_a_split_in_several_files_is_refused_as_a_corpus(tmp_path):
    folder = touch(tmp_path / "UD_Czech-PDT", "cs_pdt-ud-train-c.conllu", "cs_pdt-ud-train-l.conllu")
    with pytest.raises(UsageError, match="several files"):
        find_treebanks(folder)
    assert len(find_treebanks(folder, every=True)) == 2  # to list or check files


def test_languages_and_splits_may_be_lists_or_one_name(release):
    assert find_treebanks(release, ["en"], "test") == find_treebanks(release, "en", ["test"])
