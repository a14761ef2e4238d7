"""What the gradient-based learners have in common."""

import copy
import dataclasses
import shutil
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.meta.data import branches_of
from concept_align.meta.engines.base import ENGINES
from concept_align.meta.learners import registry
from concept_align.meta.learners.base import Aligner, TrainingData
from concept_align.meta.learners.gradient import GradientFit, ReptileFit, branch_weights
from concept_align.seeding import stream
from concept_align.spaces.features import Features

NAMES = ("maml", "fomaml", "anil", "meta-sgd", "reptile")


def turned(planted: TrainingData, size: float = 1.0) -> TrainingData:
    """Every language of ``planted``, turned about the origin in a way of its own."""
    cache: dict[tuple[str, str], Features] = {}

    def load(language, split):
        if (language, split) not in cache:
            found = planted.load(language, split)
            drawn = stream(1, language, "turn").normal(size=(found.dim, found.dim))
            skew = torch.from_numpy(drawn - drawn.T) * size / found.dim**0.5
            x = found.x @ torch.linalg.matrix_exp(skew).float()
            cache[language, split] = dataclasses.replace(found, stored=x)
        return cache[language, split]

    return dataclasses.replace(planted, load=load)


def fit(name, data, small, **options):
    return registry.create(name, options={**small[name], **options}).fit(data, seed=0)


def scores(aligner, data, shots=None, **given):
    support = None if shots is None else data.load("zz", "train").of_sentences(np.arange(shots))
    return aligner.adapt(support, **given).scores(data.load("zz", "test").x)


@pytest.mark.parametrize("name", ["maml", "meta-sgd"])
def test_languages_turned_against_one_another_are_aligned_by_few_words(name, planted, small, accuracy):
    data = turned(planted.Planted(dim=12, noise=0.3).data())
    options = {"rank": 12, "hidden": 0, "steps": 5, "inner_lr": 0.1, "lr": 1e-2, "epochs": 2}
    aligner = fit(name, data, small, **options, shots=[20, 50], adapt_steps=100)
    assert accuracy(aligner, data) < 0.6
    assert accuracy(aligner, data, 10) > 0.95


@pytest.mark.parametrize("name", NAMES)
def test_a_support_without_a_word_leaves_the_start(name, fitted, apart):
    aligner = fitted(name, apart)
    train = apart.load("zz", "train")
    wordless = Features("zz", train.concepts, train.x[:0], train.y[:0], np.zeros(3, dtype=np.int64))
    zero = scores(aligner, apart)
    assert torch.equal(aligner.adapt(wordless).scores(apart.load("zz", "test").x), zero)
    assert torch.equal(scores(aligner, apart, 0), zero)
    assert not torch.equal(scores(aligner, apart, 10), zero)


@pytest.mark.parametrize("name", ["maml", "meta-sgd"])
def test_support_words_of_concepts_that_are_not_valid_teach_nothing(name, fitted, apart):
    train = apart.load("zz", "train").of_sentences(np.arange(10))
    valid = torch.tensor([True, True, False, True, False, True])
    kept = valid[train.y]
    less = Features("zz", train.concepts, train.x[kept], train.y[kept], np.array([0, int(kept.sum())]))
    x = apart.load("zz", "test").x
    aligner = fitted(name, apart)
    with_all, with_less = (aligner.adapt(support, valid=valid).scores(x) for support in (train, less))
    assert torch.equal(with_all, with_less)
    assert not torch.equal(with_all.argmax(1), aligner.adapt(valid=valid).scores(x).argmax(1))


def test_steps_are_those_of_the_nearest_number_of_sentences_that_is_not_more(fitted, apart):
    aligner = copy.copy(fitted("maml", apart))
    aligner.steps = {1: 0, 10: 4}
    assert torch.equal(scores(aligner, apart, 9), scores(aligner, apart))
    ten = scores(aligner, apart, 10)
    aligner.steps = {1: 4}
    assert torch.equal(scores(aligner, apart, 10), ten)


def test_steps_are_chosen_on_the_validation_languages(small, apart, shared, tmp_path):
    far = fit("fomaml", apart, small, adapt_steps=None)
    assert set(far.steps) == {1, 10, 50}
    assert far.steps[50] > 0
    far.save_pretrained(tmp_path)
    assert Aligner.from_pretrained(tmp_path).steps == far.steps
    # Where there is nothing to gain, no step is taken.
    assert fit("fomaml", shared, small, adapt_steps=None).steps == {1: 0, 10: 0, 50: 0}


def test_maml_of_order_1_is_first_order_maml_and_on_the_head_it_is_anil(small, apart):
    first = scores(fit("maml", apart, small, order=1), apart, 10)
    assert torch.equal(first, scores(fit("fomaml", apart, small), apart, 10))
    head = scores(fit("maml", apart, small, adapts="head"), apart, 10)
    assert torch.equal(head, scores(fit("anil", apart, small), apart, 10))
    assert not torch.equal(first, scores(fit("maml", apart, small), apart, 10))


def test_meta_sgd_learns_rates_and_the_others_have_none(small, apart, tmp_path):
    aligner = fit("meta-sgd", apart, small)
    rates = aligner.model.rates()
    assert set(rates) == {"weight", "bias"}
    assert all(float((rate - aligner.config.inner_lr).abs().max()) > 1e-4 for rate in rates.values())
    aligner.save_pretrained(tmp_path)
    read = Aligner.from_pretrained(tmp_path)
    assert torch.equal(read.model.rates()["weight"], rates["weight"])
    assert fit("maml", apart, small).model.rates() == aligner.config.inner_lr


