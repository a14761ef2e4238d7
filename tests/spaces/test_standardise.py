import pytest
import torch

from concept_align.errors import LearningError
from concept_align.spaces.standardise import StandardiserFitter


@pytest.fixture
def states():
    """Dimensions as unequal as those of real models: one is huge, one far off, one constant."""
    x = torch.randn(1000, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x *= torch.tensor([1.0, 1e3, 1.0, 0.0, 1e-2], dtype=torch.float64)
    return (x + torch.tensor([0.0, 0.0, 1e4, 7.0, 0.0], dtype=torch.float64)).float()


def test_standardised_states_have_zero_mean_and_unit_variance(states):
    found = StandardiserFitter(5).update(states).finish()
    x = found.states(states).double()
    assert x.mean(0).abs().max() < 1e-3
    assert torch.allclose(x.std(0, correction=0)[[0, 1, 2, 4]], torch.ones(4, dtype=torch.float64), rtol=1e-4)


def test_a_dimension_that_does_not_vary_is_not_blown_up(states):
    found = StandardiserFitter(5).update(states).finish()
    assert found.scale[3] == 1 and found.states(states)[:, 3].abs().max() < 1e-6


def test_batches_and_merged_parts_equal_the_whole(states):
    whole = StandardiserFitter(5).update(states).finish()
    chunked = StandardiserFitter(5).update(states, chunk=13).finish()
    parts = [StandardiserFitter(5).update(states[i::3]) for i in (2, 0, 1)]
    merged = StandardiserFitter(5).merge(parts[0]).merge(parts[1]).merge(parts[2]).finish()
    for other in (chunked, merged):
        assert other.words == whole.words == 1000
        assert torch.allclose(other.mean, whole.mean, rtol=1e-6, atol=1e-9)
        assert torch.allclose(other.scale, whole.scale, rtol=1e-6)


def test_differences_are_differences_of_standardised_states(states):
    found = StandardiserFitter(5).update(states).finish()
    expected = found.states(states[:500]) - found.states(states[500:])
    assert torch.allclose(found.differences(states[:500] - states[500:]), expected, atol=1e-3)


def test_too_few_words_have_no_scale():
    with pytest.raises(LearningError, match="--standardise none"):
        StandardiserFitter(2).update(torch.zeros(1, 2)).finish()
