from dataclasses import replace

import numpy as np
import pytest
import torch

from concept_align.errors import LearningError, StoreError, UsageError
from concept_align.spaces.classify import NearestPrototype
from concept_align.spaces.features import Features
from concept_align.spaces.probe import Probe, ProbeConfig, fit_probe, loss_and_gradient, probe_config
from concept_align.spaces.prototypes import fit_prototypes
from concept_align.spaces.standardise import StandardiserFitter

QUICK = ProbeConfig(rank=4, epochs=6, lr=1e-2)


def accuracy(classifier, features):
    return float((classifier.predict(features.x) == features.y).double().mean())


def problem(seed=0):
    draws = torch.Generator().manual_seed(seed)
    x, b, c = (torch.randn(*s, generator=draws, dtype=torch.float64) for s in ((30, 7), (7, 3), (5, 7)))
    valid = torch.tensor([True, True, False, True, True])
    c[2] = 0
    y = torch.tensor([0, 1, 3, 4])[torch.randint(0, 4, (30,), generator=draws)]
    return x, y, 0.3 * b, c, valid


def published_loss(b, x, y, c, valid):
    distances = (x @ b)[:, None] - (c @ b)[None]
    return torch.nn.functional.cross_entropy(-distances.square().sum(-1).masked_fill(~valid, torch.inf), y)


def test_the_gradient_is_that_of_autograd_through_both_terms():
    x, y, b, c, valid = problem()
    moving = b.clone().requires_grad_()
    loss = published_loss(moving, x, y, c, valid)
    loss.backward()
    ours, gradient = loss_and_gradient(b, x, y, c, valid)
    assert abs(float(ours - loss.detach())) < 1e-12
    assert (gradient - moving.grad).abs().max() < 1e-10 * moving.grad.abs().max()


def test_the_loss_does_not_depend_on_the_origin_of_the_states():
    x, y, b, c, valid = problem()
    loss, gradient = loss_and_gradient(b, x, y, c, valid)
    shift = torch.arange(7, dtype=torch.float64)
    moved = torch.where(valid[:, None], c - shift, torch.zeros(()).double())
    other, other_gradient = loss_and_gradient(b, x - shift, y, moved, valid)
    assert torch.allclose(loss, other) and torch.allclose(gradient, other_gradient)


def test_the_published_settings_are_the_default():
    for relational, rank in ((False, 32), (True, 64)):
        config = probe_config(relational=relational)
        assert (config.preset, config.rank, config.epochs, config.batch_sentences) == (
            "faithful",
            rank,
            20,
            8,
        )
        assert (config.lr, config.weight_decay, config.schedule) == (1e-4, 1e-6, "cosine")
        assert (config.beta1, config.beta2, config.init) == (0.9, 0.999, 0.05)
    with pytest.raises(UsageError, match="slow"):
        probe_config("slow")
    with pytest.raises(UsageError):
        probe_config(epochs=0)


def test_planted_concepts_are_found(tools):
    train, centres = tools.planted(0, sents=200)
    test, _ = tools.planted(1, sents=100, centres=centres)
    probe = fit_probe(train, None, QUICK, seed=0)
    assert accuracy(probe, test) > 0.97
    assert accuracy(NearestPrototype.of(fit_prototypes(train.x, train.y, train.concepts)), test) > 0.97


def test_a_probe_sees_through_noise_that_drowns_raw_prototypes(tools):
    noise = torch.ones(12)
    noise[:4] = 40.0  # four loud dimensions that say nothing
    train, centres = tools.planted(0, sents=300, noise=noise)
    centres[:, :4] = 0
    train, _ = tools.planted(0, sents=300, noise=noise, centres=centres)
    test, _ = tools.planted(1, sents=150, noise=noise, centres=centres)
    raw = NearestPrototype.of(fit_prototypes(train.x, train.y, train.concepts))
    probe = fit_probe(train, None, replace(QUICK, epochs=20), seed=0)
    assert accuracy(raw, test) < 0.5
    assert accuracy(probe, test) > 0.9


def test_permuted_labels_leave_nothing_to_find(tools):
    train, centres = tools.planted(0, sents=300)
    test, _ = tools.planted(1, sents=300, centres=centres)
    # Few planted clusters: were the test's labels not permuted as well, one lucky cluster would decide.
    null = [
        Features("en", f.concepts, f.x, f.y[torch.randperm(f.words, generator=draws)], f.offsets)
        for draws in [torch.Generator().manual_seed(0)]
        for f in (train, test)
    ]
    majority = float(null[1].counts().max() / test.words)
    assert accuracy(fit_probe(null[0], None, QUICK, seed=0), null[1]) < majority + 0.03


def test_a_rotated_language_is_classified_as_well(tools):
    train, centres = tools.planted(0, sents=200, noise=2.0)
    test, _ = tools.planted(1, sents=200, centres=centres, noise=2.0)
    q, _ = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(1)))
    plain = accuracy(fit_probe(train, None, QUICK, seed=0), test)
    turned = [Features("en", f.concepts, f.x @ q, f.y, f.offsets) for f in (train, test)]
    assert abs(accuracy(fit_probe(turned[0], None, QUICK, seed=0), turned[1]) - plain) < 0.015


