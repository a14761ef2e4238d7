"""Runs: what is computed again, what stays when one fails, and what is told beforehand."""

import errno
import shutil

import pytest
import torch
from fake_model import FakeModel

from concept_align.errors import ConceptAlignError, StoreError, UsageError
from concept_align.extraction import prepare as preparing
from concept_align.extraction.run import estimate, extract, extract_files
from concept_align.lock import writing
from concept_align.store import Store
from concept_align.store.shards import ShardWriter
from concept_align.treebanks import conllu

EN = "UD_EN-Fake"


def contents(folder):
    """Every file of a folder with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_repeated_run_computes_nothing(files, tmp_path):
    model = FakeModel()
    extract_files(model, files, tmp_path / "out", layers=[0, 3])
    before, model.calls = contents(tmp_path / "out"), 0
    report = extract_files(model, files, tmp_path / "out", layers=[0, 3])
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
    extract_files(model, files[:1], tmp_path / "out", layers=[0])
    extract_files(model, files[:1], tmp_path / "out", layers=[0, 1, 2])
    assert asked == [(0,), (1, 2)]
    extract_files(model, files, tmp_path / "whole", layers=[0, 1, 2])
    extract_files(model, files, tmp_path / "out", layers=[0, 1, 2])
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_force_runs_everything_again_to_the_same_bytes(files, tmp_path):
    extract_files(FakeModel(), files, tmp_path / "out", layers=[1])
    before, model = contents(tmp_path / "out"), FakeModel()
    extract_files(model, files, tmp_path / "out", layers=[1], force=True)
    assert model.calls == 26
    assert contents(tmp_path / "out") == before


def test_lost_annotations_are_written_again_without_running_the_model(files, tmp_path):
    extract_files(FakeModel(), files, tmp_path / "out", layers=[1])
    before, model = contents(tmp_path / "out"), FakeModel()
    (tmp_path / "out" / EN / "train.words.safetensors").write_bytes(b"x")
    report = extract_files(model, files, tmp_path / "out", layers=[1])
    assert model.calls == 0
    assert report.done[0].bytes > 0
    assert contents(tmp_path / "out") == before


def test_results_do_not_depend_on_the_batch_size(files, tmp_path):
    extract_files(FakeModel(window=1), files, tmp_path / "a", layers=[1], batch_tokens=1)
    extract_files(FakeModel(window=50), files, tmp_path / "b", layers=[1], batch_tokens=4096)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_the_model_gets_the_same_blocks_whatever_layers_are_asked_for(files, tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "WINDOW_WORDS", 20)
    monkeypatch.setattr(preparing, "WINDOW_BYTES", 0)
    seen = []
    for layers in ([0], [0, 1, 2, 3]):
        model, blocks = FakeModel(), []
        plain = model.word_states
        model.word_states = lambda *a, b=blocks, p=plain, **k: b.append(len(a[0])) or p(*a, **k)
        extract_files(model, files[:1], tmp_path / f"out{len(layers)}", layers=layers)
        seen.append(blocks)
    assert seen[0] == seen[1]
    assert len(seen[0]) > 3
    one, four = contents(tmp_path / "out1" / EN), contents(tmp_path / "out4" / EN)
    assert all(four[path] == data for path, data in one.items())


def test_memory_for_pieces_is_bounded_for_a_large_treebank(files, tmp_path, monkeypatch):
    extract_files(FakeModel(), files, tmp_path / "a", layers=[1])
    monkeypatch.setattr(preparing, "CACHED", 3)
    monkeypatch.setattr(preparing, "BLOCK", 4)
    monkeypatch.setattr(preparing, "WINDOW_WORDS", 20)
    monkeypatch.setattr(preparing, "WINDOW_BYTES", 0)
    corpus = conllu.read(files[0].path, language="en", split="train")
    assert preparing.prepare(FakeModel(), corpus, max_words=128).cached is None
    extract_files(FakeModel(), files, tmp_path / "b", layers=[1])
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_full_disk_is_a_clear_error_and_keeps_what_was_finished(files, tmp_path, monkeypatch):
    plain, fills = ShardWriter.append, []

    def full(self, name, rows):
        fills.extend([1] if name == "words" else [])
        if len(fills) > 5:
            raise OSError(errno.ENOSPC, "No space left on device")
        plain(self, name, rows)

    out = tmp_path / "out"
    extract_files(FakeModel(), files[::-1], tmp_path / "whole", layers=[0])
    with monkeypatch.context() as patch:
        patch.setattr(ShardWriter, "append", full)
        with pytest.raises(ConceptAlignError, match="no space left") as caught:
            extract_files(FakeModel(window=3), files[::-1], out, layers=[0])
    assert "is kept" in str(caught.value)
    assert Store.open(out).layers("UD_DE-Fake", "dev") == (0,)
    assert Store.open(out).languages("train") == ("en",)  # its annotations
    assert not list(out.rglob(".*"))
    model = FakeModel()
    extract_files(model, files[::-1], out, layers=[0])
    assert model.calls == 24
    assert contents(out) == contents(tmp_path / "whole")


def test_a_disk_that_is_too_small_is_told_before_the_model_runs(files, tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    model = FakeModel()
    with pytest.raises(StoreError, match="kB are needed"):
        extract_files(model, files, tmp_path / "out", layers=[0])
    assert model.calls == 0


def test_two_extractions_into_one_treebank_do_not_fight(files, tmp_path, monkeypatch):
    monkeypatch.setattr("concept_align.lock.WAIT", 0)
    with writing(tmp_path / "out" / EN), pytest.raises(StoreError, match="another process"):
        extract_files(FakeModel(), files, tmp_path / "out", layers=[0])
    extract_files(FakeModel(), files, tmp_path / "out", layers=[0])


def test_an_estimate_names_the_exact_bytes_and_writes_nothing(files, tmp_path):
    out = tmp_path / "out"
    for sink in ("states", "statistics"):
        model = FakeModel()
        wanted = {"layers": (0, 2), "sink": sink, "second_moments": True}
        planned = estimate(model, files, out, **wanted)
        assert not out.exists()
        report = extract_files(model, files, out, **wanted)
        assert planned.bytes == sum(done.bytes for done in report.done)
        assert planned.bytes == sum(path.stat().st_size for path in out.rglob("*.safetensors"))
        assert [p.words for p in planned.planned] == [done.words for done in report.done]
        assert planned.words_per_second > 0
        again = estimate(model, files, out, **wanted)
        assert (again.bytes, again.seconds) == (0, 0)
        shutil.rmtree(out)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layers": [4]}, "layers 0-3"),
        ({"layers": []}, "no layer"),
        ({"layers": [0], "save_dtype": "int8"}, "save_dtype: unknown"),
        ({"layers": [0], "sink": "nowhere"}, "sink"),
        ({"layers": [0], "sink": "statistics", "tasks": []}, "need a task"),
        ({"layers": [0], "max_words": 0}, "max_words: 0 is too few"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_made(files, tmp_path, options, says):
    with pytest.raises(UsageError, match=says):
        extract_files(FakeModel(), files, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_a_limited_store_is_not_taken_for_a_whole_one(files, tmp_path):
    model, out = FakeModel(), tmp_path / "out"
    report = extract_files(model, files[:1], out, layers=[1], limit=3)
    assert (report.done[0].sents, report.done[0].left_out["beyond the limit of sentences"]) == (3, 21)
    assert extract_files(model, files[:1], out, layers=[1], limit=2).done[0].layers == ()
    assert extract_files(model, files[:1], out, layers=[1], limit=5).done[0].sents == 5
    whole = extract_files(model, files[:1], out, layers=[1])
    assert (whole.done[0].layers, whole.done[0].sents) == ((1,), 24)
    extract_files(model, files[:1], tmp_path / "whole", layers=[1])
    assert contents(out) == contents(tmp_path / "whole")


def test_a_limit_leaves_what_is_there_of_more_sentences_and_layers_agree(files, tmp_path):
    model, out = FakeModel(), tmp_path / "out"
    extract_files(model, files[:1], out, layers=[1])
    report = extract_files(model, files[:1], out, layers=[1, 2], limit=3)
    assert [done.sents for done in report.done] == [24]
    assert all(shard.complete for shard in Store.open(out).contents())


def test_layers_of_a_limited_store_that_are_not_named_are_not_lost(files, tmp_path):
    model, out = FakeModel(), tmp_path / "out"
    extract_files(model, files[:1], out, layers=[1], limit=3)
    with pytest.raises(StoreError, match=r"the first 3 sentences are there in other layers \(1\)"):
        extract_files(model, files[:1], out, layers=[2])
    extract_files(model, files[:1], out, layers=[1, 2])
    assert all(shard.complete for shard in Store.open(out).contents())
    with pytest.raises(UsageError, match="limit"):
        extract_files(model, files[:1], out, layers=[1], limit=0)


def test_a_corpus_in_memory_is_extracted_like_its_file(tmp_path, files):
    one = files[0]
    corpus = conllu.read(one.path, language=one.language, treebank=one.treebank, split=one.split)
    extract_files(FakeModel(), files[:1], tmp_path / "file", layers=[1])
    store = extract(FakeModel(), corpus, tmp_path / "memory", layers=1)
    assert store.languages(one.split) == (one.language,)
    for file in sorted((tmp_path / "file").rglob("*.safetensors")):
        copy = tmp_path / "memory" / file.relative_to(tmp_path / "file")
        assert copy.read_bytes() == file.read_bytes()
    report = extract_files(FakeModel(), files[:1], tmp_path / "memory", layers=[1])
    assert report.done[0].layers == ()  # the same sentences: nothing is computed again


def test_a_setting_that_extraction_does_not_have_is_refused_with_the_nearest(tmp_path, files):
    with pytest.raises(UsageError, match="did you mean 'max_words'") as raised:
        extract(FakeModel(), files, tmp_path / "out", max_word=3)
    assert raised.value.option == "max_word" and not (tmp_path / "out").exists()


def test_a_loaded_pair_gives_the_states_of_its_files(tmp_path):
    import transformers

    from concept_align.models.load import load_model
    from concept_align.models.shipped import shipped_model
    from concept_align.store import Store
    from concept_align.treebanks.discover import mini_treebanks

    folder = shipped_model("mini-decoder")
    pair = (
        transformers.AutoModelForCausalLM.from_pretrained(folder),
        transformers.AutoTokenizer.from_pretrained(folder),
    )
    mine, named = load_model(pair), load_model("mini-decoder")
    assert (mine.kind, mine.layers, mine.dim) == (named.kind, named.layers, named.dim)
    assert mine.revision.startswith("weights:") and load_model(pair).revision == mine.revision
    for name, model in (("pair", pair), ("named", "mini-decoder")):
        extract(model, mini_treebanks(), tmp_path / name, langs=["tr"], splits=["dev"], layers=[2])
    one, other = (
        Store.open(tmp_path / name).states("UD_Turkish-Mini", "dev", 2) for name in ("pair", "named")
    )
    assert torch.equal(one.words, other.words)
    with torch.no_grad():
        next(pair[0].parameters()).add_(1)
    assert load_model(pair).revision != mine.revision
