"""A model that may learn computes what the frozen one computes, with gradients."""

from contextlib import nullcontext

import pytest
import torch
import transformers
from tiny_models import SHAPE, TINY, TOKENIZERS, tiny_folder, tiny_module
from tiny_tunables import padded, tiny_tunable

from concept_align.errors import ModelError
from concept_align.tuning.model import TunableModel, open_tunable, tunable


@pytest.fixture(scope="module")
def decoder() -> TunableModel:
    return open_tunable("mini-decoder", device="cpu")


@pytest.mark.parametrize("name", sorted(set(TINY) - {"bert", "xlm-roberta", "mt5"}))
def test_states_of_a_batch_are_those_of_each_text_alone_and_carry_gradients(name):
    model = tiny_tunable(name)
    ids, mask = padded((9, 4, 7, 4), model.pad)
    layers = [0, 2, model.layers]
    found = model.hidden(ids, mask, layers)
    for row, length in enumerate(mask.sum(1).tolist()):
        alone = model.module(input_ids=ids[row : row + 1, :length], output_hidden_states=True)
        for layer in layers:
            torch.testing.assert_close(
                found[layer][row, :length], alone.hidden_states[layer][0], atol=1e-5, rtol=1e-4
            )
            assert not found[layer][row, length:].any()
    found[2].pow(2).sum().backward()
    blocks = [any(p.grad is not None for p in block.parameters()) for block in model.blocks]
    assert blocks == [True, True, False, False]  # no block runs after the last wanted layer


def test_logits_of_chosen_places_are_those_of_the_whole_model(decoder):
    ids, mask = padded((12, 5, 8), decoder.pad)
    whole = decoder.module(input_ids=ids, attention_mask=mask).logits
    rows, places = torch.tensor([0, 1, 2, 2]), torch.tensor([11, 3, 0, 7])
    own = decoder.logits(decoder.last(ids, mask)[rows, places])
    torch.testing.assert_close(own, whole[rows, places], atol=1e-4, rtol=1e-4)
    own.logsumexp(1).sum().backward()
    assert decoder.module.get_input_embeddings().weight.grad is not None
    decoder.module.zero_grad()


def test_negative_layers_count_from_the_last(decoder):
    ids, mask = padded((6, 3), decoder.pad)
    found = decoder.hidden(ids, mask, [-1, 2])
    assert list(found) == [-1, 2]
    torch.testing.assert_close(found[-1], decoder.hidden(ids, mask, [4])[4], atol=0, rtol=0)


def test_an_encoder_has_its_masked_head():
    model = open_tunable("mini-encoder", device="cpu")
    assert (model.kind, model.layers, model.has_head) == ("encoder", 4, True)
    ids, mask = padded((9, 5), model.pad)
    whole = model.module(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(model.logits(model.last(ids, mask)[0]), whole[0], atol=1e-4, rtol=1e-4)


def test_a_model_saved_without_its_head_aligns_sentences_and_refuses_logits(tmp_path):
    model = open_tunable(str(tiny_folder(tmp_path / "bare", "llama")), device="cpu")
    assert (model.kind, model.has_head) == ("decoder", False)
    ids, mask = padded((5, 3), model.pad)
    assert model.hidden(ids, mask, [2])[2].requires_grad
    with pytest.raises(ModelError, match="no language-model head"):
        model.logits(model.last(ids, mask)[0])


@pytest.mark.parametrize("name", ["bert", "xlm-roberta"])
def test_encoders_of_other_makes_have_states_with_gradients(name):
    maker = {"bert": transformers.BertConfig, "xlm-roberta": transformers.XLMRobertaConfig}[name]
    config = maker(**SHAPE, pad_token_id=1, max_position_embeddings=130)
    torch.manual_seed(0)
    module = transformers.AutoModelForMaskedLM.from_config(config).eval()
    model = tunable(module, TOKENIZERS[TINY[name][1]](), name=name)
    assert (model.kind, model.has_head) == ("encoder", True)
    ids, mask = padded((9, 4), model.pad)
    states = model.hidden(ids, mask, [3])[3]
    alone = module(input_ids=ids[1:, :4], output_hidden_states=True).hidden_states[3]
    torch.testing.assert_close(states[1:, :4], alone, atol=1e-5, rtol=1e-4)
    assert states.requires_grad


def test_an_encoder_of_both_halves_is_read_by_its_encoder():
    model = tunable(tiny_module("mt5").get_encoder(), TOKENIZERS["unigram_without_start"](), name="mt5")
    assert (model.kind, model.has_head, model.layers) == ("encoder", False, 4)
    ids, mask = padded((8, 4), model.pad)
    assert model.hidden(ids, mask, [2])[2].requires_grad


def test_the_fast_way_gives_the_same_states_and_gradients(decoder):
    ids, mask = padded((12, 5, 8), decoder.pad)
    weight = decoder.module.get_input_embeddings().weight
    found = []
    for around in (nullcontext, decoder.running):
        with around():
            states = decoder.hidden(ids, mask, [3])[3]
            found.append((states.detach(), *torch.autograd.grad(states.pow(2).sum(), weight)))
    for plain, fast in zip(*found, strict=True):
        assert float((fast - plain).norm() / plain.norm()) < 1e-5


def test_left_padding_is_refused(decoder):
    ids, mask = padded((6, 3), decoder.pad)
    with pytest.raises(ModelError, match="padded on the left"):
        decoder.hidden(ids.flip(1), mask.flip(1), [1])


def test_float64_stays_float64():
    module = tiny_module("llama", head=True).double()
    model = tunable(module, TOKENIZERS["byte_fallback_prefixed"](), name="llama")
    ids, mask = padded((6, 3), model.pad)
    assert model.hidden(ids, mask, [2])[2].dtype == torch.float64
    assert model.logits(model.last(ids, mask)[0]).dtype == torch.float64
