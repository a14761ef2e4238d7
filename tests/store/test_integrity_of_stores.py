"""What stands in a store is believed only where it is what was written there."""

import errno
import hashlib
import json
import os
import shutil

import pytest
import torch
from fake_model import FakeModel
from safetensors import safe_open
from safetensors.torch import save

from concept_align import integrity
from concept_align.errors import StoreError
from concept_align.extraction.run import extract_files
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store

EN, DE = "UD_EN-Fake", "UD_DE-Fake"
LAYER = "train.layer-02.safetensors"


def exchange(folder, first, second):
    """Shards of two names, with their markers."""
    for ending in (".safetensors", ".json"):
        one, other = folder / f"{first}{ending}", folder / f"{second}{ending}"
        one.rename(folder / "between")
        other.rename(one)
        (folder / "between").rename(other)


def rewritten(path, change):
    """The tensors and metadata of a shard after ``change``, under a marker that describes the file."""
    with safe_open(path, "pt") as file:
        tensors, metadata = {name: file.get_tensor(name) for name in file.keys()}, dict(file.metadata() or {})  # noqa: SIM118
    change(tensors, metadata)
    path.write_bytes(save(tensors, metadata))
    about = json.loads(path.with_suffix(".json").read_text())
    about |= {"size": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(about))


def changed(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def bit_flipped(path):
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (f"{EN}/train.layer-00", f"{EN}/train.layer-02"),
        (f"{EN}/train.layer-02", f"{EN}/dev.layer-02"),
        (f"{EN}/train.words", f"{DE}/train.words"),
        (f"{EN}/train.words", f"{EN}/train.layer-02"),
        (EN, DE),
    ],
)
def test_a_shard_in_the_place_of_another_is_refused_whatever_its_marker_says(store, first, second):
    if "/" in first:
        exchange(store.folder, first, second)
    else:
        (store.folder / EN).rename(store.folder / "between")
        (store.folder / DE).rename(store.folder / EN)
        (store.folder / "between").rename(store.folder / DE)
    with pytest.raises(StoreError, match=r"moved here: its marker is that of|annotations are missing"):
        store.states(EN, "train", 2)
    assert any("moved here" in problem.what for problem in store.verify())
    held = sorted(store.folder.rglob("*"))
    assert store.gc() == [] and sorted(store.folder.rglob("*")) == held


def test_what_was_moved_is_made_again(store, made):
    whole = (store.folder / EN / LAYER).read_bytes()
    exchange(store.folder, f"{EN}/train.layer-00", f"{EN}/train.layer-02")
    extract_files(FakeModel(), made[1], store.folder, layers=[0, 2])
    assert (store.folder / EN / LAYER).read_bytes() == whole and store.verify() == []


@pytest.mark.parametrize("language", ["de", "nl"])
def test_a_folder_has_one_language(store, language):
    changed(store.folder / EN / "train.words.json", language=language)
    with pytest.raises(StoreError, match=r"of language|annotations are missing|another state"):
        store.states(EN, "train", 2)
    source = FeatureSource(store, FeatureSpec("upos", (2,)))
    assert "left out: layer 2 of UD_EN-Fake train cannot be used" in source.notes["en"]


@pytest.mark.parametrize("name", [LAYER, "train.words.safetensors"])
def test_bytes_that_changed_at_equal_size_are_refused_and_made_again(store, made, name):
    path = store.folder / EN / name
    whole = path.read_bytes()
    store.states(EN, "train", 2)
    bit_flipped(path)
    for opened in (store, Store.open(store.folder)):
        with pytest.raises(StoreError, match="its content is not what was written") as caught:
            opened.states(EN, "train", 2)
    assert "--langs UD_EN-Fake --splits train --layers" in str(caught.value)
    with pytest.raises(StoreError, match="its content is not what was written"):
        FeatureSource(Store.open(store.folder), FeatureSpec("upos", (2,))).load("en", "dev")
    report = extract_files(FakeModel(), made[1], store.folder, layers=[0, 2])
    assert report.done[0].layers == ((2,) if name == LAYER else ())
    assert path.read_bytes() == whole
    Store.open(store.folder).states(EN, "train", 2)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("tensor", ["words", "start"])
