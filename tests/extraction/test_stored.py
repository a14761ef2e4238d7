"""What is stored: states, statistics, capped ones, and what is left out or refused."""

import dataclasses

import numpy as np
import pytest
import torch
from fake_model import FakeModel
from fake_treebank import write

from concept_align.errors import ModelError, StoreError, TreebankError, UsageError
from concept_align.extraction import prepare as preparing
from concept_align.extraction.run import extract_files
from concept_align.spaces.represent import represent
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.treebanks import conllu
from concept_align.treebanks.concepts import UPOS, labels, parse_task

EN = "UD_EN-Fake"


def test_left_out_sentences_are_counted_by_reason_with_an_example(tmp_path):
    file = write(tmp_path, "en", "train", [5, 12, 10, 4, 2, 3], last={3: "\N{SNOWMAN}", 4: "x" * 200})
    model = FakeModel(max_pieces=45)
    (done,) = extract_files(model, [file], tmp_path / "out", layers=[0], max_words=10).done
    assert done.left_out == {
        preparing.TOO_LONG: 1,
        preparing.TOO_WIDE: 1,
        preparing.UNCOVERED: 1,
    }
    assert done.examples == {
        preparing.TOO_LONG: "s1",
        preparing.UNCOVERED: "s3",
        preparing.TOO_WIDE: "s4",
    }
    store = Store.open(tmp_path / "out")
    assert store.sentences(EN, "train") == ([0, 2, 5], ["s0", "s2", "s5"])
    assert store.annotations(EN, "train").offsets.tolist() == [0, 5, 15, 18]
    assert store.states(EN, "train", 0).words.shape == (18, model.dim)
    assert store.marker(EN, "train.layer-00.safetensors").left_out == done.left_out


def test_a_treebank_without_readable_sentences_is_refused(tmp_path):
    file = write(tmp_path, "en", "train", [5, 6])
    with pytest.raises(TreebankError, match="too many words: 2"):
        extract_files(FakeModel(), [file], tmp_path / "out", layers=[0], max_words=4)


@pytest.mark.parametrize(
    ("dtype", "save", "stored"),
    [
        (torch.float32, "auto", torch.float16),
        (torch.bfloat16, "auto", torch.bfloat16),
        (torch.float16, "auto", torch.float16),
        (torch.float32, "float32", torch.float32),
        (torch.float32, "bfloat16", torch.bfloat16),
    ],
)
def test_states_are_saved_in_the_dtype_asked_for(files, tmp_path, dtype, save, stored):
    extract_files(FakeModel(dtype=dtype), files, tmp_path / "out", layers=[0], save_dtype=save)
    assert Store.open(tmp_path / "out").states(EN, "train", 0).words.dtype == stored


def test_states_near_the_end_of_float16s_range_are_saved_as_bfloat16(files, tmp_path):
    extract_files(FakeModel(largest=1e4), files, tmp_path / "out", layers=[0])
    assert Store.open(tmp_path / "out").states(EN, "train", 0).words.dtype == torch.bfloat16


def test_a_value_too_large_for_float16_is_refused_with_the_remedy(files, tmp_path):
    model = FakeModel(scale=1e6)
    with pytest.raises(StoreError, match="too large for float16") as caught:
        extract_files(model, files, tmp_path / "out", layers=[0])
    assert "save_dtype be bfloat16" in str(caught.value)
    assert not list((tmp_path / "out").rglob("*layer*"))
    extract_files(model, files, tmp_path / "out", layers=[0], save_dtype="bfloat16")
    assert Store.open(tmp_path / "out").verify() == []


def test_states_that_are_not_finite_are_refused(files, tmp_path):
    with pytest.raises(ModelError, match="not finite"):
        extract_files(FakeModel(scale=float("inf")), files, tmp_path / "out", layers=[0])


def test_states_of_other_sentences_are_refused(files, tmp_path):
    model = FakeModel()
    plain = model.word_states

    def swapped(*args, **options):
        for states in plain(*args, **options):
            yield dataclasses.replace(states, sentences=states.sentences[::-1])

    model.word_states = swapped
    with pytest.raises(ModelError, match="other sentences"):
        extract_files(model, files, tmp_path / "out", layers=[0])


@pytest.mark.parametrize(("kind", "pooling"), [("encoder", "mean"), ("decoder", "last")])
def test_the_default_pooling_follows_the_kind_of_model(files, tmp_path, kind, pooling):
    extract_files(FakeModel(kind=kind), files, tmp_path / "out", layers=[0])
    assert Store.open(tmp_path / "out").recipe.pooling == pooling


