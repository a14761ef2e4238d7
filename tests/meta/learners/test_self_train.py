"""Learning from one's own labels of unlabelled words."""

import contextlib
import copy
import dataclasses
import itertools
import json
import shutil

import numpy as np
import pytest
import torch

from concept_align.meta.learners import registry
from concept_align.meta.learners.classifier import Classifier
from concept_align.meta.learners.ensemble import Descent, Ensemble, all_correct
from concept_align.meta.learners.self_train import SelfTrain, SelfTrainAligner, temperature
from concept_align.meta.learners.worth import held_out, likely_better, mixed
from concept_align.spaces.features import Features


def right(classifier, test):
    return float((classifier.codes(test.x) == test.y).double().mean())


def moved(features, shift):
    """The same words, all moved by ``shift`` [dim]."""
    return Features(features.language, features.concepts, features.x + shift, features.y, features.offsets)


@contextlib.contextmanager
def counted_steps():
    """A list that grows by one with every step that Adam takes."""
    steps = []

    class Counted(torch.optim.Adam):
        def step(self, closure=None):
            steps.append(1)
            return super().step(closure)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "Adam", Counted)
        yield steps


@pytest.fixture
def shifted(shared):
    """A language whose words lie a little beside those of the training languages: train and test split."""
    train, test = shared.load("zz", "train"), shared.load("zz", "test")
    direction = torch.randn(train.dim, generator=torch.Generator().manual_seed(1))
    shift = 1.6 * train.x.std() * direction / direction.norm() * train.dim**0.5 / 2
    return moved(train, shift), moved(test, shift)


def test_unlabelled_words_lead_the_classifier_to_a_language_that_lies_aside(fitted, shared, shifted):
    trained = fitted("self-train", shared)
    config = dataclasses.replace(trained.config, round_lr=1e-2, round_batch=32, rounds=10, mass="free")
    aligner = SelfTrainAligner(config, trained.model, trained.known)
    train, test = shifted
    without, with_words = aligner.adapt(), aligner.adapt(unlabelled=train.x)
    assert right(without, test) < 0.97
    assert right(with_words, test) > 0.99


def test_where_concepts_are_told_apart_but_too_often_or_too_seldom_their_mass_must_be_free(
    fitted, shared, shifted
):
    """What keeps its mass keeps a wrong one, too: of words that all moved to one side."""
    trained, train = fitted("self-train", shared), shifted[0]
    found = {}
    for mass in ("free", "kept"):
        config = dataclasses.replace(trained.config, round_lr=1e-2, round_batch=32, rounds=10, mass=mass)
        classifier = SelfTrainAligner(config, trained.model, trained.known).adapt(unlabelled=train.x)
        shares = torch.bincount(classifier.codes(train.x), minlength=6) / train.words
        found[mass] = (shares - train.counts() / train.words).abs().sum()
    assert found["free"] < 0.02 < 0.1 < found["kept"]


def test_labels_of_unlabelled_words_are_not_looked_at(fitted, shared):
    """They are not even given: words alone decide."""
    aligner, train = fitted("self-train", shared), shared.load("zz", "train")
    test = shared.load("zz", "test").x
    first = aligner.adapt(unlabelled=train.x).scores(test)
    again = aligner.adapt(unlabelled=train.x.clone()).scores(test)
    assert torch.equal(first, again)


def test_what_was_learned_from_unlabelled_words_is_shared_by_support_sets_and_never_changed(fitted, shared):
    aligner, train = fitted("self-train", shared), shared.load("zz", "train")
    test = shared.load("zz", "test").x
    before = aligner.adapt(unlabelled=train.x).scores(test)
    aligner.adapt(train.of_sentences(np.arange(20)), unlabelled=train.x, seed=1)
    assert torch.equal(before, aligner.adapt(unlabelled=train.x).scores(test))


def test_the_last_language_s_words_are_not_taken_for_the_next_one_s(fitted, apart):
    aligner = fitted("self-train", apart)
    languages = [apart.load(code, "train").x for code in ("zz", apart.train[1])]
    test = apart.load("zz", "test").x
    alone = [aligner.adapt(unlabelled=x.clone()).scores(test) for x in languages]
    for x, expected in zip(languages, alone, strict=True):
        assert torch.equal(aligner.adapt(unlabelled=x).scores(test), expected)
    assert not torch.equal(*alone)


def test_without_rounds_unlabelled_words_are_passed_over(fitted, shared):
    trained = fitted("self-train", shared)
    config = dataclasses.replace(trained.config, rounds=0)
    aligner = SelfTrainAligner(config, trained.model, trained.known)
    assert trained.transductive and not aligner.transductive
    test = shared.load("zz", "test").x
    unlabelled = shared.load("zz", "train").x
    assert torch.equal(aligner.adapt(unlabelled=unlabelled).scores(test), aligner.adapt().scores(test))


def test_the_order_in_which_labels_are_learned_from_is_the_seeds(fitted, apart):
    aligner, train = fitted("self-train", apart), apart.load("zz", "train")
    support, test = train.of_sentences(np.arange(30)), apart.load("zz", "test").x
    first, second = (aligner.adapt(support, seed=seed).scores(test) for seed in (0, 1))
    assert not torch.equal(first, second)
    assert torch.equal(first, aligner.adapt(support, seed=0).scores(test))