@pytest.mark.parametrize("adapts", ["map", "head", "all of f"])
def test_reptile_moves_the_start_towards_the_end_of_plain_descent(small, apart, adapts):
    config = registry.create(
        "reptile", options={**small["reptile"], "adapts": adapts, "episodes_per_step": 1}
    )
    made = ReptileFit(config, apart, 0)
    made.start.zero_grad()
    made.loss(0, 0).backward()
    episodes = made.episodes(0, 0)
    parts = (episodes.support, episodes.query)
    x = torch.cat([part.x[: len(part.y)] for part in parts])
    y = torch.cat([part.y for part in parts])
    by_hand = copy.deepcopy(made.start.model)
    own = [by_hand.get_parameter(name) for name in made.start.names]
    descent = torch.optim.SGD(own, lr=config.inner_lr)
    for rows in torch.arange(len(y)).tensor_split(config.steps):
        descent.zero_grad()
        torch.nn.functional.cross_entropy(by_hand(x[rows]), y[rows]).backward()
        descent.step()
    for name, value in made.start.model.named_parameters():
        if name in made.start.names:
            expected = (value - by_hand.get_parameter(name)).detach() / (config.inner_lr * config.steps)
            torch.testing.assert_close(value.grad, expected, rtol=1e-3, atol=1e-5)
        else:
            assert value.grad is None


@pytest.mark.parametrize("name", ["meta-sgd", "reptile"])
def test_an_interrupted_fit_goes_on_exactly(name, small, apart, tmp_path):
    learner = registry.create(name, options={**small[name], "epochs": 2})
    whole = scores(learner.fit(apart, seed=0, folder=tmp_path / "whole"), apart, 10)
    (tmp_path / "cut").mkdir()
    shutil.copy(tmp_path / "whole" / "pooled.safetensors", tmp_path / "cut")

    class Killed(Exception):
        pass

    class Dying:
        """Progress that kills the run in the second epoch of episodes."""

        def bar(self, name, total, *, done=0, unit=""):
            self.name, self.left = name, 10
            return self

        def advance(self, amount=1):
            self.left -= 1
            if self.name == "episodes" and not self.left:
                raise Killed

        def note(self, text):
            pass

    with pytest.raises(Killed):
        learner.fit(apart, seed=0, folder=tmp_path / "cut", progress=Dying())
    assert (tmp_path / "cut" / "episodes.safetensors").exists()
    again = learner.fit(apart, seed=0, folder=tmp_path / "cut")
    assert torch.equal(scores(again, apart, 10), whole)


@pytest.mark.parametrize("engine", [name for name in ENGINES.names() if name != "fast"])
def test_engines_lead_to_the_same_aligner(engine, small, apart):
    if engine == "learn2learn":
        try:
            version("learn2learn")
        except PackageNotFoundError:
            pytest.skip("learn2learn is not installed: make env builds it")
    options = {"episodes": 1, "pooled_epochs": 1}
    for name in ("maml", "meta-sgd"):
        ours = scores(fit(name, apart, small, **options), apart, 10)
        theirs = scores(fit(name, apart, small, **options, engine=engine), apart, 10)
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


def test_without_a_pooled_stage_episodes_teach_everything(small, shared, accuracy):
    aligner = fit("maml", shared, small, pooled_epochs=0, lr=1e-2, epochs=3)
    assert accuracy(aligner, shared) > 0.9


def test_languages_of_a_branch_share_the_weight_of_one():
    languages = ("en", "de", "sv", "fr", "ja", "unregistered")
    weights = branch_weights(languages, branches_of(languages))
    assert weights["en"] == weights["de"] == weights["sv"]
    assert weights["fr"] == weights["ja"] == weights["unregistered"] == pytest.approx(3 * weights["en"])
    assert sum(weights.values()) == pytest.approx(6)


def test_the_weight_of_a_language_is_that_of_its_loss(small, apart):
    made = [
        GradientFit(
            registry.create(
                "maml", options={**small["maml"], "branch_balanced": balanced, "episodes_per_step": 1}
            ),
            apart,
            0,
        )
        for balanced in (False, True)
    ]
    weights = branch_weights(apart.train, branches_of(apart.train))
    for step in range(4):
        language = made[0].episodes(0, step).languages[0]
        equal, balanced = (one.loss(0, step).item() for one in made)
        assert balanced == pytest.approx(weights[language] * equal)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fomaml", {"order": 2}),
        ("reptile", {"order": 2}),
        ("anil", {"adapts": "map"}),
        ("maml", {"engine": "higher"}),
        ("maml", {"adapts": "prototypes"}),
        ("maml", {"order": 3}),
        ("maml", {"steps": 0}),
        ("maml", {"inner_lr": 0.0}),
        ("maml", {"shots": []}),
        ("maml", {"shots": [-1]}),
    ],
)
def test_choices_that_make_no_sense_are_refused_before_training(name, options):
    with pytest.raises(UsageError) as caught:
        registry.create(name, options=options)
    assert caught.value.remedy


def test_a_step_that_goes_too_far_says_what_to_do(small, apart):
    with pytest.raises(LearningError, match="the loss is"):
        fit("maml", apart, small, inner_lr=1e8, steps=5, adapts="all of f")
