"""One number that makes probabilities honest and changes no prediction."""

import math

import pytest
import torch

from concept_align.meta.learners.self_train import TEMPERATURES, temperature


def drawn(seed, words, sharpness=1.0, concepts=5):
    """Log-probabilities, and labels that are drawn from them after a scaling by ``sharpness``."""
    generator = torch.Generator().manual_seed(seed)
    scores = (2 * torch.randn(words, concepts, generator=generator)).log_softmax(1)
    labels = torch.multinomial((scores * sharpness).softmax(1), 1, generator=generator).squeeze(1)
    return scores, labels


@pytest.mark.parametrize("truth", [0.3, 1.0, 4.0])
def test_the_temperature_that_labels_were_drawn_at_is_found(truth):
    scores, labels = drawn(0, 40_000, 1 / truth)
    assert temperature([scores], [labels]) == pytest.approx(truth, rel=0.05)


def test_a_language_counts_once_however_many_words_it_has():
    one, other = drawn(0, 20_000, 2.0), drawn(1, 500, 0.5)
    many = tuple(part.repeat(8, *[1] * (part.dim() - 1)) for part in one)
    alone = temperature([one[0], other[0]], [one[1], other[1]])
    repeated = temperature([many[0], other[0]], [many[1], other[1]])
    assert repeated == pytest.approx(alone, rel=1e-4)


def test_the_mean_loss_is_least_at_the_temperature():
    scores, labels = drawn(2, 2_000, 1.7)
    best = temperature([scores], [labels])

    def loss(t):
        return float(torch.nn.functional.cross_entropy(scores.double() / t, labels))

    assert all(loss(best) <= loss(best * factor) for factor in (0.9, 0.99, 1.01, 1.1))


def test_words_whose_concept_is_never_predicted_are_passed_over():
    scores, labels = drawn(3, 2_000, 2.0)
    barred = torch.cat([scores, torch.full((len(scores), 1), -torch.inf)], 1)
    wrong = labels.clone()
    wrong[:100] = 5
    expected = temperature([scores[100:]], [labels[100:]])
    assert temperature([barred], [wrong]) == pytest.approx(expected, rel=1e-4)
    assert temperature([barred], [torch.full_like(labels, 5)]) == 1.0
    assert temperature([], []) == 1.0


def test_labels_that_are_always_right_or_have_nothing_to_do_with_scores_lead_to_the_bounds():
    scores, _ = drawn(4, 2_000)
    sure = temperature([scores], [scores.argmax(1)])
    none = temperature([scores], [torch.arange(2_000) % 5])
    assert math.isclose(sure, TEMPERATURES[0], rel_tol=0.05)
    assert none > 5