def test_members_start_apart_and_answer_with_their_mean(fitted, shared):
    aligner, test = fitted("self-train", shared), shared.load("zz", "test").x
    one, other = (member(test).softmax(1) for member in aligner.model.members)
    assert len(aligner.model.members) == 2
    assert not torch.allclose(one, other, atol=1e-3)
    torch.testing.assert_close(aligner.model(test).softmax(1), (one + other) / 2)


def test_an_ensemble_gives_each_member_the_gradient_it_would_have_alone():
    model = SelfTrain(hidden=4, dropout=0.0).model(3, 2, 0)
    x, y = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)), torch.arange(20) % 2
    model.loss(x, y).backward()
    for member in model.members:
        inside = [parameter.grad.clone() for parameter in member.parameters()]
        member.zero_grad()
        torch.nn.functional.cross_entropy(member(x), y).backward()
        for gradient, parameter in zip(inside, member.parameters(), strict=True):
            torch.testing.assert_close(gradient, parameter.grad)


def test_given_labels_one_member_goes_on_from_unlabelled_words_and_one_from_the_start(fitted, apart):
    aligner, train = fitted("self-train", apart), apart.load("zz", "train")
    config = dataclasses.replace(aligner.config, adapt_lr=0.0, folds=0)
    still = SelfTrainAligner(config, aligner.model, aligner.known)
    support, test = train.of_sentences(np.arange(3)), apart.load("zz", "test").x
    valid = torch.ones_like(aligner.known)
    refined = still.start(train.x, valid & aligner.known).members[0]
    start = aligner.model.members[1]
    expected = (refined(test).softmax(1) + start(test).softmax(1)) / 2
    found = still.adapt(support, unlabelled=train.x, valid=valid).scores(test).exp()
    known = aligner.known
    torch.testing.assert_close(found[:, known], expected[:, known] / expected[:, known].sum(1, keepdim=True))


def test_much_support_takes_no_more_steps_than_it_may():
    """Batches grow: the words are seen as often in fewer steps."""
    model = SelfTrain(hidden=4).model(3, 2, 0).members[0]
    x, y = torch.randn(100, 3, generator=torch.Generator().manual_seed(0)), torch.arange(100) % 2
    for most, expected in ((1000, 50), (20, 20), (7, 7)):
        with counted_steps() as steps:
            Descent(1e-3, 5, 10, most).run(model, x, y, torch.ones(2, dtype=torch.bool), 0, "test")
        assert len(steps) == expected


def test_learning_ends_as_long_again_after_all_support_words_are_correct():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(100) % 2
    x = torch.randn(100, 3, generator=generator) + 6 * y.unsqueeze(1)
    valid, config = torch.ones(2, dtype=torch.bool), SelfTrain(hidden=4, dropout=0.0)
    taken = []
    for enough in (0.0, 1.0, 2.0):
        model = config.model(3, 2, 0).members[0]
        before = copy.deepcopy(model)
        assert not all_correct(model, x, y, valid)
        with counted_steps() as steps:
            Descent(3e-3, 100, 10, enough=enough).run(model, x, y, valid, 0, "test")
        taken.append(len(steps))
        assert all_correct(model, x, y, valid)
        assert not torch.equal(model(x), before(x))
    assert taken[0] == 1000 and taken[2] == 2 * taken[1] < 1000


def test_a_start_that_tells_all_support_words_right_stays_as_it_is(fitted, shared):
    aligner, train = fitted("self-train", shared), shared.load("zz", "train")
    one = dataclasses.replace(aligner.config, members=1, folds=0)
    single = SelfTrainAligner(one, Ensemble([aligner.model.members[0]]), aligner.known)
    told = single.adapt().codes(train.x)
    itself = Features(train.language, train.concepts, train.x, told, train.offsets)
    test = shared.load("zz", "test").x
    assert torch.equal(single.adapt(itself).scores(test), single.adapt().scores(test))


def gains(aligner, data, languages, folds, *, shots, wrong=0.0):
    """What labels, a share of which is ``wrong``, gain over none in each of ``languages``."""
    config = dataclasses.replace(aligner.config, folds=folds, adapt_lr=0.1)
    aligner, found = SelfTrainAligner(config, aligner.model, aligner.known), []
    for place, language in enumerate(languages):
        train, test = data.load(language, "train"), data.load(language, "test")
        random = np.random.default_rng(place)
        support = train.of_sentences(random.permutation(train.sents)[:shots])
        other = torch.from_numpy(random.random(support.words) < wrong)
        drawn = torch.from_numpy(random.integers(0, len(train.concepts), support.words))
        support = dataclasses.replace(support, y=torch.where(other, drawn, support.y))
        found.append(right(aligner.adapt(support), test) - right(aligner.adapt(), test))
    return float(np.mean(found))


