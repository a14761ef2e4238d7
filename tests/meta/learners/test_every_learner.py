"""What is true of every learner."""

import dataclasses

import numpy as np
import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.meta.learners import registry
from concept_align.meta.learners.base import Aligner

# Learners that know something of a language before its first labelled word.
ZERO_SHOT = (
    "source-probe", "pooled", "proto", "shrink", "self-train", "tagger", "closed-form", "procrustes",
    "ridge", "maml", "fomaml", "anil", "meta-sgd", "reptile",
)  # fmt: skip
NAMES = (*ZERO_SHOT, "target-only", "oracle")
# Those that can follow a language anywhere, and not only so far as it is turned, scaled and moved.
FOLLOWS = tuple(name for name in NAMES if name != "procrustes")
FAITHFUL = ("source-probe", "proto", "procrustes", "ridge")  # with a preset of the published numbers
CHANCE = 0.30  # the most frequent class


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


@pytest.mark.parametrize("name", ZERO_SHOT)
def test_a_shared_space_is_found_zero_shot(name, fitted, shared, accuracy):
    assert accuracy(fitted(name, shared), shared) > 0.93


def test_shuffled_labels_teach_nothing(name, fitted, shuffled, accuracy):
    assert accuracy(fitted(name, shuffled), shuffled) < CHANCE + 0.06
    assert accuracy(fitted(name, shuffled), shuffled, 20) < CHANCE + 0.06


@pytest.mark.parametrize("name", FOLLOWS)
def test_support_helps_where_languages_lie_apart(name, fitted, apart, accuracy):
    aligner = fitted(name, apart)
    zero, few = accuracy(aligner, apart), accuracy(aligner, apart, 50)
    assert few > 0.93
    assert few >= zero


def test_a_saved_aligner_scores_as_before(name, fitted, apart, tmp_path):
    aligner = fitted(name, apart)
    aligner.save_pretrained(tmp_path)
    read = Aligner.from_pretrained(tmp_path)
    assert read.learner == name
    assert read.concepts == aligner.concepts == apart.concepts
    test = apart.load("zz", "test")
    classifier = read.adapt(test)
    assert classifier.predict(test.x) == [apart.concepts[code] for code in classifier.codes(test.x)]
    for support in (None, apart.load("zz", "train").of_sentences(np.arange(10))):
        before = aligner.adapt(support, seed=3).scores(test.x)
        assert torch.equal(before, read.adapt(support, seed=3).scores(test.x))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "SHA256SUMS",
        "config.json",
        "model.safetensors",
    ]


def test_scores_are_log_probabilities_and_invalid_concepts_have_none(name, fitted, apart):
    valid = torch.tensor([True, True, False, True, False, True])
    support = apart.load("zz", "train").of_sentences(np.arange(10))
    for given in (None, support):
        classifier = fitted(name, apart).adapt(given, valid=valid)
        scores = classifier.scores(apart.load("zz", "test").x)
        assert scores.dtype == torch.float32
        assert bool((scores[:, ~valid] == -torch.inf).all())
        torch.testing.assert_close(scores.exp().sum(1), torch.ones(len(scores)))
        assert torch.equal(scores.argmax(1), classifier.codes(apart.load("zz", "test").x))


def test_adapting_twice_gives_the_same_and_leaves_the_aligner_as_it_was(name, fitted, apart):
    aligner, test = fitted(name, apart), apart.load("zz", "test")
    support = apart.load("zz", "train").of_sentences(np.arange(10))
    zero = aligner.adapt(None).scores(test.x)
    first = aligner.adapt(support, seed=1).scores(test.x)
    assert torch.equal(first, aligner.adapt(support, seed=1).scores(test.x))
    assert torch.equal(zero, aligner.adapt(None).scores(test.x))


def test_words_are_scored_one_by_one(name, fitted, apart):
    test = apart.load("zz", "test")
    classifier = fitted(name, apart).adapt(None)
    turned = torch.arange(test.words - 1, -1, -1)
    torch.testing.assert_close(classifier.scores(test.x)[turned], classifier.scores(test.x[turned]))
    assert classifier.scores(test.x[:0]).shape == (0, len(test.concepts))


def test_borders_of_sentences_matter_to_what_is_sequential_alone(name, fitted, apart):
    test = apart.load("zz", "test")
    aligner = fitted(name, apart)
    classifier = aligner.adapt(None)
    words, sentences = classifier.scores(test.x), classifier.scores(test.sentences)
    assert classifier.sequential == aligner.sequential == (name == "tagger")
    assert torch.equal(words, sentences) != aligner.sequential


@pytest.mark.parametrize("name", ZERO_SHOT)
def test_a_fit_depends_on_its_seed_alone(name, small, shared):
    learner = registry.create(name, options=small[name])
    x = shared.load("zz", "test").x
    first = learner.fit(shared, seed=1).adapt().scores(x)
    torch.manual_seed(99)  # what the caller does with the global generator does not matter
    assert torch.equal(first, learner.fit(shared, seed=1).adapt().scores(x))
    assert not torch.equal(first, learner.fit(shared, seed=2).adapt().scores(x))


def test_a_fit_leaves_the_global_generator_alone(name, small, shared):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    registry.create(name, options=small[name]).fit(shared, seed=0)
    assert torch.equal(torch.rand(3), expected)


def test_a_valid_set_without_known_concepts_is_refused(name, fitted, shared):
    with pytest.raises(LearningError, match="no concept is valid"):
        fitted(name, shared).adapt(None, valid=torch.zeros(6, dtype=torch.bool))


def test_every_preset_makes_a_learner_whose_configuration_makes_it_again(name):
    for task in ("upos", "relation"):
        for preset in ("default", "faithful"):
            if preset == "faithful" and name not in FAITHFUL:
                continue
            learner = registry.create(name, preset=preset, task=task)
            assert registry.create(name, preset=preset, task=task, options=learner.config()) == learner
            assert dataclasses.is_dataclass(learner)


def test_what_is_unknown_is_refused(name):
    with pytest.raises(UsageError, match="unknown learner"):
        registry.create("nearest")
    with pytest.raises(UsageError, match="no preset"):
        registry.create(name, preset="best")
    with pytest.raises(UsageError, match="unknown key"):
        registry.create(name, options={"no_such_option": 1})


def test_a_broken_folder_says_what_to_do(name, fitted, shared, tmp_path):
    with pytest.raises(LearningError, match="no aligner here"):
        Aligner.from_pretrained(tmp_path)
    fitted(name, shared).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(LearningError, match="run meta-train again"):
        Aligner.from_pretrained(tmp_path)
