"""States are those of transformers, whatever the batch, the padding and the layers asked for."""

import numpy as np
import pytest
import torch
from tiny_models import BLOCKS, DIM, TINY, tiny_module

from concept_align.errors import ModelError, UsageError
from concept_align.matmul import fast_matmul
from concept_align.models.faults import overflow_remedy
from concept_align.models.protocol import Pieces
from concept_align.models.states import TransformersModel
from concept_align.types import POOLINGS

DECODERS = {"gpt2", "bloom", "llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3"}
ALL = list(range(BLOCKS + 1))


def gather(model, sentences, layers, pooling="mean", batch_pieces=256):
    parts = list(model.word_states(sentences, layers, pooling=pooling, batch_pieces=batch_pieces))
    words = {layer: torch.cat([part.words[layer] for part in parts]) for layer in layers}
    start = {layer: torch.cat([part.start[layer] for part in parts]) for layer in parts[0].start}
    return words, start


def reference(model, sentence):
    """hidden_states of transformers for one sentence alone: [layers + 1, pieces, dim]."""
    with torch.inference_mode(), fast_matmul():
        ids = torch.from_numpy(sentence.ids.astype(np.int64))[None]
        output = model.module(input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True)
    return torch.stack([states[0] for states in output.hidden_states])


@pytest.mark.parametrize("name", TINY)
def test_states_equal_hidden_states_bit_for_bit(name, model_of, sentences_of):
    model = model_of(name)
    for sentence in sentences_of(model)[:6]:
        words, start = gather(model, [sentence], ALL, "last", 1)
        expected = reference(model, sentence)
        for layer in ALL:
            assert torch.equal(words[layer], expected[layer][sentence.end.astype(np.int64) - 1])
            if model.has_start:
                assert torch.equal(start[layer][0], expected[layer][0])


@pytest.mark.parametrize("name", TINY)
def test_one_layer_alone_equals_it_among_all(name, model_of, sentences_of):
    model = model_of(name)
    sentences = sentences_of(model)
    together, _ = gather(model, sentences, ALL)
    for layer in ALL:
        alone, _ = gather(model, sentences, [layer])
        assert torch.equal(alone[layer], together[layer])


@pytest.mark.parametrize("name", TINY)
def test_batch_size_order_and_company_do_not_change_states(name, model_of, sentences_of):
    model = model_of(name)
    sentences = sentences_of(model)
    alone, _ = gather(model, sentences, ALL, batch_pieces=1)
    crowded, _ = gather(model, sentences, ALL, batch_pieces=4096)
    reverse, _ = gather(model, sentences[::-1], ALL, batch_pieces=300)
    counts = np.array([len(sentence.begin) for sentence in sentences])
    bounds = np.concatenate([[0], np.cumsum(counts[::-1])])
    back = np.concatenate([np.arange(bounds[i], bounds[i + 1]) for i in range(len(counts))[::-1]])
    for layer in ALL:
        size = alone[layer].norm(dim=1)
        assert ((crowded[layer] - alone[layer]).norm(dim=1) / size).max() <= 1e-5
        assert ((reverse[layer][torch.from_numpy(back)] - alone[layer]).norm(dim=1) / size).max() <= 1e-5


@pytest.mark.parametrize("name", TINY)
def test_kind_norm_and_shape_are_told_by_the_model(name, model_of):
    model = model_of(name)
    assert model.kind == ("decoder" if name in DECODERS else "encoder")
    assert model.final_norm == ("none" if name in {"bert", "xlm-roberta"} else "post")
    assert (model.layers, model.dim, model.dtype) == (BLOCKS, DIM, torch.float32)
    assert model.has_start == (name not in {"mt5", "gpt2", "bloom", "qwen2", "qwen3"})
    assert model.notes == ()  # blocks found, padding left out of attention


@pytest.mark.parametrize("name", TINY)
def test_no_block_runs_after_the_last_wanted_layer(name, model_of, sentences_of):
    model = model_of(name)
    ran: list[int] = []
    hooks = [
        block.register_forward_pre_hook(lambda *_, number=number: ran.append(number))
        for number, block in enumerate(model._capture.blocks, 1)
    ]
    try:
        for layer in ALL:
            ran.clear()
            gather(model, sentences_of(model)[:1], [layer])
            assert [number for number in ran if number > layer] in ([], [1])  # layer 0 is what enters block 1
            assert max(ran) == max(layer, 1)
    finally:
        for hook in hooks:
            hook.remove()


def test_hooks_are_gone_after_a_run(model_of, sentences_of):
    model = model_of("llama")
    gather(model, sentences_of(model)[:2], [0, 2])
    assert not any(part._forward_pre_hooks for part in model._capture.blocks)
    again, _ = gather(model, sentences_of(model)[:2], [BLOCKS])
    assert torch.isfinite(again[BLOCKS]).all()


def test_last_layer_of_a_decoder_is_normed_and_the_block_before_it_is_not(model_of, sentences_of):
    model = model_of("llama")
    (sentence,) = sentences_of(model)[:1]
    kept = []
    hook = model._capture.blocks[-1].register_forward_hook(lambda *a: kept.append(a[-1]))
    try:
        words, _ = gather(model, [sentence], [BLOCKS], "last")
    finally:
        hook.remove()
    raw = kept[0] if isinstance(kept[0], torch.Tensor) else kept[0][0]
    with torch.inference_mode():
        normed = model.module.norm(raw)[0][sentence.end.astype(np.int64) - 1]
    torch.testing.assert_close(words[BLOCKS], normed)
    assert not torch.allclose(words[BLOCKS], raw[0][sentence.end.astype(np.int64) - 1], atol=1e-2)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_equals_a_loop_over_words(pooling, model_of, sentences_of):
    model = model_of("gpt2")
    sentences = sentences_of(model)
    words, _ = gather(model, sentences, [2], pooling, 1)
    expected = []
    for sentence in sentences:
        states = reference(model, sentence)[2]
        for begin, end in zip(sentence.begin.tolist(), sentence.end.tolist(), strict=True):
            span = {"first": states[begin], "last": states[end - 1], "mean": states[begin:end].mean(0)}
            expected.append(span[pooling])
    torch.testing.assert_close(words[2], torch.stack(expected), rtol=1e-6, atol=1e-6)


