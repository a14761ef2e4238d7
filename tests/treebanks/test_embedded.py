import pytest

from concept_align.errors import UsageError
from concept_align.treebanks import discover, registry
from concept_align.treebanks.discover import find_treebanks, mini_treebanks


def test_the_mini_treebanks_have_every_language_of_the_package_s_sets():
    files = find_treebanks(mini_treebanks())
    assert {file.language for file in files} == {*registry.META_TRAIN, *registry.TARGETS}
    assert len(files) == 3 * 43


def test_installed_data_come_before_a_checkout_s(monkeypatch, tmp_path):
    for place in ("installed", "checkout"):
        (tmp_path / place / "UD_English-Mini").mkdir(parents=True)
    monkeypatch.setattr(discover, "_MINI", (tmp_path / "installed", tmp_path / "checkout"))
    assert mini_treebanks() == tmp_path / "installed"


def test_an_installation_without_them_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(discover, "_MINI", (tmp_path,))
    with pytest.raises(UsageError, match="not in this installation"):
        mini_treebanks()
