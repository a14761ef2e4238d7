"""What learns is what was asked for; the model as it was stays at hand; merged is adapted."""

import sys

import pytest
import torch
from tiny_models import TOKENIZERS, tiny_module
from tiny_tunables import padded
from tiny_tunables import tiny_tunable as tiny

from concept_align.errors import LearningError, ModelError, UsageError
from concept_align.tuning.adapters import Learning, learn
from concept_align.tuning.answers import answer_loss
from concept_align.tuning.contrast import contrast
from concept_align.tuning.model import tunable
from concept_align.tuning.pooling import pooled
from concept_align.tuning.retain import kept_nats

HOWS = ["lora", "full", "blocks:1-2"]


def moved(learning: Learning, seed: int = 0) -> None:
    """A step into a random direction."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, one in learning.parameters():
            one.add_(0.1 * torch.randn(one.shape, generator=generator).to(one.dtype))


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3", "bloom"])
def test_adapters_change_nothing_at_first_and_lie_on_all_maps_of_the_first_blocks(name):
    model = tiny(name)
    ids, mask = padded((7, 4), model.pad)
    before = model.last(ids, mask).detach()
    learning = learn(model, "lora", upto=2, rank=4, alpha=8)
    torch.testing.assert_close(model.last(ids, mask), before, atol=0, rtol=0)
    maps = {name.rpartition(".lora_")[0] for name, _ in learning.parameters()}
    linear = {
        "llama": 7, "gpt2": 4, "gemma3": 7, "bloom": 4,
    }[name]  # fmt: skip
    assert len(maps) == 2 * linear
    assert all(".0." in one or ".1." in one for one in maps)


def test_the_first_values_depend_on_the_seed_alone():
    torch.manual_seed(1)
    first = learn(tiny(), seed=5).state()
    torch.manual_seed(2)
    drawn = torch.rand(())
    torch.manual_seed(2)
    second, other = learn(tiny(), seed=5).state(), learn(tiny(), seed=6).state()
    assert torch.rand(()) == drawn  # the user's own generator is left as it was
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("how", HOWS)
def test_before_is_the_model_as_it_was_and_gradients_stay_those_of_the_tuned_one(how):
    model = tiny(double=True)
    ids, mask = padded((7, 4), model.pad)
    untouched = model.last(ids, mask).detach()
    learning = learn(model, how, rank=4)
    moved(learning)
    tuned = model.last(ids, mask)
    assert (tuned - untouched).abs().max() > 1e-3
    weights = [one for _, one in learning.parameters()]
    expected = torch.autograd.grad(tuned.pow(2).sum(), weights, allow_unused=True)
    after = model.last(ids, mask)  # the graph is made, then the weights are those before for a while
    with learning.before():
        again = model.last(ids, mask)
    assert not again.requires_grad
    torch.testing.assert_close(again, untouched, atol=1e-12, rtol=0)
    after.pow(2).sum().backward()
    for one, gradient in zip(weights, expected, strict=True):  # none for a head that nothing reads
        assert (one.grad is None) == (gradient is None)
        if gradient is not None:
            torch.testing.assert_close(one.grad, gradient, atol=1e-12, rtol=0)
    torch.testing.assert_close(model.last(ids, mask), tuned, atol=0, rtol=0)


@pytest.mark.parametrize("how", HOWS)
def test_a_state_that_was_saved_gives_the_same_model(how):
    model = tiny()
    ids, mask = padded((7, 4), model.pad)
    learning = learn(model, how, rank=4)
    moved(learning)
    saved = {name: tensor.clone() for name, tensor in learning.state().items()}
    expected = model.last(ids, mask)
    other = tiny()
    learn(other, how, rank=4, seed=9).load_state(saved)
    torch.testing.assert_close(other.last(ids, mask), expected, atol=0, rtol=0)


def test_another_state_is_refused():
    saved = learn(tiny(), rank=4).state()
    with pytest.raises(LearningError, match="not what learns here"):
        learn(tiny(), rank=8).load_state(saved)
    with pytest.raises(LearningError, match="not what learns here"):
        learn(tiny(), "full").load_state(saved)


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma3"])
def test_merged_computes_what_the_adapters_compute_and_is_plain(name, tmp_path):
    model = tiny(name)
    ids, mask = padded((7, 4), model.pad)
    learning = learn(model, "lora", rank=4, alpha=8)
    moved(learning)
    expected = model.module(input_ids=ids, attention_mask=mask).logits
    plain = learning.merged()
    assert type(plain) is type(model.module)
    assert not [name for name, _ in plain.named_modules() if "lora" in name]
    torch.testing.assert_close(
        plain(input_ids=ids, attention_mask=mask).logits, expected, atol=1e-3, rtol=1e-3
    )
    tied = plain.get_output_embeddings().weight is plain.get_input_embeddings().weight
    assert tied == model.module.config.get_text_config().tie_word_embeddings
    torch.testing.assert_close(
        model.module(input_ids=ids, attention_mask=mask).logits, expected, atol=0, rtol=0
    )


def test_peft_reads_the_adapter_s_files(tmp_path):
    from peft import PeftModel

    from concept_align.tuning.adapters import _quiet

    model = tiny()
    ids, mask = padded((7, 4), model.pad)
    learning = learn(model, "lora", rank=4)
    moved(learning)
    for name, content in learning.adapter_files().items():
        (tmp_path / name).write_bytes(content)
    with _quiet():
        read = PeftModel.from_pretrained(tiny_module("llama", head=True), str(tmp_path))
    expected = model.module(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(read(input_ids=ids, attention_mask=mask).logits, expected, atol=0, rtol=0)


def test_full_learns_what_the_layer_depends_on():
    model = tiny()
    names = {name for name, _ in learn(model, "full", upto=2).parameters()}
    held = {name.split(".")[2] for name in names if ".layers." in name}
    assert held == {"0", "1"}
    assert names - {name for name in names if ".layers." in name} == {"model.embed_tokens.weight"}
    everything = {name for name, _ in learn(tiny(), "full").parameters()}
    assert everything == {name for name, _ in tiny().module.named_parameters()}


def test_blocks_learn_alone():
    names = {name for name, _ in learn(tiny(), "blocks:2-3").parameters()}
    assert {name.split(".")[2] for name in names} == {"1", "2"}


def test_dropout_is_drawn_from_the_seed_and_the_step_and_is_off_outside():
    model = tiny()
    ids, mask = padded((7, 4), model.pad)
    learning = learn(model, "lora", rank=4, dropout=0.5, seed=3)
    moved(learning)
    plain = model.last(ids, mask)

    def drawn(step: int) -> torch.Tensor:
        with learning.dropping(step):
            return model.last(ids, mask)

    first = drawn(1)
    assert not torch.equal(first, plain)
    assert torch.equal(first, drawn(1))
    assert not torch.equal(first, drawn(2))
    assert torch.equal(model.last(ids, mask), plain)


def test_adapters_of_narrow_weights_are_wide_and_losses_too():
    module = tiny_module("llama", head=True).bfloat16()
    model = tunable(module, TOKENIZERS["byte_fallback_prefixed"](), name="llama")
    ids, mask = padded((7, 4, 6, 5), model.pad)
    before = model.last(ids, mask).detach()
    learning = learn(model, "lora", rank=4, dropout=0.1)
    assert {one.dtype for _, one in learning.parameters()} == {torch.float32}
    vectors = pooled(model.hidden(ids, mask, [2])[2], mask.bool())
    with learning.dropping(1):
        states = model.last(ids, mask)
        losses = [
            contrast(vectors[:2], vectors[2:]).loss,
            answer_loss(model.logits, states, ids, mask.bool() & (torch.arange(7) > 1))[0],
            kept_nats(model.logits, before[mask.bool()], states[mask.bool()]),
        ]
        assert {loss.dtype for loss in losses} == {torch.float32}
        sum(losses).backward()
    assert all(bool(one.grad.isfinite().all()) for _, one in learning.parameters())
    assert {one.dtype for one in learning.merged().parameters()} == {torch.bfloat16}


def test_without_a_copy_the_model_before_cannot_be_had():
    learning = learn(tiny(), "full", keep=False)
    with pytest.raises(LearningError, match="no copy"), learning.before():
        pass


@pytest.mark.parametrize("how", ["lora:3", "blocks:0-2", "blocks:3-9", "blocks:3-2", "everything", ""])
def test_other_ways_to_learn_are_refused(how):
    with pytest.raises(UsageError, match="train"):
        learn(tiny(), how)


def test_embeddings_alone_take_no_adapter():
    with pytest.raises(ModelError, match="no linear maps"):
        learn(tiny(), "lora", upto=0)
    assert [name for name, _ in learn(tiny(), "full", upto=0).parameters()] == ["model.embed_tokens.weight"]


def test_without_peft_the_remedy_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(LearningError, match=r"concept-align\[tune\]"):
        learn(tiny(), "lora")
    assert learn(tiny(), "full").parameters()