def test_a_model_without_start_piece_leaves_no_start_states(files, tmp_path):
    extract_files(FakeModel(has_start=False), files, tmp_path / "out", layers=[0])
    assert Store.open(tmp_path / "out").states(EN, "train", 0).start is None
    with pytest.raises(UsageError, match="root be exclude"):
        extract_files(FakeModel(has_start=False), files, tmp_path / "out", layers=[0], sink="statistics")


@pytest.mark.parametrize("root", ["start", "exclude"])
@pytest.mark.parametrize("mwt", ["share", "first", "skip"])
def test_statistics_are_the_sums_of_what_stored_states_would_give(files, tmp_path, root, mwt):
    options = {"tasks": ["upos", "relation"], "root": root, "mwt": mwt}
    extract_files(FakeModel(), files, tmp_path / "s", layers=[2], save_dtype="float32")
    extract_files(
        FakeModel(), files, tmp_path / "t", layers=[2], sink="statistics", second_moments=True, **options
    )
    states, kept = Store.open(tmp_path / "s"), Store.open(tmp_path / "t")
    annotations, own = states.annotations(EN, "train"), states.states(EN, "train", 2)
    for name in options["tasks"]:
        task = parse_task(name)
        items = represent([own], annotations, task, root=root, mwt=mwt)
        found = kept.statistics(EN, "train", 2, name, root=root, mwt=mwt)
        assert found.concepts == task.concepts
        assert found.counts.tolist() == torch.bincount(items.y, minlength=len(task.concepts)).tolist()
        sums = torch.zeros_like(found.sums).index_add_(0, items.y, items.x.double())
        torch.testing.assert_close(found.sums, sums, rtol=1e-6, atol=1e-5)
        torch.testing.assert_close(found.second, items.x.double().T @ items.x.double(), rtol=1e-6, atol=1e-5)


def test_statistics_and_states_share_a_store_and_resume(files, tmp_path):
    model = FakeModel()
    extract_files(model, files, tmp_path / "out", layers=[1])
    extract_files(model, files, tmp_path / "out", layers=[1], sink="statistics", tasks=["feature:Case"])
    model.calls = 0
    extract_files(model, files, tmp_path / "out", layers=[1], sink="statistics", tasks=["feature:Case"])
    assert model.calls == 0
    store = Store.open(tmp_path / "out")
    found = store.statistics(EN, "train", 1, "feature:Case", root="start", mwt="share")
    assert found.concepts == ("Nom",)
    extract_files(
        model, files, tmp_path / "out", layers=[1], sink="statistics", tasks=["feature:Case", "upos"]
    )
    assert model.calls == 26
    assert store.verify() == []
    with pytest.raises(StoreError, match="sink"):
        store.statistics(EN, "train", 1, "relation", root="start", mwt="share")


def test_capped_states_keep_sentences_while_they_hold_a_concept_below_the_cap(tmp_path):
    file = write(tmp_path, "en", "train", [6] * 60)
    (done,) = extract_files(
        FakeModel(), [file], tmp_path / "out", layers=[0], tasks=["upos"], max_words_per_concept=4
    ).done
    corpus = conllu.read(file.path, language="en", split="train")
    codes, counts, kept = labels(corpus, parse_task("upos")), np.zeros(len(UPOS), int), []
    for place in range(corpus.sents):
        own = codes[corpus.offsets[place] : corpus.offsets[place + 1]]
        if (counts[own] < 4).any():
            kept.append(place)
            np.add.at(counts, own, 1)
    assert 4 < len(kept) < 60
    assert Store.open(tmp_path / "out").sentences(EN, "train")[0] == kept
    assert done.left_out == {preparing.CAPPED: 60 - len(kept)}
    with pytest.raises(StoreError, match="max_words_per_concept is 4, not None"):
        extract_files(FakeModel(), [file], tmp_path / "out", layers=[0])


@pytest.mark.parametrize("tasks", [["upos"], ["upos", "relation"]])
def test_capped_statistics_hold_exactly_the_first_words_of_each_concept(tmp_path, tasks):
    file = write(tmp_path, "en", "train", [6] * 60)
    options = {"layers": [0], "mwt": "first"}
    extract_files(FakeModel(), [file], tmp_path / "s", layers=[0], save_dtype="float32")
    model = FakeModel()
    extract_files(
        model, [file], tmp_path / "t", sink="statistics", tasks=tasks, max_words_per_concept=4, **options
    )
    assert model.calls < 60
    store = Store.open(tmp_path / "s")
    states = store.states(EN, "train", 0)
    annotations = store.annotations(EN, "train")
    items = represent([states], annotations, parse_task("upos"), root="start", mwt="first")
    found = Store.open(tmp_path / "t").statistics(EN, "train", 0, "upos", root="start", mwt="first")
    for concept in range(len(UPOS)):
        own = items.x[items.y == concept][:4].double()
        assert int(found.counts[concept]) == len(own)
        torch.testing.assert_close(found.sums[concept], own.sum(0), rtol=1e-6, atol=1e-6)


