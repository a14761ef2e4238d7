"""Answers are learned, prompts are not; distributions are computed where they are asked for."""

import pytest
import torch
from tiny_tunables import padded, tiny_tunable

from concept_align.errors import LearningError
from concept_align.models.heads import READ
from concept_align.tuning import by_parts
from concept_align.tuning.answers import answer_loss


def marked(mask: torch.Tensor, prompts: tuple[int, ...]) -> torch.Tensor:
    """True after each row's prompt, up to its end."""
    return (torch.arange(mask.shape[1])[None] >= torch.tensor(prompts)[:, None]) & mask.bool()


def test_it_is_the_loss_of_full_logits_at_answer_places_and_so_is_its_gradient():
    model = tiny_tunable(double=True)
    ids, mask = padded((9, 6, 8), model.pad)
    answer = marked(mask, (4, 3, 7))
    loss, count = answer_loss(model.logits, model.last(ids, mask), ids, answer)
    loss.backward()
    own = {name: one.grad.clone() for name, one in model.module.named_parameters()}
    model.module.zero_grad()
    full = model.module(input_ids=ids, attention_mask=mask).logits.log_softmax(2)
    said = full[:, :-1].gather(2, ids[:, 1:, None])[..., 0]
    whole = -said[answer[:, 1:]].sum()
    whole.backward()
    assert count == int(answer.sum()) == 5 + 3 + 1
    torch.testing.assert_close(loss, whole, atol=1e-9, rtol=1e-9)
    for name, one in model.module.named_parameters():
        torch.testing.assert_close(own[name], one.grad, atol=1e-9, rtol=1e-9)


def test_tokens_after_the_answer_and_what_prompts_would_say_change_nothing():
    model = tiny_tunable()
    ids, mask = padded((9, 6), model.pad)
    answer = marked(mask, (4, 3))
    states = model.last(ids, mask)
    expected, _ = answer_loss(model.logits, states, ids, answer)
    other = torch.where(answer, ids, (ids + 17) % 300)  # the labels alone: the states are as before
    torch.testing.assert_close(answer_loss(model.logits, states, other, answer)[0], expected, atol=0, rtol=0)


@pytest.mark.parametrize("kept", [0, by_parts.KEPT], ids=["read again", "kept"])
def test_many_places_are_read_in_parts_and_never_all_at_once(kept, monkeypatch):
    monkeypatch.setattr(by_parts, "KEPT", kept)
    width, vocabulary, places = 4, 11, 2 * READ + 30
    generator = torch.Generator().manual_seed(0)
    head = torch.randn(vocabulary, width, generator=generator)
    seen: list[int] = []

    def logits_of(states: torch.Tensor) -> torch.Tensor:
        seen.append(len(states))
        return states @ head.T

    states = torch.randn(1, places + 1, width, generator=generator, requires_grad=True)
    ids = torch.randint(vocabulary, (1, places + 1), generator=generator)
    answer = torch.ones(1, places + 1, dtype=torch.bool)
    answer[:, 0] = False
    loss, count = answer_loss(logits_of, states, ids, answer)
    loss.backward()
    assert seen == [READ, READ, 30] + [30, READ] * (kept == 0)  # the first part tells how large all are
    assert count == places
    full = torch.nn.functional.cross_entropy(states[0, :-1] @ head.T, ids[0, 1:], reduction="sum")
    torch.testing.assert_close(loss, full, atol=1e-3, rtol=1e-5)
    (expected,) = torch.autograd.grad(full, states)
    torch.testing.assert_close(states.grad, expected, atol=1e-5, rtol=1e-4)


def test_no_answer_is_no_loss_and_a_first_token_is_no_answer():
    model = tiny_tunable()
    ids, mask = padded((5, 4), model.pad)
    nothing = torch.zeros_like(ids, dtype=torch.bool)
    loss, count = answer_loss(model.logits, model.last(ids, mask), ids, nothing)
    assert (loss.item(), count) == (0.0, 0)
    with pytest.raises(LearningError, match="nothing is before it"):
        answer_loss(model.logits, model.last(ids, mask), ids, ~nothing)
