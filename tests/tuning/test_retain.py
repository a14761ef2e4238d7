"""What a model says is compared with what it said before, at the tokens asked for."""

import numpy as np
import pytest
import torch
from tiny_tunables import padded, tiny_tunable

from concept_align.models.heads import READ
from concept_align.tuning.adapters import learn
from concept_align.tuning.retain import kept_nats, masked


@pytest.mark.parametrize("how", ["lora", "full", "blocks:1-2"])
def test_before_anything_is_learned_loss_and_gradient_are_0(how):
    model = tiny_tunable(double=True)
    learning = learn(model, how, rank=4)
    ids, mask = padded((8, 5), model.pad)
    with learning.before():
        before = model.last(ids, mask)[mask.bool()]
    loss = kept_nats(model.logits, before, model.last(ids, mask)[mask.bool()], within=learning.before)
    loss.backward()
    assert abs(loss.item()) < 1e-12
    grads = [one.grad.abs().max() for _, one in learning.parameters() if one.grad is not None]
    assert grads
    assert float(max(grads)) < 1e-10


@pytest.mark.parametrize("how", ["lora", "full"])
def test_after_learning_it_is_the_divergence_from_the_distribution_before(how):
    model = tiny_tunable(double=True)
    ids, mask = padded((8, 5), model.pad)
    chosen = mask.bool()
    was = model.module(input_ids=ids, attention_mask=mask).logits[chosen].log_softmax(1).detach()
    learning = learn(model, how, rank=4)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # the head and the embeddings too, where all learns
        for _, one in learning.parameters():
            one.add_(0.05 * torch.randn(one.shape, generator=generator, dtype=torch.float64))
    is_now = model.module(input_ids=ids, attention_mask=mask).logits[chosen].log_softmax(1)
    expected = (was.exp() * (was - is_now)).sum()
    expected.backward()
    grads = {name: one.grad.clone() for name, one in learning.parameters()}
    model.module.zero_grad()
    with learning.before():
        before = model.last(ids, mask)[chosen]
    found = kept_nats(model.logits, before, model.last(ids, mask)[chosen], within=learning.before)
    found.backward()
    assert found.item() > 1e-2
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=1e-9)
    for name, one in learning.parameters():
        torch.testing.assert_close(one.grad, grads[name], atol=1e-9, rtol=1e-9)


def test_parts_add_up_and_nothing_larger_is_read():
    generator = torch.Generator().manual_seed(0)
    head = torch.randn(13, 4, generator=generator)
    seen: list[int] = []

    def logits_of(states: torch.Tensor) -> torch.Tensor:
        seen.append(len(states))
        return states @ head.T

    before, after = torch.randn(2, READ + 9, 4, generator=generator)
    whole = torch.nn.functional.kl_div(
        (after @ head.T).log_softmax(1), (before @ head.T).softmax(1), reduction="sum"
    )
    torch.testing.assert_close(kept_nats(logits_of, before, after), whole, atol=1e-3, rtol=1e-5)
    assert max(seen) == READ
    assert kept_nats(logits_of, before[:0], after[:0]).item() == 0.0


def test_masks_fall_on_content_at_the_rate_asked_for_and_once_in_each_row_at_least():
    ids = torch.arange(40 * 60).reshape(40, 60) + 10
    content = torch.ones(40, 60, dtype=torch.bool)
    content[:, 0] = content[:, -1] = False
    content[:3, 2:] = False  # rows of a single token
    found = masked(ids, content, 4, np.random.default_rng(0))
    hidden = found == 4
    assert not (hidden & ~content).any()
    assert bool(hidden.any(1).all())
    assert torch.equal(found[~hidden], ids[~hidden])
    assert 0.12 < hidden[3:].float().sum() / content[3:].sum() < 0.18
    assert torch.equal(found, masked(ids, content, 4, np.random.default_rng(0)))
