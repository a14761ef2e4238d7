import dataclasses
import errno
import shutil

import numpy as np
import pytest
import torch
from fake_model import FakeModel
from fake_treebank import write

from concept_align.errors import (
    ConceptAlignError,
    ModelError,
    StoreError,
    TreebankError,
    UsageError,
)
from concept_align.extract import Wanted, estimate, extract, make_recipe
from concept_align.extract import prepare as preparing
from concept_align.spaces.represent import represent
from concept_align.store import Store
from concept_align.store.lock import writing
from concept_align.store.shards import ShardWriter
from concept_align.treebanks import conllu
from concept_align.treebanks.concepts import UPOS, labels, parse_task

EN = "UD_EN-Fake"


def contents(folder):
    """Every file of a folder with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def files(tmp_path):
    return [write(tmp_path, "en", "train", [5, 3, 9, 1, 7, 4] * 4), write(tmp_path, "de", "dev", [4, 2])]


def test_a_repeated_run_computes_nothing(files, tmp_path):
    model = FakeModel()
    extract(model, files, tmp_path / "out", layers=[0, 3])
    before, model.calls = contents(tmp_path / "out"), 0
    report = extract(model, files, tmp_path / "out", layers=[0, 3])
    assert model.calls == 0
    assert [done.skipped for done in report.done] == [(0, 3), (0, 3)]
    assert [done.words for done in report.done] == [116, 6]
    assert report.words_per_second == 0
    assert contents(tmp_path / "out") == before


def test_only_missing_layers_are_run(files, tmp_path):
    model = FakeModel()
    asked = []
    plain = model.word_states
    model.word_states = lambda *a, **k: asked.append(a[1]) or plain(*a, **k)
    extract(model, files[:1], tmp_path / "out", layers=[0])
    extract(model, files[:1], tmp_path / "out", layers=[0, 1, 2])
    assert asked == [(0,), (1, 2)]
    extract(model, files, tmp_path / "whole", layers=[0, 1, 2])
    extract(model, files, tmp_path / "out", layers=[0, 1, 2])
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_force_runs_everything_again_to_the_same_bytes(files, tmp_path):
    extract(FakeModel(), files, tmp_path / "out", layers=[1])
    before, model = contents(tmp_path / "out"), FakeModel()
    extract(model, files, tmp_path / "out", layers=[1], force=True)
    assert model.calls == 26
    assert contents(tmp_path / "out") == before


def test_lost_annotations_are_written_again_without_running_the_model(files, tmp_path):
    extract(FakeModel(), files, tmp_path / "out", layers=[1])
    before, model = contents(tmp_path / "out"), FakeModel()
    (tmp_path / "out" / EN / "train.words.safetensors").write_bytes(b"x")
    report = extract(model, files, tmp_path / "out", layers=[1])
    assert model.calls == 0
    assert report.done[0].bytes > 0
    assert contents(tmp_path / "out") == before


def test_results_do_not_depend_on_the_batch_size(files, tmp_path):
    extract(FakeModel(window=1), files, tmp_path / "a", layers=[1], batch_pieces=1)
    extract(FakeModel(window=50), files, tmp_path / "b", layers=[1], batch_pieces=4096)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_model_gets_the_same_blocks_whatever_layers_are_asked_for(files, tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "WINDOW_WORDS", 20)
    monkeypatch.setattr(preparing, "WINDOW_BYTES", 0)
    seen = []
    for layers in ([0], [0, 1, 2, 3]):
        model, blocks = FakeModel(), []
        plain = model.word_states
        model.word_states = lambda *a, b=blocks, p=plain, **k: b.append(len(a[0])) or p(*a, **k)
        extract(model, files[:1], tmp_path / f"out{len(layers)}", layers=layers)
        seen.append(blocks)
    assert seen[0] == seen[1]
    assert len(seen[0]) > 3
    one, four = contents(tmp_path / "out1" / EN), contents(tmp_path / "out4" / EN)
    assert all(four[path] == data for path, data in one.items())


def test_memory_for_pieces_is_bounded_for_a_large_treebank(files, tmp_path, monkeypatch):
    extract(FakeModel(), files, tmp_path / "a", layers=[1])
    monkeypatch.setattr(preparing, "CACHED", 3)
    monkeypatch.setattr(preparing, "BLOCK", 4)
    monkeypatch.setattr(preparing, "WINDOW_WORDS", 20)
    monkeypatch.setattr(preparing, "WINDOW_BYTES", 0)
    corpus = conllu.read(files[0].path, language="en", split="train")
    assert preparing.prepare(FakeModel(), corpus, max_words=128).cached is None
    extract(FakeModel(), files, tmp_path / "b", layers=[1])
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_left_out_sentences_are_counted_by_reason_with_an_example(tmp_path):
    file = write(tmp_path, "en", "train", [5, 12, 10, 4, 2, 3], last={3: "\N{SNOWMAN}", 4: "x" * 200})
    model = FakeModel(max_pieces=45)
    (done,) = extract(model, [file], tmp_path / "out", layers=[0], max_words=10).done
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
        extract(FakeModel(), [file], tmp_path / "out", layers=[0], max_words=4)


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
    extract(FakeModel(dtype=dtype), files, tmp_path / "out", layers=[0], save_dtype=save)
    assert Store.open(tmp_path / "out").states(EN, "train", 0).words.dtype == stored


def test_states_near_the_end_of_float16s_range_are_saved_as_bfloat16(files, tmp_path):
    extract(FakeModel(largest=1e4), files, tmp_path / "out", layers=[0])
    assert Store.open(tmp_path / "out").states(EN, "train", 0).words.dtype == torch.bfloat16


def test_a_value_too_large_for_float16_is_refused_with_the_remedy(files, tmp_path):
    model = FakeModel(scale=1e6)
    with pytest.raises(StoreError, match="too large for float16") as caught:
        extract(model, files, tmp_path / "out", layers=[0])
    assert "--save-dtype bfloat16" in str(caught.value)
    assert not list((tmp_path / "out").rglob("*layer*"))
    extract(model, files, tmp_path / "out", layers=[0], save_dtype="bfloat16")
    assert Store.open(tmp_path / "out").verify() == []


def test_states_that_are_not_finite_are_refused(files, tmp_path):
    with pytest.raises(ModelError, match="not finite"):
        extract(FakeModel(scale=float("inf")), files, tmp_path / "out", layers=[0])


def test_states_of_other_sentences_are_refused(files, tmp_path):
    model = FakeModel()
    plain = model.word_states

    def swapped(*args, **options):
        for states in plain(*args, **options):
            yield dataclasses.replace(states, sentences=states.sentences[::-1])

    model.word_states = swapped
    with pytest.raises(ModelError, match="other sentences"):
        extract(model, files, tmp_path / "out", layers=[0])


@pytest.mark.parametrize(("kind", "pooling"), [("encoder", "mean"), ("decoder", "last")])
def test_the_default_pooling_follows_the_kind_of_model(files, tmp_path, kind, pooling):
    extract(FakeModel(kind=kind), files, tmp_path / "out", layers=[0])
    assert Store.open(tmp_path / "out").recipe.pooling == pooling


def test_a_model_without_start_piece_leaves_no_start_states(files, tmp_path):
    extract(FakeModel(has_start=False), files, tmp_path / "out", layers=[0])
    assert Store.open(tmp_path / "out").states(EN, "train", 0).start is None
    with pytest.raises(UsageError, match="--root exclude"):
        extract(FakeModel(has_start=False), files, tmp_path / "out", layers=[0], sink="statistics")


@pytest.mark.parametrize("root", ["start", "exclude"])
@pytest.mark.parametrize("mwt", ["share", "first", "skip"])
def test_statistics_are_the_sums_of_what_stored_states_would_give(files, tmp_path, root, mwt):
    options = {"tasks": ["upos", "relation"], "root": root, "mwt": mwt}
    extract(FakeModel(), files, tmp_path / "s", layers=[2], save_dtype="float32")
    extract(FakeModel(), files, tmp_path / "t", layers=[2], sink="statistics", second_moments=True, **options)
    states, kept = Store.open(tmp_path / "s"), Store.open(tmp_path / "t")
    annotations, own = states.annotations(EN, "train"), states.states(EN, "train", 2)
    for name in options["tasks"]:
        task = parse_task(name)
        items = represent(own.words, own.start, annotations, task, root=root, mwt=mwt)
        found = kept.statistics(EN, "train", 2, name, root=root, mwt=mwt)
        assert found.concepts == task.concepts
        assert found.counts.tolist() == torch.bincount(items.y, minlength=len(task.concepts)).tolist()
        sums = torch.zeros_like(found.sums).index_add_(0, items.y, items.x.double())
        torch.testing.assert_close(found.sums, sums, rtol=1e-6, atol=1e-5)
        torch.testing.assert_close(found.second, items.x.double().T @ items.x.double(), rtol=1e-6, atol=1e-5)


def test_statistics_and_states_share_a_store_and_resume(files, tmp_path):
    model = FakeModel()
    extract(model, files, tmp_path / "out", layers=[1])
    extract(model, files, tmp_path / "out", layers=[1], sink="statistics", tasks=["feature:Case"])
    model.calls = 0
    extract(model, files, tmp_path / "out", layers=[1], sink="statistics", tasks=["feature:Case"])
    assert model.calls == 0
    store = Store.open(tmp_path / "out")
    found = store.statistics(EN, "train", 1, "feature:Case", root="start", mwt="share")
    assert found.concepts == ("Nom",)
    extract(model, files, tmp_path / "out", layers=[1], sink="statistics", tasks=["feature:Case", "upos"])
    assert model.calls == 26
    assert store.verify() == []
    with pytest.raises(StoreError, match="--sink statistics"):
        store.statistics(EN, "train", 1, "relation", root="start", mwt="share")


def test_capped_states_keep_sentences_while_they_hold_a_concept_below_the_cap(tmp_path):
    file = write(tmp_path, "en", "train", [6] * 60)
    (done,) = extract(
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
        extract(FakeModel(), [file], tmp_path / "out", layers=[0])


@pytest.mark.parametrize("tasks", [["upos"], ["upos", "relation"]])
def test_capped_statistics_hold_exactly_the_first_words_of_each_concept(tmp_path, tasks):
    file = write(tmp_path, "en", "train", [6] * 60)
    options = {"layers": [0], "mwt": "first"}
    extract(FakeModel(), [file], tmp_path / "s", layers=[0], save_dtype="float32")
    model = FakeModel()
    extract(model, [file], tmp_path / "t", sink="statistics", tasks=tasks, max_words_per_concept=4, **options)
    assert model.calls < 60
    store = Store.open(tmp_path / "s")
    states = store.states(EN, "train", 0)
    annotations = store.annotations(EN, "train")
    items = represent(states.words, states.start, annotations, parse_task("upos"), root="start", mwt="first")
    found = Store.open(tmp_path / "t").statistics(EN, "train", 0, "upos", root="start", mwt="first")
    for concept in range(len(UPOS)):
        own = items.x[items.y == concept][:4].double()
        assert int(found.counts[concept]) == len(own)
        torch.testing.assert_close(found.sums[concept], own.sum(0), rtol=1e-6, atol=1e-6)


def test_a_full_disk_is_a_clear_error_and_keeps_what_was_finished(files, tmp_path, monkeypatch):
    plain, fills = ShardWriter.append, []

    def full(self, name, rows):
        fills.extend([1] if name == "words" else [])
        if len(fills) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(self, name, rows)

    out = tmp_path / "out"
    extract(FakeModel(), files[::-1], tmp_path / "whole", layers=[0])
    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "append", full)
        with pytest.raises(ConceptAlignError, match="no space left") as caught:
            extract(FakeModel(window=3), files[::-1], out, layers=[0])
    assert "is kept" in str(caught.value)
    assert Store.open(out).layers("UD_DE-Fake", "dev") == (0,)
    assert Store.open(out).languages("train") == ("en",)  # its annotations
    assert not list(out.rglob(".*"))
    model = FakeModel()
    extract(model, files[::-1], out, layers=[0])
    assert model.calls == 24
    assert contents(out) == contents(tmp_path / "whole")


def test_a_disk_that_is_too_small_is_told_before_the_model_runs(files, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    model = FakeModel()
    with pytest.raises(StoreError, match="GB are needed"):
        extract(model, files, tmp_path / "out", layers=[0])
    assert model.calls == 0


def test_two_extractions_into_one_treebank_do_not_fight(files, tmp_path):
    with writing(tmp_path / "out" / EN), pytest.raises(StoreError, match="another process"):
        extract(FakeModel(), files, tmp_path / "out", layers=[0])
    extract(FakeModel(), files, tmp_path / "out", layers=[0])


def test_an_estimate_names_the_exact_bytes_and_writes_nothing(files, tmp_path):
    out = tmp_path / "out"
    for sink in ("states", "statistics"):
        model = FakeModel()
        recipe = make_recipe(
            model,
            pooling=None,
            save_dtype="auto",
            max_words=128,
            max_words_per_concept=None,
            tasks=("upos", "relation"),
        )
        wanted = Wanted(layers=(0, 2), sink=sink, second_moments=True)
        planned = estimate(model, files, out, recipe, wanted, batch_pieces=64)
        assert not out.exists()
        report = extract(model, files, out, layers=[0, 2], sink=sink, second_moments=True)
        assert planned.bytes == sum(done.bytes for done in report.done)
        assert planned.bytes == sum(path.stat().st_size for path in out.rglob("*.safetensors"))
        assert [p.words for p in planned.planned] == [done.words for done in report.done]
        assert planned.words_per_second > 0
        again = estimate(model, files, out, recipe, wanted, batch_pieces=64)
        assert (again.bytes, again.seconds) == (0, 0)
        shutil.rmtree(out)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layers": [4]}, "layers 0-3"),
        ({"layers": []}, "no layer"),
        ({"layers": [0], "save_dtype": "int8"}, "save-dtype"),
        ({"layers": [0], "sink": "nowhere"}, "sink"),
        ({"layers": [0], "sink": "statistics", "tasks": []}, "needs a task"),
        ({"layers": [0], "max_words": 0}, "at least 1"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_made(files, tmp_path, options, says):
    with pytest.raises(UsageError, match=says):
        extract(FakeModel(), files, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_real_treebanks_are_stored_whole(ud_release, tmp_path):
    from concept_align.treebanks import discover

    files = discover.find(ud_release, "ta,ar", ["dev"])
    report = extract(FakeModel(window=200, max_pieces=10_000), files, tmp_path / "out", layers=[0])
    for file, done in zip(files, report.done, strict=True):
        corpus = conllu.read(file.path, language=file.language, split="dev")
        assert done.sents + sum(done.left_out.values()) == corpus.sents
        assert (np.diff(corpus.offsets) > 128).sum() == done.left_out.get(preparing.TOO_LONG, 0)
    assert Store.open(tmp_path / "out").verify() == []
