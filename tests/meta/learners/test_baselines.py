"""The baselines: procrustes, ridge, target-only and oracle."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from concept_align.meta.episodes import Pool
from concept_align.meta.learners import registry
from concept_align.meta.learners.source_probe import (
    ProcrustesAligner,
    RidgeAligner,
    _blocks,
    _spectrum,
    left_out,
    similarity,
)
from concept_align.meta.learners.target import (
    Oracle,
    OracleAligner,
    TargetOnly,
    TargetOnlyAligner,
    log_frequencies,
)
from concept_align.meta.solvers import fit_logistic, ridge
from concept_align.spaces.features import Features

CONCEPTS = ("a", "b", "c", "d", "e", "f")


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def turn(rank, seed=0):
    return torch.linalg.qr(draw(rank, rank, seed=seed)).Q


def words(x, y, length=4):
    """Features in sentences of ``length`` words."""
    offsets = np.append(np.arange(0, len(y), length), len(y)).astype(np.int64)
    return Features("zz", CONCEPTS, x.float(), y, offsets)


def some(features, sentences, seed=0):
    drawn = Pool(features).draw(np.random.default_rng(seed), shots=sentences, queries=0, smoothing=False)
    return features.of_sentences(drawn.support)


@pytest.mark.parametrize(("concepts", "rank"), [(8, 3), (3, 8)])  # all of the space, and a part of it
def test_procrustes_undoes_a_planted_rotation_exactly(concepts, rank):
    goals, weights = draw(concepts, rank), draw(concepts, seed=2).abs() * 100
    points = (goals - 3) @ turn(rank) / 0.7
    scale, rotation, shift = similarity(points, goals, weights)
    torch.testing.assert_close(scale * points @ rotation.T + shift, goals)
    assert float(scale) == pytest.approx(0.7)


def test_procrustes_of_concepts_in_place_is_the_identity_also_beside_them():
    goals = draw(3, 8)
    scale, rotation, shift = similarity(goals, goals, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(scale * rotation, torch.eye(8, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(shift, torch.zeros(8, dtype=torch.float64), atol=1e-6, rtol=0)


def test_procrustes_of_one_concept_moves_and_does_nothing_else():
    points, goals = draw(4, 3), draw(4, 3, seed=1)
    weights = torch.tensor([0.0, 7.0, 0.0, 0.0], dtype=torch.float64)
    scale, rotation, shift = similarity(points, goals, weights)
    assert float(scale) == 1
    torch.testing.assert_close(rotation, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(shift, goals[1] - points[1])


def test_procrustes_reads_a_turned_language_as_the_source():
    """Words at their prototypes, in a language that lies elsewhere: each comes home."""
    prototypes, projection = draw(6, 8).float(), torch.eye(8)
    aligner = ProcrustesAligner(projection, prototypes, torch.ones(6, dtype=torch.bool))
    y = torch.arange(6).repeat(4)
    x = (2 * prototypes.double() @ turn(8) + 5)[y]
    assert not torch.equal(aligner.adapt().codes(x), y)
    assert torch.equal(aligner.adapt(words(x, y)).codes(x), y)


def test_support_of_other_concepts_alone_leaves_the_source_probe(fitted, apart):
    test, valid = apart.load("zz", "test"), torch.tensor([True, True, False, True, True, True])
    support = words(test.x[test.y == 2], test.y[test.y == 2])
    for name in ("procrustes", "ridge", "target-only"):
        aligner = fitted(name, apart)
        assert torch.equal(
            aligner.adapt(support, valid=valid).scores(test.x), aligner.adapt(valid=valid).scores(test.x)
        )


@pytest.mark.parametrize("name", ["procrustes", "ridge"])
def test_without_support_the_maps_are_the_source_probe(name, fitted, shared):
    aligner, probe = fitted(name, shared), fitted("source-probe", shared)
    x = shared.load("zz", "test").x
    torch.testing.assert_close(aligner.adapt().scores(x), probe.adapt().scores(x))


@pytest.mark.parametrize("name", ["procrustes", "ridge", "target-only"])
@pytest.mark.parametrize("count", [1, 2])
def test_a_word_or_two_are_enough_to_go_on(name, count, fitted, shared):
    test = shared.load("zz", "test")
    for label in (0, 5):
        same = torch.nonzero(test.y == label)[:count, 0]
        scores = fitted(name, shared).adapt(words(test.x[same], test.y[same])).scores(test.x)
        assert bool(scores.isfinite().all())


def test_one_word_says_nothing_to_ridge(fitted, shared):
    test = shared.load("zz", "test")
    aligner = fitted("ridge", shared)
    assert torch.equal(
        aligner.adapt(words(test.x[:1], test.y[:1])).scores(test.x), aligner.adapt().scores(test.x)
    )


@pytest.mark.parametrize("dim", [5, 30])  # fewer and more features than words
def test_leaving_out_a_sentence_is_fitting_without_it(dim):
    u, targets = draw(14, dim), draw(14, 3, seed=1)
    blocks = _blocks(np.repeat([0, 1, 4], [3, 6, 5]))
    assert [len(block) for block in blocks] == [3, 6, 5]
    found = left_out(_spectrum(u), targets, blocks, 0.4)
    for block in blocks:
        rest = torch.ones(14, dtype=torch.bool)
        rest[block] = False
        weights = ridge(u[rest], targets[rest], torch.tensor(0.4, dtype=torch.float64))
        torch.testing.assert_close(found[block], u[block] @ weights)


def test_words_of_one_sentence_are_left_out_one_by_one():
    assert [block.tolist() for block in _blocks(np.array([3, 3, 3]))] == [[0], [1], [2]]


def test_ridge_undoes_a_planted_linear_map():
    generator = torch.Generator().manual_seed(0)
    prototypes = torch.randn(6, 5, generator=generator) * 2
    aligner = RidgeAligner(torch.eye(5), prototypes, torch.ones(6, dtype=torch.bool))
    y = torch.randint(0, 6, (400,), generator=generator)
    home = prototypes[y] + 0.2 * torch.randn(400, 5, generator=generator)
    x = home @ torch.randn(5, 5, generator=generator) + 1
    features = words(x, y)
    before = float((aligner.adapt().codes(x) == y).double().mean())
    after = float((aligner.adapt(some(features, 30)).codes(x) == y).double().mean())
    assert before < 0.6
    assert after > 0.95


def test_ridge_leaves_the_source_probe_where_labels_are_noise(fitted, shared):
    """Words that fit the probe as well as can be, with random labels in the support: endless r is chosen."""
    train, test = shared.load("zz", "train"), shared.load("zz", "test")
    support = some(train, 20)
    drawn = torch.randint(0, 6, (support.words,), generator=torch.Generator().manual_seed(0))
    noise = dataclasses.replace(support, y=drawn)
    aligner = fitted("ridge", shared)
    changed = (aligner.adapt(noise).codes(test.x) != aligner.adapt().codes(test.x)).double().mean()
    true = (aligner.adapt(support).codes(test.x) == test.y).double().mean()
    assert float(true) > 0.93
    assert float(changed) < 0.9  # there is less to learn from noise than to forget


def test_logistic_regression_is_at_its_optimum():
    x, y = draw(60, 4).float(), torch.randint(0, 3, (60,), generator=torch.Generator().manual_seed(1))
    offset = torch.tensor([0.0, -1.0, 0.5])
    weights = fit_logistic(x, y, offset, strength=2.0, iterations=500)
    u = torch.cat([x, torch.ones(60, 1)], dim=1)
    truth = torch.nn.functional.one_hot(y, 3).float()
    gradient = u.T @ ((u @ weights + offset).softmax(1) - truth) + 2.0 * weights
    assert float(gradient.abs().max()) < 5e-3


def test_logistic_regression_without_words_is_its_start():
    none = fit_logistic(torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), torch.zeros(3), strength=1.0)
    assert torch.equal(none, torch.zeros(5, 3))


def test_logistic_regression_never_moves_weight_to_invalid_concepts():
    x, y = draw(20, 4).float(), torch.tensor([0, 2] * 10)
    weights = fit_logistic(x, y, torch.tensor([0.0, -math.inf, 0.0]), strength=1.0)
    assert bool(weights.isfinite().all())
    assert bool((weights[:, 1] == 0).all())


@pytest.mark.parametrize("name", ["target-only", "oracle"])
def test_without_a_word_of_the_language_the_sources_frequencies_are_predicted(name, fitted, shared):
    source, x = shared.load("en", "train"), shared.load("zz", "test").x
    classifier = fitted(name, shared).adapt()
    torch.testing.assert_close(classifier.scores(x), log_frequencies(source).expand(len(x), -1))
    assert bool((classifier.codes(x) == int(source.counts().argmax())).all())


def test_target_only_knows_nothing_of_other_languages(fitted, shared, apart):
    """Fitted on other words with the same strength and frequencies, it says the same."""
    support, x = some(shared.load("zz", "train"), 10), shared.load("zz", "test").x
    first = fitted("target-only", shared)
    frequencies = log_frequencies(shared.load("en", "train"))
    second = TargetOnlyAligner(TargetOnly(), frequencies, first.strength)
    assert torch.equal(first.adapt(support).scores(x), second.adapt(support).scores(x))


def test_target_only_grows_with_the_support(fitted, apart, accuracy):
    aligner = fitted("target-only", apart)
    found = [accuracy(aligner, apart, shots) for shots in (0, 1, 5, 50)]
    assert found == sorted(found)


def test_target_only_takes_the_strength_best_on_the_validation_languages(shared):
    options = {"strengths": [1e6, 1.0], "validation_shots": [10]}
    assert registry.create("target-only", options=options).fit(shared, seed=0).strength == 1.0


def test_the_oracle_wants_everything_and_others_a_support_set():
    assert OracleAligner.wants == "everything"
    assert TargetOnlyAligner.wants == ProcrustesAligner.wants == RidgeAligner.wants == "support"


@pytest.mark.parametrize("strength", [None, 10.0])
def test_the_oracle_learns_a_language_from_all_its_words(strength, apart):
    train, test = apart.load("zz", "train"), apart.load("zz", "test")
    aligner = OracleAligner(Oracle(hidden=32, least_steps=200), log_frequencies(train), strength)
    right = float((aligner.adapt(train).codes(test.x) == test.y).double().mean())
    assert right > 0.97


def test_the_oracles_hidden_layer_depends_on_the_seed_alone(shared):
    train, x = shared.load("zz", "train"), shared.load("zz", "test").x
    aligner = OracleAligner(Oracle(hidden=16, least_steps=10), log_frequencies(train), None)
    first = aligner.adapt(train, seed=1).scores(x)
    torch.manual_seed(7)
    assert torch.equal(first, aligner.adapt(train, seed=1).scores(x))
    assert not torch.equal(first, aligner.adapt(train, seed=2).scores(x))


def test_the_oracle_takes_the_family_that_is_better_on_the_validation_languages(shared):
    bad = {"hidden": 4, "epochs": 1, "least_steps": 1, "lr": 1e-9, "strengths": [10.0], "chooses_on": 1}
    assert registry.create("oracle", options=bad).fit(shared, seed=0).strength == 10.0
    good = {"hidden": 32, "least_steps": 200, "strengths": [1e9], "chooses_on": 1}
    assert registry.create("oracle", options=good).fit(shared, seed=0).strength is None