@pytest.mark.parametrize("shots", [3, 10])
def test_labels_do_no_harm_where_zero_shot_is_good_and_count_where_it_is_not(fitted, shared, apart, shots):
    near, far = (fitted("self-train", data) for data in (shared, apart))
    languages = ("zz", *shared.train)
    alone, guarded = (gains(near, shared, languages, folds, shots=shots, wrong=0.4) for folds in (0, 3))
    assert alone < -0.05 and guarded > alone / 4, (alone, guarded)
    alone, guarded = (gains(far, apart, ["zz"], folds, shots=shots) for folds in (0, 3))
    assert guarded > alone / 2 > 0.01, (alone, guarded)


def test_parts_that_are_held_out_are_of_whole_sentences_where_there_are_enough():
    offsets = np.array([0, 3, 3, 5, 9, 10])
    for folds, whole in ((3, True), (4, True), (5, False)):
        parts = held_out(offsets, folds, 0)
        assert sorted(torch.cat(parts).tolist()) == list(range(10))
        sentence = np.repeat(np.arange(5), np.diff(offsets))
        shared = [
            {*sentence[a.numpy()].tolist()} & {*sentence[b.numpy()].tolist()}
            for a, b in itertools.combinations(parts, 2)
        ]
        assert any(shared) != whole
    assert held_out(np.array([0, 1]), 3, 0) == [] and len(held_out(np.array([0, 2]), 3, 0)) == 2


def test_what_labels_are_worth_is_the_probability_that_they_help():
    assert likely_better(torch.zeros(0)) == likely_better(torch.zeros(9)) == 0.5
    gains = torch.tensor([1.0] * 6 + [-1.0] * 3 + [0.0] * 91)
    assert likely_better(gains) == pytest.approx(1 - likely_better(-gains)) == pytest.approx(0.773, abs=1e-3)
    assert likely_better(torch.ones(9)) > 0.999 > likely_better(gains.repeat(100))


def test_a_mixture_has_the_mean_probability():
    valid = torch.tensor([True, True, False])
    first, second = (Classifier(lambda x, k=k: x * k, valid) for k in (1.0, -2.0))
    x = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    expected = 0.3 * second.scores(x).exp() + 0.7 * first.scores(x).exp()
    torch.testing.assert_close(mixed(first, second, 0.3).scores(x).exp(), expected)
    for share, one in ((0.0, first), (1.0, second)):
        torch.testing.assert_close(mixed(first, second, share).scores(x)[:, :2], one.scores(x)[:, :2])


def test_temperatures_change_how_sure_it_is_and_no_prediction(fitted, apart):
    trained, train, test = fitted("self-train", apart), apart.load("zz", "train"), apart.load("zz", "test")
    support = train.of_sentences(np.arange(3))
    config, model, known = dataclasses.replace(trained.config, folds=0), trained.model, trained.known
    plain = SelfTrainAligner(config, model, known)
    scaled = SelfTrainAligner(config, model, known, {"start": 2.0, "unlabelled": 0.5, "labelled": 3.0})
    for given, t in (
        ({}, 2.0),
        ({"unlabelled": train.x}, 0.5),
        ({"unlabelled": train.x, "support": support}, 3.0),
        ({"support": support}, 3.0),
    ):
        before, after = (one.adapt(**given).scores(test.x) for one in (plain, scaled))
        assert torch.equal(before.argmax(1), after.argmax(1))
        torch.testing.assert_close(after, (before / t).log_softmax(1))


def test_temperatures_are_those_of_the_validation_languages_and_are_saved(fitted, apart, tmp_path):
    aligner = fitted("self-train", apart)
    assert set(aligner.temperatures) == {"start", "unlabelled", "labelled"}
    plain = SelfTrainAligner(aligner.config, aligner.model, aligner.known)
    scores, labels = [], []
    for language in apart.validation:
        dev = apart.load(language, "dev")
        scores.append(plain.adapt(unlabelled=apart.load(language, "train").x).scores(dev.x))
        labels.append(dev.y)
    assert aligner.temperatures["unlabelled"] == pytest.approx(temperature(scores, labels), rel=1e-3)
    aligner.save_pretrained(tmp_path)
    assert SelfTrainAligner.from_pretrained(tmp_path).temperatures == aligner.temperatures


def test_without_validation_languages_probabilities_are_left_as_they_are(shared, small):
    data = dataclasses.replace(shared, validation=())
    aligner = registry.create("self-train", options=small["self-train"] | {"epochs": 1}).fit(data, seed=0)
    assert aligner.temperatures == {}


def test_an_aligner_saved_before_there_were_folds_answers_as_it_did(fitted, shared, tmp_path):
    aligner = fitted("self-train", shared)
    aligner.save_pretrained(tmp_path / "new")
    assert SelfTrainAligner.from_pretrained(tmp_path / "new").config == aligner.config
    saved = json.loads((tmp_path / "new" / "config.json").read_text())
    del saved["settings"]["config"]["folds"], saved["hashes"]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text(json.dumps(saved))
    shutil.copy(tmp_path / "new" / "model.safetensors", tmp_path / "old")
    old = SelfTrainAligner.from_pretrained(tmp_path / "old")
    assert old.config == dataclasses.replace(aligner.config, folds=0)
