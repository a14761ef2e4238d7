"""How many tokens a model reads at once is tried, not believed."""

import numpy as np
import pytest
import torch
import transformers
import zoo
from tiny_models import TOKENIZERS

from concept_align.models.protocol import Pieces
from concept_align.models.states import TransformersModel


def row(tokens):
    ids = np.arange(tokens, dtype=np.int32) % 300 + 5
    return Pieces(ids, np.arange(tokens, dtype=np.int32), np.arange(1, tokens + 1, dtype=np.int32), -1)


def read(model, tokens):
    (found,) = model.word_states([row(tokens)], [0, model.layers], pooling="first", batch_pieces=4096)
    return found.words[model.layers]


@pytest.mark.parametrize("name", ["mpt", "luke", "led", "bart", "deberta-v2"])
def test_the_window_is_what_the_model_reads(name):
    """MPT and LED have names of their own for it; LUKE's positions begin after its padding."""
    model = zoo.model_of(name)
    assert model.max_pieces == 40
    assert torch.isfinite(read(model, 40)).all()
    if name not in ("bart", "deberta-v2"):  # which have two places to spare, or look at distances alone
        with pytest.raises((IndexError, RuntimeError)):
            model.base(input_ids=torch.from_numpy(row(41).ids[None].astype(np.int64)))


@pytest.mark.parametrize("promised", [1000, 4096, -1])
def test_a_window_that_is_not_what_the_configuration_promises_is_found(promised):
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    config = transformers.BertConfig(vocab_size=700, max_position_embeddings=40, **shape)
    module = transformers.BertModel(config).eval()
    module.config.max_position_embeddings = promised  # -1 as of relative positions, which have no end
    model = TransformersModel(module, TOKENIZERS["unigram"](), name="x", revision="0")
    assert model.max_pieces == 40
    assert any("reads 40 tokens at once" in note for note in model.notes)
    assert torch.isfinite(read(model, 40)).all()


def test_a_want_of_memory_says_nothing_of_the_window(monkeypatch):
    module = zoo.module_of("bart")
    forward = type(module).forward

    def scarce(self, input_ids, **options):
        if input_ids.shape[1] > 20:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried")
        return forward(self, input_ids=input_ids, **options)

    monkeypatch.setattr(type(module), "forward", scarce)
    model = TransformersModel(module, TOKENIZERS["unigram"](), name="x", revision="0")
    assert model.max_pieces == 40
