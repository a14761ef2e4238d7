"""Chunks change memory, not gradients."""

import pytest
import torch
from tiny_tunables import padded, tiny_tunable

from concept_align.errors import UsageError
from concept_align.tuning.adapters import learn
from concept_align.tuning.cached import in_chunks
from concept_align.tuning.contrast import contrast
from concept_align.tuning.pooling import pooled

LENGTHS = (9, 4, 7, 5, 8, 3, 6)


@pytest.mark.parametrize("how", ["lora", "full"])
@pytest.mark.parametrize("chunk", [1, 3, 6, 100])
def test_loss_and_gradient_are_those_of_the_whole_batch(how, chunk):
    model = tiny_tunable(double=True)
    learning = learn(model, how, upto=3, rank=4)
    with torch.no_grad():
        for _, one in learning.parameters():
            one.add_(0.05 * torch.randn(one.shape, generator=torch.Generator().manual_seed(0)))
    calls: list[int] = []

    def encode(ids: torch.Tensor, mask: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
        calls.append(len(ids))
        return pooled(model.hidden(ids, mask, [3])[3], content)

    def gradients(chunk: int) -> tuple[float, list[torch.Tensor]]:
        model.module.zero_grad()
        sides = [padded(LENGTHS, model.pad, seed) for seed in (1, 2)]
        vectors = [in_chunks(encode, ids, mask, mask.bool(), chunk) for ids, mask in sides]
        loss = contrast(*vectors, temperature=0.3).loss
        loss.backward()
        return loss.item(), [one.grad.clone() for _, one in learning.parameters()]

    expected = gradients(len(LENGTHS))
    calls.clear()
    found = gradients(chunk)
    assert max(calls) <= chunk
    assert found[0] == pytest.approx(expected[0], abs=1e-12)
    for mine, other in zip(found[1], expected[1], strict=True):
        torch.testing.assert_close(mine, other, atol=1e-9, rtol=1e-9)


def test_dropout_is_the_same_when_a_chunk_is_run_again():
    model = tiny_tunable(double=True)
    learning = learn(model, "lora", upto=3, rank=4, dropout=0.5)
    with torch.no_grad():
        for _, one in learning.parameters():
            one.add_(0.05)
    seen: list[torch.Tensor] = []

    def encode(ids: torch.Tensor, mask: torch.Tensor, content: torch.Tensor) -> torch.Tensor:
        states = model.hidden(ids, mask, [2])[2]
        seen.append(states.detach())
        return pooled(states, content)

    ids, mask = padded((5, 5, 5, 5), model.pad)
    with learning.dropping(3):
        in_chunks(encode, ids, mask, mask.bool(), 2).sum().backward()
    first, again = seen[:2], seen[2:]
    assert len(again) == 2
    assert all(any(torch.equal(one, other) for other in first) for one in again)
    assert not torch.equal(*first)


def test_no_chunk_is_refused():
    ids, mask = padded((3, 2), 0)
    with pytest.raises(UsageError, match="chunk"):
        in_chunks(lambda i, m, c: i.float(), ids, mask, mask.bool(), 0)