def test_windows_cover_every_sentence_once_and_in_order(model_of, sentences_of, monkeypatch):
    model = model_of("bert")
    sentences = sentences_of(model)
    whole, _ = gather(model, sentences, [1])
    monkeypatch.setattr("concept_align.models.states.WINDOW_BYTES", 1)
    monkeypatch.setattr("concept_align.models.states.WINDOW_WORDS", 20)
    parts = list(model.word_states(sentences, [1], pooling="mean", batch_pieces=64))
    assert len(parts) > 3
    assert np.concatenate([part.sentences for part in parts]).tolist() == list(range(len(sentences)))
    for part in parts:
        counts = [len(sentences[i].begin) for i in part.sentences]
        assert np.diff(part.offsets).tolist() == counts
        assert part.words[1].shape == (sum(counts), DIM)
    torch.testing.assert_close(torch.cat([part.words[1] for part in parts]), whole[1])


def test_layers_come_in_the_order_asked_for(model_of, sentences_of):
    model = model_of("bert")
    (part,) = model.word_states(sentences_of(model)[:2], [3, 0, 4], pooling="first", batch_pieces=64)
    assert list(part.words) == [3, 0, 4]


def test_bfloat16_states_are_pooled_in_float32(sentences_of, folder_of):
    from concept_align.models.load import load_model

    model = load_model(str(folder_of("gemma3")), dtype="bfloat16", device="cpu")
    exact = load_model(str(folder_of("gemma3")), device="cpu")
    sentences = sentences_of(exact)
    coarse, _ = gather(model, sentences, ALL)
    fine, _ = gather(exact, sentences, ALL)
    for layer in ALL:
        assert coarse[layer].dtype == torch.float32
        assert (coarse[layer] - fine[layer]).norm() <= 0.05 * fine[layer].norm()


@pytest.mark.parametrize("layers", [[], [-1], [BLOCKS + 1]])
def test_layers_the_model_does_not_have_are_refused(layers, model_of, sentences_of):
    model = model_of("bert")
    with pytest.raises(UsageError, match="layers are 0-4"):
        list(model.word_states(sentences_of(model)[:1], layers, pooling="mean", batch_pieces=64))


def test_a_sentence_longer_than_the_window_is_refused_with_its_place(model_of):
    model = model_of("xlm-roberta")
    assert model.max_pieces == 128  # positions begin after the padding id
    fits = Pieces(np.full(128, 5, np.int32), np.array([1], np.int32), np.array([2], np.int32), 0)
    longer = Pieces(np.full(129, 5, np.int32), np.array([1], np.int32), np.array([2], np.int32), 0)
    assert gather(model, [fits], [1])[0][1].shape == (1, DIM)
    with pytest.raises(ModelError, match="sentence 1 has 129 tokens"):
        list(model.word_states([fits, longer], [1], pooling="mean", batch_pieces=64))


def wrapped(module, model):
    return TransformersModel(module, model.tokenizer, name="broken", revision="0")


def test_states_that_are_not_finite_are_refused_with_their_layer(model_of, sentences_of):
    module = tiny_module("llama")
    model = wrapped(module, model_of("llama"))
    with torch.no_grad():
        module.layers[2].mlp.down_proj.weight.fill_(float("nan"))
    assert torch.isfinite(gather(model, sentences_of(model), [2])[0][2]).all()
    with pytest.raises(ModelError, match="layer 3 are not finite") as error:
        gather(model, sentences_of(model), [3])
    assert error.value.remedy == "its weights are broken: fetch it again"  # no dtype is wider


@pytest.mark.parametrize(("dtype", "other"), [(torch.float16, "bfloat16"), (torch.bfloat16, "float32")])
def test_where_numbers_overflow_a_wider_dtype_is_named(dtype, other):
    assert f"dtype {other}" in overflow_remedy(dtype)


def test_states_that_are_the_same_for_all_words_are_refused(model_of, sentences_of):
    module = tiny_module("llama")
    model = wrapped(module, model_of("llama"))
    with torch.no_grad():
        module.embed_tokens.weight.zero_()
    with pytest.raises(ModelError, match="layer 1 are the same for all words"):
        gather(model, sentences_of(model), [1])


def test_one_word_alone_is_not_taken_for_a_broken_model(model_of):
    model = model_of("gemma")
    sentence = model.cutter.cut("no no", np.array([[0, 2], [3, 5]], np.int32))
    assert gather(model, [sentence], [0])[0][0].shape == (2, DIM)


def test_running_out_of_memory_says_what_to_lower(model_of, sentences_of, monkeypatch):
    model = model_of("bert")

    def exhausted(*_, **__):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(model._capture, "run", exhausted)
    with pytest.raises(ModelError, match="out of memory") as error:
        gather(model, sentences_of(model), [1])
    assert "batch_tokens" in error.value.remedy


def test_a_bug_keeps_its_traceback(model_of, sentences_of, monkeypatch):
    model = model_of("bert")

    def wrong(*_, **__):
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(model._capture, "run", wrong)
    with pytest.raises(RuntimeError, match="multiplied"):
        gather(model, sentences_of(model), [1])