def test_a_common_offset_changes_nothing(tools):
    train, centres = tools.planted(0, sents=100)
    test, _ = tools.planted(1, sents=100, centres=centres)
    plain = fit_probe(train, None, QUICK, seed=0)
    shifted = [Features("en", f.concepts, f.x + 500, f.y, f.offsets) for f in (train, test)]
    moved = fit_probe(shifted[0], None, QUICK, seed=0)
    assert torch.allclose(moved.projection, plain.projection, atol=1e-3)
    assert abs(accuracy(moved, shifted[1]) - accuracy(plain, test)) < 0.005


def test_the_same_seed_gives_the_same_probe_and_another_seed_another(tools):
    train, _ = tools.planted(0)
    one, two, other = (fit_probe(train, train, QUICK, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.projection, two.projection) and one.dev_accuracy == two.dev_accuracy
    assert not torch.equal(one.projection, other.projection)


def test_the_best_development_epoch_is_kept(tools):
    train, centres = tools.planted(0, noise=4.0)
    dev, _ = tools.planted(1, centres=centres, noise=4.0)
    probe = fit_probe(train, dev, replace(QUICK, epochs=12, lr=0.1), seed=0)
    assert len(probe.dev_accuracy) == 12
    assert probe.dev_accuracy[probe.epoch - 1] == max(probe.dev_accuracy) == accuracy(probe, dev)
    assert probe.epoch == 1 + int(np.argmax(probe.dev_accuracy))


def test_without_development_words_the_last_epoch_is_kept(tools):
    train, _ = tools.planted(0)
    empty = train.of_sentences(np.zeros(0, np.int64))
    for dev in (None, empty):
        probe = fit_probe(train, dev, QUICK, seed=0)
        assert probe.epoch == QUICK.epochs and probe.dev_accuracy == ()


def test_the_space_holds_the_projected_prototypes(tools):
    train, _ = tools.planted(0)
    probe = fit_probe(train, None, QUICK, seed=0)
    raw = fit_prototypes(train.x, train.y, train.concepts)
    assert torch.allclose(probe.space.prototypes, raw.prototypes @ probe.projection)
    assert probe.space.dim == 4 and torch.equal(probe.space.counts, train.counts())


def test_scores_are_log_probabilities_by_distance_in_the_space(tools):
    train, _ = tools.planted(0)
    probe = fit_probe(train, None, QUICK, seed=0)
    expected = torch.log_softmax(-torch.cdist(probe.project(train.x), probe.space.prototypes).square(), 1)
    assert torch.allclose(probe.scores(train.x), expected, atol=1e-3)
    assert torch.equal(probe.scores(train.x).argmax(1), probe.predict(train.x))


def test_concepts_without_enough_words_are_never_predicted(tools):
    train, _ = tools.planted(0, concepts=5)
    kept = (train.y != 2).nonzero()[:, 0]
    rare = torch.cat([kept, (train.y == 2).nonzero()[:3, 0]]).sort().values
    for rows, least in ((kept, 1), (rare, 4)):
        offsets = np.searchsorted(rows.numpy(), train.offsets).astype(np.int64)
        some = Features("en", train.concepts, train.x[rows], train.y[rows], offsets)
        probe = fit_probe(some, train, replace(QUICK, min_count=least), seed=0)
        assert probe.valid.tolist() == [True, True, False, True, True]
        assert 2 not in probe.predict(train.x)
        assert (probe.scores(train.x)[:, 2] == -torch.inf).all()
        assert probe.dev_accuracy[-1] < 0.9  # the words of the absent concept are errors


def test_sentences_without_items_are_passed_over(tools):
    train, _ = tools.planted(0, sents=20)
    offsets = np.repeat(train.offsets, 12)  # eleven empty sentences after each: whole batches are empty
    probe = fit_probe(Features("en", train.concepts, train.x, train.y, offsets), None, QUICK, seed=0)
    assert probe.projection.isfinite().all() and accuracy(probe, train) > 0.9


def test_nothing_to_learn_from_is_an_error(tools):
    train, _ = tools.planted(0)
    with pytest.raises(LearningError):
        fit_probe(train.of_sentences(np.zeros(0, np.int64)), None, QUICK, seed=0)


def test_states_that_are_not_finite_are_an_error_and_not_a_probe(tools):
    train, _ = tools.planted(0)
    train.x[5] = torch.inf
    with pytest.raises(LearningError, match="diverged"):
        fit_probe(train, None, QUICK, seed=0)


def test_training_leaves_the_features_as_they_were(tools):
    train, _ = tools.planted(0)
    before = train.x.clone()
    fit_probe(train, train, QUICK, seed=0)
    assert torch.equal(train.x, before)


def test_a_saved_probe_is_read_back_as_it_was(tools, tmp_path):
    train, _ = tools.planted(0)
    standardiser = StandardiserFitter(12).update(train.x).finish({"languages": ["en"]})
    probe = fit_probe(train, train, QUICK, seed=5, standardiser=standardiser, provenance={"layer": 7})
    probe.save(tmp_path)
    back = Probe.load(tmp_path)
    assert torch.equal(back.scores(train.x), probe.scores(train.x))
    assert (back.config, back.seed, back.epoch) == (probe.config, 5, probe.epoch)
    assert back.dev_accuracy == probe.dev_accuracy and back.provenance == {"layer": 7}
    assert torch.equal(back.standardiser.scale, standardiser.scale)
    assert back.standardiser.provenance == {"languages": ["en"]}
    with pytest.raises(StoreError):
        Probe.load(tmp_path / "elsewhere")
