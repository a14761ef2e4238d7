"""Which models can be prompted, and what is said of the others."""

import pytest
import torch
from tiny_models import DIM, tiny_folder
from tiny_prompts import tiny_causal

from concept_align.errors import ModelError
from concept_align.icl import causal
from concept_align.icl.causal import load_causal


def test_an_encoder_is_refused():
    with pytest.raises(ModelError, match="not a causal language model"):
        load_causal("mini-encoder", device="cpu")


def test_a_model_saved_without_its_head_is_refused(tmp_path):
    folder = tiny_folder(tmp_path / "headless", "llama")
    with pytest.raises(ModelError, match=r"lm_head\.weight is not stored"):
        load_causal(str(folder), device="cpu")


def test_a_saved_model_with_its_head_says_what_the_whole_model_says(tmp_path):
    model = load_causal(str(tiny_folder(tmp_path / "whole", "gemma2", head=True)), device="cpu")
    assert (model.dim, model.dtype) == (DIM, torch.float32)
    assert model.revision.startswith("sha256:")
    ids = torch.tensor([[2, 40, 50, 60]])
    with model.running():
        states, _ = model.states((), torch.zeros(0).long(), torch.zeros(0).long(), input_ids=ids)
        # Gemma 2 caps its logits: a head that was only multiplied with would not agree.
        torch.testing.assert_close(model.logits(states[0]), model.module(ids).logits[0], atol=1e-5, rtol=0)


def test_weights_that_are_not_finite_are_refused():
    from tiny_models import TOKENIZERS, tiny_module

    from concept_align.icl.causal import CausalModel

    module = tiny_module("gemma", head=True)
    next(module.parameters()).data.fill_(torch.inf)
    with pytest.raises(ModelError):
        CausalModel(module, TOKENIZERS["byte_fallback"](), name="broken", revision="r")


@pytest.mark.parametrize(("name", "linear"), [("gpt2", True), ("qwen2", True), ("gemma2", False)])
def test_probabilities_are_those_of_all_logits_by_parts_of_the_vocabulary_or_at_once(
    name, linear, monkeypatch
):
    """Gemma 2 puts a soft cap on its logits: its head is no product, though nearly one on small states."""
    model = tiny_causal(name)
    assert (model._linear_head is not None) == linear
    monkeypatch.setattr(causal, "BLOCK", 7)
    states = 30 * torch.randn(300, model.dim, generator=torch.Generator().manual_seed(0))
    wanted = torch.tensor([5, 0, 17, 5])
    with model.running():
        expected = model.logits(states).log_softmax(1)[:, wanted]
        torch.testing.assert_close(model.log_probabilities(states, wanted), expected, atol=1e-4, rtol=1e-5)
        assert model.log_probabilities(states[:0], wanted).shape == (0, 4)
