import dataclasses
import json

import numpy as np
import pytest
import torch
from fake_model import FakeModel, piece_state
from fake_treebank import write

from concept_align.errors import StoreError
from concept_align.extraction.run import extract_files
from concept_align.lock import writing
from concept_align.store import Store
from concept_align.store.store import select_split
from concept_align.treebanks import conllu

EN = "UD_EN-Fake"


def test_states_are_those_of_the_model_word_by_word(store, made):
    corpus = conllu.read(made[1][0].path, language="en", treebank=EN, split="train")
    states = store.states(EN, "train", 2)
    model = FakeModel()
    assert states.words.dtype == torch.float16
    assert np.array_equal(states.offsets, corpus.offsets)
    for place in range(corpus.sents):
        low, high = corpus.offsets[place], corpus.offsets[place + 1]
        pieces = model.pieces(corpus.texts[place], corpus.spans[low:high])
        own = piece_state(pieces.ids, 2, model.dim)
        mean = torch.stack([own[b:e].mean(0) for b, e in zip(pieces.begin, pieces.end, strict=True)])
        assert torch.equal(states.words[low:high], mean.half())
        assert torch.equal(states.start[place], own[0].half())


def test_annotations_are_those_of_the_treebank(store, made):
    corpus = conllu.read(made[1][0].path, language="en", treebank=EN, split="train")
    annotations = store.annotations(EN, "train")
    for field in dataclasses.fields(annotations):
        kept, read = getattr(annotations, field.name), getattr(corpus, field.name)
        assert np.array_equal(kept, read) if isinstance(read, np.ndarray) else tuple(kept) == tuple(read)
    assert store.sentences(EN, "train") == ([0, 1, 2, 3], ["s0", "s1", "s2", "s3"])


def test_contents_name_every_shard_with_its_counts(store):
    found = {(s.treebank, s.split, s.layer): s for s in store.contents()}
    assert len(found) == 9
    assert all(shard.complete for shard in found.values())
    shard = found[EN, "train", 2]
    assert (shard.language, shard.kind, shard.words, shard.sents) == ("en", "states", 18, 4)
    assert shard.bytes == (store.folder / EN / "train.layer-02.safetensors").stat().st_size


def test_languages_are_those_with_whole_states(store):
    assert store.languages() == ("de", "en")
    assert store.languages("dev") == ("en",)
    assert store.languages("train", 2) == ("de", "en")
    assert store.languages("train", 1) == ()
    assert store.treebank_of("en") == EN
    assert store.layers(EN, "train") == (0, 2)
    (store.folder / "UD_DE-Fake" / "train.layer-02.json").unlink()
    assert store.languages("train", 2) == ("en",)


def test_a_language_with_two_treebanks_must_be_named_by_treebank(store, tmp_path):
    (store.folder / "UD_EN-Other").mkdir()
    for file in (store.folder / EN).iterdir():
        data = file.read_bytes().replace(b'"UD_EN-Fake"', b'"UD_EN-Other"')
        (store.folder / "UD_EN-Other" / file.name).write_bytes(data)
    with pytest.raises(StoreError, match="UD_EN-Fake, UD_EN-Other"):
        store.treebank_of("en")
    assert store.treebank_of("UD_EN-Other") == "UD_EN-Other"
    assert store.languages("train") == ("UD_EN-Fake", "UD_EN-Other", "de", "en")
    assert store.languages("train", 2) == ("UD_EN-Fake", "UD_EN-Other", "de", "en")
    with pytest.raises(StoreError, match="there are: de, en") as caught:
        store.treebank_of("fr")
    assert "--langs fr" in str(caught.value)


def test_a_treebank_beside_another_one_is_named_in_every_split_that_it_has(store):
    (store.folder / "UD_EN-Other").mkdir()
    for file in (store.folder / EN).glob("dev.*"):
        data = file.read_bytes().replace(b'"UD_EN-Fake"', b'"UD_EN-Other"')
        (store.folder / "UD_EN-Other" / file.name).write_bytes(data)
    assert store.languages("train") == ("UD_EN-Fake", "de", "en")
    assert store.languages() == ("UD_EN-Fake", "UD_EN-Other", "de", "en")
    assert store.languages("dev") == ("UD_EN-Fake", "UD_EN-Other", "en")
    assert select_split("all,-en,UD_EN-Fake", "train", [store]) == (("de", "UD_EN-Fake"), ())


def test_a_missing_layer_is_refused_with_those_there_and_the_command(store):
    with pytest.raises(StoreError) as caught:
        store.states(EN, "train", 1)
    assert "layers there: 0, 2" in str(caught.value)
    assert "concept-align extract --model fake" in str(caught.value)
    assert "--splits train --layers 1" in str(caught.value)
    assert "--force" not in str(caught.value)


@pytest.mark.parametrize("name", ["train.layer-02", "train.words"])
def test_a_truncated_shard_is_refused_with_the_command_that_mends_it(store, name):
    path = store.folder / EN / f"{name}.safetensors"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(StoreError) as caught:
        store.states(EN, "train", 2)
    assert f"{EN}" in str(caught.value)
    assert "concept-align extract" in str(caught.value)


