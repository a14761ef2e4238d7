"""Standardised vectors know neither their language's mean nor their channels' scales."""

import pytest
import torch

from concept_align.errors import LearningError
from concept_align.tuning.standard import Standard


def drawn(sentences: int = 40, dim: int = 6) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {
        language: torch.randn(sentences, dim, generator=generator, dtype=torch.float64) + shift
        for language, shift in (("de", 3.0), ("en", -1.0), ("tr", 0.5))
    }


def applied(vectors: dict[str, torch.Tensor]) -> torch.Tensor:
    standard = Standard.measured(vectors)
    return torch.cat([standard.applied(own, [name] * len(own)) for name, own in sorted(vectors.items())])


def test_each_language_has_mean_0_and_the_channels_variance_1_within_languages():
    found = applied(drawn()).reshape(3, 40, 6)
    torch.testing.assert_close(found.mean(1), torch.zeros(3, 6, dtype=torch.float64))
    torch.testing.assert_close(found.var(1).mean(0), torch.ones(6, dtype=torch.float64))


def test_scales_of_channels_and_shifts_of_languages_change_nothing():
    vectors = drawn()
    scales = torch.tensor([1e-3, 1.0, 600.0, 7.0, 0.2, 1e4], dtype=torch.float64)
    other = {name: own * scales + number for number, (name, own) in enumerate(vectors.items())}
    torch.testing.assert_close(applied(other), applied(vectors), atol=1e-9, rtol=1e-9)


def test_a_channel_that_does_not_vary_counts_for_nothing():
    vectors = {name: own.float() for name, own in drawn().items()}
    for own in vectors.values():
        own[:, 2] = 600.1
    found = applied(vectors)
    assert float(found[:, 2].abs().max()) < 1e-3


def test_an_unknown_language_is_freed_of_the_mean_of_means():
    vectors = drawn()
    standard = Standard.measured(vectors)
    text = vectors["en"] + 10
    mean = torch.stack([own.mean(0) for own in vectors.values()]).mean(0)
    torch.testing.assert_close(standard.applied(text, ["xx"] * 40), (text - mean) / standard.scale)


def test_languages_may_alternate_and_gradients_flow():
    vectors = drawn()
    standard = Standard.measured(vectors)
    mixed = torch.stack([vectors["tr"][0], vectors["de"][0], vectors["tr"][1]]).float().requires_grad_()
    found = standard.applied(mixed, ["tr", "de", "tr"])
    expected = standard.applied(vectors["tr"][:2], ["tr", "tr"])
    torch.testing.assert_close(found[[0, 2]], expected.float())
    found.sum().backward()
    torch.testing.assert_close(mixed.grad, (1 / standard.scale).float().expand(3, -1))


def test_its_tensors_are_the_whole_of_it():
    standard = Standard.measured(drawn())
    again = Standard.of_tensors(standard.tensors())
    assert sorted(again.means) == ["de", "en", "tr"]
    vectors = drawn()["de"]
    assert torch.equal(again.applied(vectors, ["de"] * 40), standard.applied(vectors, ["de"] * 40))


def test_too_few_sentences_and_other_tensors_are_refused():
    with pytest.raises(LearningError, match="too few"):
        Standard.measured({"de": torch.ones(1, 3)})
    with pytest.raises(LearningError, match="too few"):
        Standard.measured({})
    with pytest.raises(LearningError, match="no means"):
        Standard.of_tensors({"scale": torch.ones(3)})