def test_states_that_are_not_finite_stop_whoever_reads_them(store, tensor, value):
    def change(tensors, metadata):
        tensors[tensor][1, 3] = value

    rewritten(store.folder / EN / LAYER, change)
    with pytest.raises(StoreError, match=f"layer 2 of UD_EN-Fake train: its tensor {tensor} .* not finite"):
        store.states(EN, "train", 2)
    (problem,) = store.verify()
    assert "not finite" in problem.what


WRONG = {
    "codes of no word class": lambda tensors, names: tensors["upos"].fill_(99),
    "codes of no name": lambda tensors, names: tensors["feats"].fill_(1000),
    "offsets beyond the words": lambda tensors, names: tensors["offsets"][1:].add_(1),
    "offsets that fall": lambda tensors, names: tensors["offsets"][1:3].copy_(torch.tensor([9, 2])),
    "an empty sentence": lambda tensors, names: tensors["offsets"][1].copy_(tensors["offsets"][2]),
    "a word that is its own head": lambda tensors, names: tensors["heads"][1].fill_(2),
    "a head past the end": lambda tensors, names: tensors["heads"][0].fill_(int(tensors["offsets"][1]) + 1),
    "labels that are no whole numbers": lambda tensors, names: tensors.update(feats=tensors["feats"].float()),
    "fewer heads": lambda tensors, names: tensors.update(heads=tensors["heads"][:-1]),
    "two dimensions": lambda tensors, names: tensors.update(heads=tensors["heads"][None]),
    "no word classes": lambda tensors, names: tensors.pop("upos"),
    "no names": lambda tensors, names: names.clear(),
    "names that are none": lambda tensors, names: names.update(feats_names="[1]"),
    "names that are no list": lambda tensors, names: names.update(subtype_names="{"),
    "other sentences": lambda tensors, names: tensors["kept"].add_(1),
    "ids that are no text": lambda tensors, names: tensors["sent_ids"].fill_(255),
}


@pytest.mark.parametrize("name", WRONG)
def test_annotations_that_cannot_be_are_refused(store, name):
    rewritten(store.folder / EN / "train.words.safetensors", WRONG[name])
    with pytest.raises(StoreError, match="annotations of UD_EN-Fake train"):
        store.annotations(EN, "train")
    with pytest.raises(StoreError, match="UD_EN-Fake train"):
        store.states(EN, "train", 2)
    assert len(store.verify()) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda tensors, _: tensors.pop("words"),
        lambda tensors, _: tensors.pop("start"),
        lambda tensors, _: tensors.update(words=tensors["words"].float()),
        lambda tensors, _: tensors.update(words=tensors["words"].reshape(-1)),
        lambda tensors, _: tensors.update(words=tensors["words"][:, :4].contiguous()),
        lambda tensors, _: tensors.update(start=tensors["start"][1:]),
    ],
)
def test_states_of_other_shapes_are_refused(store, change):
    rewritten(store.folder / EN / LAYER, change)
    with pytest.raises(StoreError, match="layer 2 of UD_EN-Fake train"):
        store.states(EN, "train", 2)


def test_a_file_that_is_known_is_not_read_again(store, monkeypatch):
    read, compute = [], integrity.sha256_file
    monkeypatch.setattr(integrity, "sha256_file", lambda path: read.append(path.name) or compute(path))
    Store.open(store.folder).states(EN, "train", 2)
    assert read == [LAYER, "train.words.safetensors"]
    Store.open(store.folder).states(EN, "train", 2)
    assert len(read) == 2
    assert Store.open(store.folder).verify() == [] and len(read) == 2 + 9


def test_what_an_extraction_wrote_is_not_read_again(made, tmp_path, monkeypatch):
    monkeypatch.setattr(integrity, "sha256_file", lambda path: pytest.fail(f"{path} was read"))
    extract_files(FakeModel(), made[1], tmp_path / "new", layers=[0, 2])
    extract_files(FakeModel(), made[1][:1], tmp_path / "new", layers=[0], sink="statistics")
    store = Store.open(tmp_path / "new")
    store.states(EN, "train", 2)
    store.statistics(EN, "train", 0, "upos", root="start", mwt="share")
    assert extract_files(FakeModel(), made[1], store.folder, layers=[0, 2]).done[0].layers == ()


# --- the recipe ---