def test_a_shard_without_marker_is_not_there(store):
    (store.folder / EN / "train.layer-02.json").unlink()
    with pytest.raises(StoreError, match="marker was never written"):
        store.states(EN, "train", 2)
    assert store.marker(EN, "train.layer-02.safetensors") is None
    assert store.layers(EN, "train") == (0,)


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("schema", 0, "schema 0"),
        ("recipe", "x", "another recipe"),
        ("source_sha256", "x", "another state of the treebank"),
        ("kept", "x", "another state of the treebank"),
    ],
)
def test_a_stale_shard_is_refused(store, key, value, says):
    path = store.folder / EN / "train.layer-02.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(StoreError, match=says):
        store.states(EN, "train", 2)


def test_a_flipped_bit_is_found_by_verify(store):
    assert store.verify() == []
    path = store.folder / EN / "dev.layer-00.safetensors"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    (problem,) = store.verify()
    assert problem.path == str(path)
    assert "damaged" in problem.what
    assert "--splits dev --layers 0 --force" in problem.remedy


def test_the_command_that_mends_a_shard_mends_it(store, made):
    path = store.folder / EN / "dev.layer-00.safetensors"
    whole = path.read_bytes()
    path.write_bytes(bytes(len(whole)))
    extract_files(FakeModel(), [made[1][1]], store.folder, layers=[0], force=True)
    assert path.read_bytes() == whole
    assert store.verify() == []


def test_gc_removes_what_no_read_would_use_and_nothing_else(store):
    before = {path for path in store.folder.rglob("*") if path.is_file()}
    partial = store.folder / EN / ".train.layer-01.safetensors.partial"
    partial.write_bytes(b"x")
    orphan = store.folder / EN / "train.layer-02.safetensors"
    orphan.with_suffix(".json").unlink()
    assert set(store.gc()) == {partial, orphan}
    after = {path for path in store.folder.rglob("*") if path.is_file()}
    assert after == before - {orphan, orphan.with_suffix(".json")}
    assert store.gc() == []


def test_gc_waits_for_no_running_extraction(store, monkeypatch):
    monkeypatch.setattr("concept_align.lock.WAIT", 0)
    with writing(store.folder / EN), pytest.raises(StoreError, match="another process"):
        store.gc()


def test_another_recipe_is_refused_with_the_difference(store):
    other = dataclasses.replace(store.recipe, pooling="last", max_words=64)
    with pytest.raises(StoreError, match="pooling is 'mean', not 'last'; ") as caught:
        Store.create(store.folder, dataclasses.replace(other, max_words=64))
    assert "max_words is 128, not 64" in str(caught.value)


def test_the_same_weights_under_another_name_are_the_same_recipe(store):
    renamed = dataclasses.replace(store.recipe, model="/elsewhere/fake")
    assert Store.create(store.folder, renamed).recipe.model == "fake"


def test_a_recipe_without_states_can_still_change(tmp_path, store):
    other = dataclasses.replace(store.recipe, save_dtype="bfloat16")
    Store.create(tmp_path / "new", store.recipe)
    assert Store.create(tmp_path / "new", other).recipe == other
    assert Store.open(tmp_path / "new").recipe == other


def test_a_folder_without_a_store_is_refused_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(StoreError, match="concept-align extract --model MODEL"):
        Store.open(tmp_path)
    (tmp_path / "store.json").write_text("{}")
    with pytest.raises(StoreError, match="not a store's recipe"):
        Store.open(tmp_path)


def test_a_recipe_of_another_version_is_refused(store):
    path = store.folder / "store.json"
    value = json.loads(path.read_text())
    value["recipe"]["colour"] = "blue"
    path.write_text(json.dumps(value))
    with pytest.raises(StoreError, match="colour"):
        Store.open(store.folder)


def test_a_changed_treebank_makes_its_layers_stale(tmp_path):
    file = write(tmp_path, "en", "train", [5, 3])
    extract_files(FakeModel(), [file], tmp_path / "out", layers=[0, 1])
    write(tmp_path, "en", "train", [5, 3], seed=1)
    report = extract_files(FakeModel(), [file], tmp_path / "out", layers=[1])
    assert report.done[0].layers == (1,)
    opened = Store.open(tmp_path / "out")
    assert opened.states(EN, "train", 1).sents == 2
    with pytest.raises(StoreError, match="another state of the treebank"):
        opened.states(EN, "train", 0)
    assert len(opened.gc()) == 2


def test_a_folder_that_holds_something_else_does_not_become_a_store(tmp_path, store):
    other = tmp_path / "other"
    other.mkdir()
    (other / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"not empty \(it holds notes\.txt\)"):
        Store.create(other, store.recipe)
    assert [path.name for path in other.iterdir()] == ["notes.txt"]


def test_the_only_treebank_of_a_language_is_called_by_the_language(store):
    (german,) = store.treebanks("de")
    assert store.named(f"all,-{german.upper()}") == ["all", "-de"]
    assert store.named(["en", german]) == ["en", "de"]
