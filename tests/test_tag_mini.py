"""The tagger that checks the mini treebanks: what it reads of a word, that it learns, that it is kept."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_model import FakeModel

from concept_align.errors import ModelError
from concept_align.extraction.run import extract_files
from concept_align.report.names import language_name
from concept_align.store import Store
from concept_align.treebanks.concepts import parse_task
from concept_align.treebanks.discover import find_treebanks

UD_DATA = Path(__file__).parent.parent / "ud_data"
sys.path.insert(0, str(UD_DATA))
try:
    import mini_tagger
    import tag_mini
finally:
    sys.path.remove(str(UD_DATA))

BANK = "UD_German-Mini"
SETTINGS = mini_tagger.Settings(layers=(1, 2), beside=2, epochs=30, batch=16, lr=0.05, weight_decay=0.0)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    out = tmp_path_factory.mktemp("states")
    extract_files(FakeModel(), find_treebanks(UD_DATA / "mini", "de"), out, layers=(1, 2))
    return Store.open(out)


def test_a_word_is_read_with_the_surface_after_it(store: Store) -> None:
    bank = mini_tagger.Treebank(store, BANK, mini_tagger.standardisers(store, BANK, (1, 2)))
    words = bank.words("train", parse_task("upos"), SETTINGS)
    annotations = store.annotations(BANK, "train")
    places = mini_tagger.PLACES
    own, after = words.x[:, places + 8 : places + 16], words.x[:, places + 16 :]
    for row in range(annotations.words - 1):
        begins = annotations.ranges[row + 1] <= 1
        if row + 1 in annotations.offsets:
            assert not after[row].any()
        elif begins:
            torch.testing.assert_close(after[row], own[row + 1])
        else:  # "im": its words share what follows
            torch.testing.assert_close(after[row], after[row + 1])
    first = annotations.ranges == 1
    assert first.any()
    np.testing.assert_array_equal(words.x[:, 0].numpy(), first.astype(np.float32))


def test_no_more_words_than_asked_in_whole_sentences(store: Store) -> None:
    bank = mini_tagger.Treebank(store, BANK, mini_tagger.standardisers(store, BANK, (1, 2)))
    words = bank.words("train", parse_task("relation"), SETTINGS, limit=50)
    offsets = store.annotations(BANK, "train").offsets
    lengths = np.diff(offsets)[np.unique(np.searchsorted(offsets, words.rows, "right") - 1)]
    assert 30 < len(words.y) == lengths.sum() <= 50


@pytest.mark.parametrize("name", ["upos", "relation"])
def test_it_learns_and_is_kept(store: Store, tmp_path: Path, name: str) -> None:
    task = parse_task(name)
    new = mini_tagger.tagger(tmp_path, store, BANK, task, SETTINGS)
    bank = mini_tagger.Treebank(store, BANK, new.standardisers)
    train = bank.words("train", task, SETTINGS)
    commonest = float(torch.bincount(train.y).max()) / len(train.y)
    assert new.classifier.accuracy(train) > commonest + 0.3
    written = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = mini_tagger.tagger(tmp_path, store, BANK, task, SETTINGS)
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == written
    assert again.accuracy == new.accuracy
    probabilities = again.classifier.probabilities(train.x)
    torch.testing.assert_close(probabilities, new.classifier.probabilities(train.x))
    other = mini_tagger.tagger(tmp_path, store, BANK, task, replace(SETTINGS, epochs=1))
    assert not torch.equal(other.classifier.weight, new.classifier.weight)


def test_disagreements_name_the_word(store: Store, tmp_path: Path) -> None:
    files, task = find_treebanks(UD_DATA / "mini", "de"), parse_task("upos")
    accuracy, words, differing = tag_mini.compare("de", files, store, store, task, SETTINGS, tmp_path)
    test = store.annotations(BANK, "test").words
    there = [one for one in differing if int(one.sent_id[5:]) > 30]
    assert len(there) == round((1 - accuracy) * test)
    assert words > test
    assert all(one.ours != one.theirs and 0 < one.probability <= 1 for one in differing)
    tag_mini.write_list(tmp_path / "de.tsv", differing)
    rows = (tmp_path / "de.tsv").read_text("utf-8").splitlines()[1:]
    assert rows[0].split("\t")[3] in (UD_DATA / "mini" / "source" / "de.txt").read_text("utf-8")
    sure = [float(row.split("\t")[-1]) for row in rows]
    assert sure == sorted(sure, reverse=True)


@pytest.mark.parametrize(
    ("tagger", "agreement", "verdict"),
    [(0.96, 0.93, "pass"), (0.96, 0.929, "below"), (0.90, 0.861, "pass"), (0.90, 0.859, "below")],
)
def test_the_verdict(tagger: float, agreement: float, verdict: str) -> None:
    assert tag_mini.Agreement("de", 359, None, tagger, agreement).verdict == verdict


def test_the_table_keeps_other_languages(tmp_path: Path) -> None:
    path = tmp_path / "agreement.csv"
    tag_mini.write_table(path, [tag_mini.Agreement("de", 359, 0.97, 0.9, 0.91, 0.8, 0.82)])
    tag_mini.write_table(path, [tag_mini.Agreement("af", 362, None, 0.95, 0.9)])
    rows = path.read_text("utf-8").splitlines()
    assert [row.split(",")[0] for row in rows] == ["language", "af", "de"]
    assert rows[1] == "af,362,,0.9500,0.9000,,,below"


def test_another_model_is_refused(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tag_mini, "locate", lambda name, _, offline: FakeModel(revision="another"))
    with pytest.raises(ModelError, match="revision is another"):
        tag_mini.mini_states([], "model", store, SETTINGS, tmp_path)


def test_readme_gives_the_agreement_of_every_language_as_measured() -> None:
    with (UD_DATA / "mini" / "agreement.csv").open() as file:
        rows = list(csv.DictReader(file))
    page = (UD_DATA / "mini" / "README.md").read_text()
    assert len(rows) == 43
    for row in rows:
        numbers = [
            f"{100 * float(row[name]):.1f}" for name in ("tagger_upos", "upos", "tagger_relation", "relation")
        ]
        below = "below" if row["verdict"] == "below" else ""
        assert f"| {language_name(row['language'])} | {' | '.join(numbers)} | {below} |" in page