def test_real_treebanks_are_stored_whole(ud_release, tmp_path):
    from concept_align.treebanks import discover

    files = discover.find_treebanks(ud_release, "ta,ar", ["dev"])
    report = extract_files(FakeModel(window=200, max_pieces=10_000), files, tmp_path / "out", layers=[0])
    for file, done in zip(files, report.done, strict=True):
        corpus = conllu.read(file.path, language=file.language, split="dev")
        assert done.sents + sum(done.left_out.values()) == corpus.sents
        assert (np.diff(corpus.offsets) > 128).sum() == done.left_out.get(preparing.TOO_LONG, 0)
    assert Store.open(tmp_path / "out").verify() == []


def _with_column(file, values: list[str]) -> None:
    """Fill the column XPOS of the words of ``file``, by turns."""
    lines, word = [], 0
    for line in file.path.read_text().split("\n"):
        cells = line.split("\t")
        if cells[0].isdecimal():
            cells[4], word = values[word % len(values)], word + 1
        lines.append("\t".join(cells))
    file.path.write_text("\n".join(lines))


def test_a_column_that_a_task_asks_for_is_kept_and_added_to_states_that_are_there(tmp_path):
    file = write(tmp_path, "en", "train", [5, 3, 4])
    _with_column(file, ["NN", "VB", "_"])
    out, model = tmp_path / "out", FakeModel()
    extract_files(model, [file], out, layers=[0])
    store = Store.open(out)
    before = store.states(EN, "train", 0).words.clone()
    with pytest.raises(UsageError, match="XPOS was not kept") as caught:
        parse_task("column:XPOS", store.annotations(EN, "train"))
    assert "extract them again with task column:XPOS" in str(caught.value)
    (done,) = extract_files(model, [file], out, layers=[0], tasks=("column:XPOS",)).done
    assert (done.layers, done.skipped) == ((), (0,))
    found = store.annotations(EN, "train")
    task = parse_task("column:XPOS", found)
    assert task.concepts == ("NN", "VB")
    assert labels(found, task).tolist() == [0, 1, -1] * 4
    assert torch.equal(store.states(EN, "train", 0).words, before)
    features = FeatureSource(store, FeatureSpec("column:XPOS", (0,))).load("en", "train")
    assert (features.concepts, features.y.tolist()) == (("NN", "VB"), [0, 1] * 4)
    with pytest.raises(UsageError, match=f"{EN} train: column LEMMA was not kept"):
        FeatureSource(store, FeatureSpec("column:LEMMA", (0,)))
    (done,) = extract_files(model, [file], out, layers=[0], tasks=("column:LEMMA",)).done
    assert store.columns(EN, "train") == ("LEMMA", "XPOS")
    (done,) = extract_files(model, [file], out, layers=[0, 1], tasks=("upos",)).done
    assert store.columns(EN, "train") == ("LEMMA", "XPOS")
    assert store.verify() == []


def test_statistics_of_a_column_have_the_concepts_of_the_data(tmp_path):
    file = write(tmp_path, "en", "train", [5, 3, 4])
    _with_column(file, ["NN", "VB", "_"])
    extract_files(
        FakeModel(), [file], tmp_path / "out", layers=[0], sink="statistics", tasks=("column:XPOS",)
    )
    found = Store.open(tmp_path / "out").statistics(EN, "train", 0, "column:XPOS", root="start", mwt="share")
    assert found.concepts == ("NN", "VB")
    assert found.counts.tolist() == [4, 4]


@pytest.mark.parametrize(
    ("task", "meant"),
    [("Upos", "upos"), ("column:xpos", "column:XPOS"), ("XPOS", "column:XPOS"), ("column:MISC", "MISC:KEY")],
)
def test_an_unknown_task_is_refused_before_work_begins(files, tmp_path, task, meant):
    with pytest.raises(UsageError, match="unknown task") as caught:
        extract_files(FakeModel(), files, tmp_path / "out", layers=[0], tasks=(task,))
    assert meant in str(caught.value)
    assert not (tmp_path / "out").exists()
