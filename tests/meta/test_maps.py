import torch

from concept_align.class_sums import mean_by_class
from concept_align.meta import maps


def test_distance_logits_give_the_softmax_of_squared_distances():
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(20, 5, generator=generator, dtype=torch.float64)
    prototypes = torch.randn(7, 5, generator=generator, dtype=torch.float64)
    naive = -((points[:, None] - prototypes[None]) ** 2).sum(-1)
    ours = maps.distance_logits(points, prototypes)
    torch.testing.assert_close(ours.softmax(1), naive.softmax(1), rtol=1e-12, atol=1e-12)


def test_distances_do_not_change_when_points_and_prototypes_turn_together():
    generator = torch.Generator().manual_seed(1)
    points, prototypes = torch.randn(20, 4, generator=generator), torch.randn(6, 4, generator=generator)
    turn = torch.linalg.qr(torch.randn(4, 4, generator=generator)).Q
    before = maps.distance_logits(points, prototypes).softmax(1)
    after = maps.distance_logits(points @ turn, prototypes @ turn).softmax(1)
    torch.testing.assert_close(before, after, rtol=1e-4, atol=1e-5)


def test_class_means_are_means_and_absent_classes_are_zero():
    points = torch.tensor([[1.0, 0.0], [3.0, 2.0], [5.0, 5.0]])
    means, counts = mean_by_class(points, torch.tensor([0, 0, 2]), 4)
    assert counts.tolist() == [2, 0, 1, 0]
    assert means.tolist() == [[2.0, 1.0], [0.0, 0.0], [5.0, 5.0], [0.0, 0.0]]


def test_an_encoder_without_hidden_layer_is_linear():
    generator = torch.Generator().manual_seed(0)
    encoder = maps.Encoder(6, 3, hidden=0, dropout=0.5, generator=generator)
    a, b = torch.randn(4, 6, generator=generator), torch.randn(4, 6, generator=generator)
    torch.testing.assert_close(encoder(a) + encoder(b), encoder(a + b))


def test_a_concept_is_valid_with_enough_words_in_both_languages():
    valid = maps.valid_concepts(torch.tensor([10, 9, 50, 0]), torch.tensor([10, 50, 9, 0]), 10)
    assert valid.tolist() == [True, False, False, False]


def test_dropout_drops_single_numbers_at_its_rate_and_keeps_the_mean():
    dropout = maps.Dropout(0.33)
    out = dropout(torch.ones(2000, 100))
    assert abs(float((out == 0).float().mean()) - 0.33) < 0.005
    assert abs(float(out.mean()) - 1) < 0.01
    rows = (out == 0).float().mean(1)
    assert float(rows.max()) < 0.6  # no word is dropped whole


def test_dropout_draws_the_same_after_the_same_seed_and_nothing_in_evaluation():
    dropout, x = maps.Dropout(0.5), torch.ones(10, 10)
    dropout.reseed(4)
    first, second = dropout(x), dropout(x)
    dropout.reseed(4)
    assert torch.equal(dropout(x), first)
    assert not torch.equal(first, second)
    assert torch.equal(dropout.eval()(x), x)


def test_rounding_up_reaches_the_next_multiple():
    assert [maps.rounded_up(n, 64) for n in (0, 1, 64, 65)] == [0, 64, 64, 128]
