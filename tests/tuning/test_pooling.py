"""A sentence's vector is made of its own tokens, whatever else is in the batch."""

import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.tuning.pooling import SENTENCE_POOLINGS, pooled


def test_the_three_ways_by_hand():
    states = torch.tensor([[[100.0], [1.0], [4.0], [7.0], [50.0]]])  # start, three tokens, end
    content = torch.tensor([[False, True, True, True, False]])
    assert [pooled(states, content, how).item() for how in SENTENCE_POOLINGS] == [4.0, 7.0, 5.0]


@pytest.mark.parametrize("how", SENTENCE_POOLINGS)
def test_padding_on_either_side_and_other_rows_change_nothing(how):
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(1, 5, 8, generator=generator)
    alone = pooled(own, torch.ones(1, 5, dtype=torch.bool), how)
    for left in (0, 2):
        states = torch.randn(3, 9, 8, generator=generator)
        content = torch.ones(3, 9, dtype=torch.bool)
        states[1, left : left + 5], content[1] = own[0], False
        content[1, left : left + 5] = True
        torch.testing.assert_close(pooled(states, content, how)[1:2], alone)


def test_sums_are_in_float32_at_least():
    content = torch.ones(2, 3, dtype=torch.bool)
    assert pooled(torch.ones(2, 3, 4, dtype=torch.bfloat16), content).dtype == torch.float32
    assert pooled(torch.ones(2, 3, 4, dtype=torch.float64), content).dtype == torch.float64


def test_no_token_and_no_such_pooling_are_refused():
    states, content = torch.ones(2, 3, 4), torch.tensor([[True, True, False], [False, False, False]])
    with pytest.raises(LearningError, match="row 1"):
        pooled(states, content)
    with pytest.raises(UsageError, match="pooling"):
        pooled(states, content, "first")  # type: ignore[arg-type]
