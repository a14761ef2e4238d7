"""Sentences that a decoder reads twice: states are those of one plain pass over the doubled text."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from fake_model import FakeModel
from fake_treebank import write
from tiny_models import SCRIPTS, draw_sentence, tiny_folder

from concept_align.errors import StoreError, UsageError
from concept_align.extraction import prepare as preparing
from concept_align.extraction.run import estimate, extract_files
from concept_align.models.load import load_model
from concept_align.models.pieces import repeated
from concept_align.models.states import TransformersModel
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store
from concept_align.store.keys import Recipe
from concept_align.treebanks import conllu
from concept_align.treebanks.discover import TreebankFile

EN = "UD_EN-Fake"
DECODERS = (
    "gpt2",
    "qwen3",
    "llama",
    "gemma3",
)  # bytes without a start token; bytes as a last resort, with one


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], TransformersModel]:
    made: dict[str, TransformersModel] = {}

    def of(name: str) -> TransformersModel:
        if name not in made:
            made[name] = load_model(tiny_folder(tmp_path_factory.mktemp("models") / name, name), device="cpu")
        return made[name]

    return of


@pytest.fixture
def file(tmp_path: Path) -> TreebankFile:
    return write(tmp_path, "en", "train", [5, 3, 9, 1, 7, 4, 12])


def plainly(model: TransformersModel, text: str, spans: np.ndarray) -> list[torch.Tensor]:
    """[words, dim] of every layer: the last token of each word of the second copy, in one pass of its own."""
    told = model.tokenizer(f"{text}\n{text}", return_offsets_mapping=True, return_tensors="pt")
    offsets = told.pop("offset_mapping")[0]
    with torch.inference_mode():
        states = model.module(
            input_ids=told["input_ids"], output_hidden_states=True, use_cache=False
        ).hidden_states
    shift = len(text) + 1
    last = [
        max(i for i, (b, e) in enumerate(offsets.tolist()) if b < e and b < high + shift and e > low + shift)
        for low, high in spans.tolist()
    ]
    return [layer[0, last] for layer in states]


@pytest.mark.parametrize("name", DECODERS)
def test_states_are_those_of_one_pass_over_the_doubled_text(decoder, file, tmp_path, name):
    model, layers = decoder(name), [0, 2, 4]
    extract_files(model, [file], tmp_path / "out", layers=layers, read="twice", save_dtype="float32")
    store = Store.open(tmp_path / "out")
    corpus = conllu.read(file.path, language="en", split="train")
    starts = store.states(EN, "train", 2).start
    assert (starts is not None) == (name in ("llama", "gemma3"))
    for place in range(corpus.sents):
        words = corpus.words_of(place)
        expected = plainly(model, corpus.texts[place], corpus.spans[words])
        for layer in layers:
            found = store.states(EN, "train", layer).words[words]
            torch.testing.assert_close(found, expected[layer], atol=1e-4, rtol=1e-4)
    if starts is not None:  # of one token, which nothing has been read before
        torch.testing.assert_close(starts, starts[:1].expand_as(starts), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", DECODERS)
def test_in_every_script_words_are_those_of_the_second_copy(decoder, name):
    model, rng = decoder(name), np.random.default_rng(3)
    drawn = [draw_sentence(script, rng) for script in SCRIPTS]
    texts, spans = [text for text, _ in drawn], [own for _, own in drawn]
    once, twice = (model.pieces_many(*repeated(texts, spans, read)) for read in ("once", "twice"))
    for text, own, first, second in zip(texts, spans, once, twice, strict=True):
        assert int(second.begin.min()) >= len(first.ids) - 1  # the break may be one token with the text's end
        covered = model.tokenizer.decode(second.ids[second.begin[-1] : second.end[-1]])
        assert text[own[-1][0] : own[-1][1]].strip() in covered.replace("\ufffd", "") or "\ufffd" in covered


def test_read_twice_the_first_word_knows_the_last(decoder, tmp_path):
    model = decoder("qwen3")
    files = [write(tmp_path / word, "en", "train", [6], last={0: word}) for word in ("dog", "cat")]
    states = {}
    for read in ("once", "twice"):
        for number, one in enumerate(files):
            out = tmp_path / f"{read}{number}"
            extract_files(model, [one], out, layers=[3], read=read)
            states[read, number] = Store.open(out).states(EN, "train", 3).words
    torch.testing.assert_close(states["once", 0][:5], states["once", 1][:5], atol=1e-3, rtol=1e-3)
    differs = (states["twice", 0][:5] - states["twice", 1][:5]).float().norm(dim=1)
    assert bool((differs > 0.05).all())


def test_batches_change_twice_read_states_by_rounding_alone(decoder, file, tmp_path):
    found = []
    for tokens in (1, 64, 4096):
        out = tmp_path / str(tokens)
        how = {"read": "twice", "save_dtype": "float32", "batch_tokens": tokens}
        extract_files(decoder("gemma3"), [file], out, layers=[3], **how)
        found.append(Store.open(out).states(EN, "train", 3).words)
    torch.testing.assert_close(found[0], found[1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[0], found[2], atol=1e-4, rtol=1e-4)


def test_both_copies_must_fit_the_context_length(decoder, file, tmp_path, monkeypatch):
    model = decoder("qwen3")
    corpus = conllu.read(file.path, language="en", split="train")
    spans = [corpus.spans[corpus.words_of(place)] for place in range(corpus.sents)]
    lengths = sorted(len(one.ids) for one in model.pieces_many(*repeated(corpus.texts, spans, "twice")))
    monkeypatch.setattr(model, "max_pieces", lengths[-2])
    once = extract_files(model, [file], tmp_path / "a", layers=[0]).done[0]
    twice = extract_files(model, [file], tmp_path / "b", layers=[0], read="twice").done[0]
    assert once.left_out == {}
    assert twice.left_out == {preparing.TOO_WIDE: 1}
    assert twice.sents == once.sents - 1


def test_an_encoder_is_not_read_twice(file, tmp_path):
    with pytest.raises(UsageError, match="seen the whole sentence") as caught:
        extract_files(FakeModel(), [file], tmp_path / "out", layers=[0], read="twice")
    assert caught.value.option == "read"
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="unknown reading 'thrice'"):
        extract_files(FakeModel(), [file], tmp_path / "out", layers=[0], read="thrice")


def test_one_store_holds_one_reading_and_names_the_other(file, tmp_path):
    model = FakeModel(kind="decoder")
    extract_files(model, [file], tmp_path / "once", layers=[0])
    extract_files(model, [file], tmp_path / "twice", layers=[0], read="twice")
    with pytest.raises(StoreError, match="read is 'once', not 'twice'"):
        extract_files(model, [file], tmp_path / "once", layers=[1], read="twice")
    with pytest.raises(StoreError, match="read is 'twice', not 'once'"):
        extract_files(model, [file], tmp_path / "twice", layers=[1])
    assert "read twice" in repr(Store.open(tmp_path / "twice"))
    assert "read twice" not in repr(Store.open(tmp_path / "once"))


def test_a_twice_read_store_resumes(decoder, file, tmp_path):
    model, how = decoder("gpt2"), {"read": "twice"}
    extract_files(model, [file], tmp_path / "a", layers=[1], **how)
    again = extract_files(model, [file], tmp_path / "a", layers=[1, 3], **how).done[0]
    assert (again.layers, again.skipped) == ((3,), (1,))
    extract_files(model, [file], tmp_path / "b", layers=[1, 3], **how)
    for layer in (1, 3):
        name = f"{EN}/train.layer-0{layer}.safetensors"
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_an_estimate_of_reading_twice_writes_nothing_and_knows_the_bytes(decoder, file, tmp_path):
    planned = estimate(decoder("gpt2"), [file], tmp_path / "out", layers=[2], read="twice")
    assert not (tmp_path / "out").exists()
    done = extract_files(decoder("gpt2"), [file], tmp_path / "out", layers=[2], read="twice")
    assert planned.bytes == done.done[0].bytes


def test_recipes_that_read_once_are_those_of_earlier_releases(file, tmp_path):
    extract_files(FakeModel(kind="decoder"), [file], tmp_path / "out", layers=[0])
    recipe = Store.open(tmp_path / "out").recipe
    told = recipe.to_json()
    assert "read" not in told
    assert Recipe.from_json(told, where="here") == recipe
    twice = Recipe.from_json(told | {"read": "twice"}, where="here")
    assert twice.to_json()["read"] == "twice"
    assert twice.fingerprint() != recipe.fingerprint()


def test_features_of_twice_read_states_need_nothing_more(decoder, file, tmp_path):
    dev = write(tmp_path, "en", "dev", [4, 6])
    extract_files(decoder("gemma3"), [file, dev], tmp_path / "out", layers=[2], read="twice")
    source = FeatureSource(Store.open(tmp_path / "out"), FeatureSpec("relation", (2,), context_layers=(2,)))
    found = source.load("en", "dev")
    assert found.x.shape == (10, 64)
    assert bool(torch.isfinite(found.x).all())
