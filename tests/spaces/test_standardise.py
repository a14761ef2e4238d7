import numpy as np
import pytest
import torch

from concept_align.errors import LearningError
from concept_align.spaces.standardise import StandardiserFitter, fit_layers, shrunk, typical


@pytest.fixture
def rng():
    return np.random.default_rng(0)


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


def test_batches_equal_the_whole(states):
    whole = StandardiserFitter(5).update(states).finish()
    chunked = StandardiserFitter(5).update(states, chunk=13).finish()
    batches = StandardiserFitter(5).update(states[2::3]).update(states[::3]).update(states[1::3]).finish()
    for other in (chunked, batches):
        assert other.words == whole.words == 1000
        assert torch.allclose(other.mean, whole.mean, rtol=1e-6, atol=1e-9)
        assert torch.allclose(other.scale, whole.scale, rtol=1e-6)


def test_too_few_words_have_no_scale():
    with pytest.raises(LearningError, match="standardise be none"):
        StandardiserFitter(2).update(torch.zeros(1, 2)).finish()


def test_layers_side_by_side_have_each_their_own_mean_and_scale(rng):
    one, two = (torch.from_numpy(rng.normal(size=(50, 3)) * size) for size in (1, 100))
    both = fit_layers([[one[:20], one[20:]], [two]], {"languages": ["en"]})
    for place, states in enumerate((one, two)):
        own = StandardiserFitter(3).update(states).finish()
        torch.testing.assert_close(both.mean[3 * place : 3 * place + 3], own.mean)
        torch.testing.assert_close(both.scale[3 * place : 3 * place + 3], own.scale)
    assert both.words == 50


def test_what_is_expected_of_a_language_is_no_wider_for_means_that_differ(rng):
    states = torch.from_numpy(rng.normal(size=(400, 3)))
    parts = [StandardiserFitter(3).update(states + move).finish() for move in (-50, 0, 50)]
    expected = typical(parts, {})
    torch.testing.assert_close(expected.mean, parts[1].mean)
    torch.testing.assert_close(expected.scale, parts[1].scale)


def test_few_words_are_drawn_towards_the_expected_and_enough_are_not(rng):
    expected = StandardiserFitter(3).update(torch.from_numpy(rng.normal(size=(500, 3)))).finish()
    own = StandardiserFitter(3).update(torch.from_numpy(3 + 2 * rng.normal(size=(50, 3)))).finish()
    assert shrunk(own, expected, 50) is own
    half = shrunk(own, expected, 100)
    torch.testing.assert_close(half.mean, (own.mean + expected.mean) / 2)
    torch.testing.assert_close(half.scale.square(), (own.scale.square() + expected.scale.square()) / 2)