@pytest.mark.parametrize("digest", [True, False])
def test_a_changed_recipe_loses_no_shard(store, made, digest):
    path, shards = store.folder / "store.json", sorted(store.folder.rglob("*.safetensors"))
    value = json.loads(path.read_text())
    value["recipe"]["max_words"] = 127
    if not digest:  # of an earlier release
        del value["digest"]
    path.write_text(json.dumps(value))
    uses = [
        lambda: Store.open(store.folder).gc(),
        lambda: Store.open(store.folder).useless(),
        lambda: Store.open(store.folder).languages("train"),
        lambda: extract_files(FakeModel(), made[1], store.folder, layers=[0, 2], max_words=127),
        lambda: extract_files(FakeModel(), made[1], store.folder, layers=[0, 2]),
    ]
    for use in uses:
        with pytest.raises(StoreError, match="recipe"):
            use()
    assert sorted(store.folder.rglob("*.safetensors")) == shards


def test_a_store_of_an_earlier_release_is_read_without_a_digest(store):
    path = store.folder / "store.json"
    value = json.loads(path.read_text())
    del value["digest"]
    path.write_text(json.dumps(value))
    assert Store.open(store.folder).verify() == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("layers", "x"), ("dim", None), ("dim", True), ("pooling", "median"), ("cap_tasks", 3)],
)
def test_a_recipe_of_other_types_is_refused_by_name(store, key, value):
    path = store.folder / "store.json"
    found = json.loads(path.read_text())
    found["recipe"][key] = value
    path.write_text(json.dumps(found))
    with pytest.raises(StoreError, match=f"{key}: .* is not"):
        Store.open(store.folder)


def test_shards_of_another_recipe_stay_whatever_is_tidied_or_extracted(store, made):
    path = store.folder / EN / "train.layer-02.json"
    changed(path, recipe="of another one")
    held = (store.folder / EN / LAYER).read_bytes()
    assert store.gc() == [] and store.foreign() == {path.with_name(LAYER): "stale: made by another recipe"}
    extract_files(FakeModel(), made[1], store.folder, layers=[0])
    assert (store.folder / EN / LAYER).read_bytes() == held


def test_a_marker_that_cannot_be_read_loses_no_shard(store, made):
    path = store.folder / EN / "train.layer-02.json"
    whole = path.read_bytes()
    path.write_bytes(whole + b"}")
    assert store.gc() == []
    with pytest.raises(StoreError, match="its marker cannot be read"):
        store.states(EN, "train", 2)
    extract_files(FakeModel(), made[1], store.folder, layers=[0, 2])
    assert path.read_bytes() == whole


def test_gc_names_what_it_would_remove_and_why(store):
    (store.folder / EN / "dev.layer-00.json").unlink()
    partial = store.folder / EN / ".train.layer-01.safetensors.partial"
    partial.write_bytes(b"x")
    assert store.useless() == {
        partial: "left by a writer that was stopped",
        store.folder / EN / "dev.layer-00.safetensors": "incomplete: its marker was never written",
    }


# --- what is no file ---


@pytest.mark.parametrize("name", ["train.words.safetensors", "train.words.json", LAYER])
def test_a_folder_in_the_place_of_a_file_is_told(store, name):
    (store.folder / EN / name).unlink()
    (store.folder / EN / name).mkdir()
    with pytest.raises(StoreError, match=r"something else than a file|annotations are missing"):
        store.states(EN, "train", 2)
    assert store.gc() is not None and (store.folder / EN / name).is_dir()
    assert any("something else than a file" in problem.what for problem in store.verify())


def test_a_store_json_that_is_a_folder_is_told(tmp_path):
    (tmp_path / "store.json").mkdir()
    with pytest.raises(StoreError, match="cannot read: Is a directory"):
        Store.open(tmp_path)


def test_a_treebank_that_cannot_be_read_is_a_problem_and_not_passed_over(store, monkeypatch):
    (store.folder / "UD_FR-Fake").symlink_to("nowhere")
    shutil.copy(store.folder / "store.json", store.folder / "UD_NL-Fake")
    assert {problem.path for problem in store.verify()} == {
        str(store.folder / "UD_FR-Fake"),
        str(store.folder / "UD_NL-Fake"),
    }
    listed = os.listdir

    def refused(path):
        if str(path).endswith(DE):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "listdir", refused)
    (problem,) = [one for one in store.verify() if DE in one.path]
    assert problem.what == "cannot read: Permission denied"
    with pytest.raises(StoreError, match="UD_DE-Fake: cannot read: Permission denied"):
        store.languages("train")
