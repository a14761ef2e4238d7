"""Pooled words: the mean of members, and how many steps a support set is worth."""

import copy
import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch

from concept_align.meta.learners import registry
from concept_align.meta.learners.base import Aligner
from concept_align.meta.learners.ensemble import Descent, Ensemble
from concept_align.meta.learners.fit import ALWAYS
from concept_align.meta.learners.pooled import SENTENCES, STEPS, Pooled, PooledAligner, PooledFit
from concept_align.meta.maps import Encoder

TINY = {"hidden": 16, "epochs": 1, "batch": 128}


@pytest.fixture
def steps_tried(shared, monkeypatch):
    """A fit whose accuracies are given by a function of (sentences, steps); the records of its choices."""

    def choose(accuracy, data=shared, **options):
        fit = PooledFit(Pooled(hidden=8, **options), data, 0)
        monkeypatch.setattr(
            fit.validation,
            "few_shot",
            lambda aligner, shots, *, looks: accuracy(shots, aligner.steps[1]),
        )
        aligner, records = fit.finish(None)
        tried = {shots: [] for shots in aligner.steps}
        for one in records["adapt"]:
            tried[one["shots"]].append(one["steps"])
        return aligner.steps, tried

    return choose


def test_more_steps_are_tried_while_they_help_and_the_best_are_taken(steps_tried):
    best = dict(zip(SENTENCES, (0, 5, 100, 50, 1600, 400), strict=True))
    chosen, tried = steps_tried(lambda shots, steps: -abs(steps - best[shots]))
    assert chosen == best
    for shots, steps in tried.items():
        after = next((one for one in STEPS if one > max(best[shots], ALWAYS)), max(STEPS))
        expected = after if best[shots] >= ALWAYS else ALWAYS
        assert steps == [one for one in STEPS if one <= expected], shots


def test_numbers_of_sentences_that_no_validation_language_has_are_passed_over(planted, steps_tried):
    few = planted.Planted(sents=12).data()
    chosen, _ = steps_tried(lambda shots, steps: 0.0, few)
    assert chosen == {1: 0, 5: 0, 10: 0}
    chosen, _ = steps_tried(lambda shots, steps: 0.0, few, adapt_sentences=(50, 100))
    assert chosen == {50: 0}


def test_a_support_set_takes_the_steps_of_the_nearest_number_that_is_not_more(shared):
    model = Pooled(**TINY).model(24, 6, 0)
    train = shared.load("zz", "train")
    taken = []

    class Seen(PooledAligner):
        def _stepped(self, support, valid, steps, seed):
            taken.append(steps)
            return self.model

    aligner = Seen(Pooled(**TINY), model, torch.ones(6, dtype=torch.bool), {1: 3, 5: 7, 20: 9})
    for sents in (1, 4, 5, 19, 20, 100):
        aligner.adapt(train.of_sentences(np.arange(sents)))
    assert taken == [3, 3, 7, 7, 9, 9]


def test_members_start_apart_and_answer_with_their_mean(fitted, shared):
    aligner, x = fitted("pooled", shared), shared.load("zz", "test").x
    one, other = (member(x).softmax(1) for member in aligner.model.members)
    assert not torch.allclose(one, other, atol=1e-3)
    torch.testing.assert_close(aligner.adapt().scores(x).exp(), (one + other) / 2)


def test_steps_change_each_member_as_it_would_be_changed_alone(shared):
    config = Pooled(hidden=8)
    model, train = config.model(24, 6, 0), shared.load("zz", "train")
    support, valid = train.of_sentences(np.arange(5)), torch.ones(6, dtype=torch.bool)
    x = shared.load("zz", "test").x
    found = PooledAligner(config, copy.deepcopy(model), valid, {1: 20}).adapt(support, seed=3).scores(x)
    for place, member in enumerate(model.members):
        descent = Descent(config.adapt_lr, None, config.adapt_words, 20, pull=config.adapt_pull)
        descent.run(member, support.x, support.y, valid, 3, "adapt", place)
    torch.testing.assert_close(found, model(x).log_softmax(1))


def test_the_order_of_the_words_is_the_seeds_and_of_all_of_them_together_nothing_is_drawn(shared):
    train, x = shared.load("zz", "train").of_sentences(np.arange(20)), shared.load("zz", "test").x
    known = torch.ones(6, dtype=torch.bool)
    for words, drawn in ((32, True), (0, False)):
        config = Pooled(hidden=8, adapt_words=words)
        aligner = PooledAligner(config, config.model(24, 6, 0), known, {1: 10})
        first, second = (aligner.adapt(train, seed=seed).scores(x) for seed in (0, 1))
        assert torch.allclose(first, second, atol=1e-5) != drawn
        assert torch.equal(first, aligner.adapt(train, seed=0).scores(x))


def test_the_head_alone_adapts_where_it_is_asked_to(shared):
    train = shared.load("zz", "train").of_sentences(np.arange(20))
    config = Pooled(hidden=8, adapts="head")
    aligner = PooledAligner(config, config.model(24, 6, 0), torch.ones(6, dtype=torch.bool))
    adapted = aligner._stepped(train, aligner.known, 10, 0)
    for before, after in zip(aligner.model.members, adapted.members, strict=True):
        assert torch.equal(before.linears[0].weight, after.linears[0].weight)
        assert not torch.equal(before.linears[1].weight, after.linears[1].weight)


def test_the_pull_keeps_a_model_where_it_started(shared):
    """The more, the nearer; without one, furthest."""
    train, valid = shared.load("zz", "train"), torch.ones(6, dtype=torch.bool)
    start, moved = Pooled(hidden=8, members=1).model(24, 6, 0), []
    for pull in (0.0, 0.01, 10.0):
        model = copy.deepcopy(start)
        Descent(1e-2, None, 64, 100, pull=pull).run(model, train.x, train.y, valid, 0, "test")
        pairs = zip(model.parameters(), start.parameters(), strict=True)
        moved.append(float(sum((now - old).detach().square().sum() for now, old in pairs)))
    assert moved[0] > 1.1 * moved[1] > 2 * moved[2]


def test_an_aligner_saved_before_there_were_members_answers_as_it_did(shared, tmp_path):
    """One encoder under the names that it had, full batches, and no word of the options that came later."""
    options = {"hidden": 16, "epochs": 1, "batch": 128}
    aligner = registry.create("pooled", preset="single", options=options).fit(shared, seed=0)
    assert isinstance(aligner.model, Encoder)
    aligner.save_pretrained(tmp_path / "new")
    saved = json.loads((tmp_path / "new" / "config.json").read_text())
    for name in ("members", "smoothing", "adapt_words", "adapt_steps", "adapt_sentences"):
        del saved["settings"]["config"][name]
    del saved["hashes"]
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "config.json").write_text(json.dumps(saved))
    shutil.copy(tmp_path / "new" / "model.safetensors", tmp_path / "old")
    old = Aligner.from_pretrained(tmp_path / "old")
    defaults = {"adapt_steps": STEPS, "adapt_sentences": SENTENCES}
    assert old.config == dataclasses.replace(aligner.config, **defaults)
    test, train = shared.load("zz", "test"), shared.load("zz", "train")
    for support in (None, train.of_sentences(np.arange(10))):
        assert torch.equal(old.adapt(support).scores(test.x), aligner.adapt(support).scores(test.x))


def test_an_ensemble_is_saved_whole(fitted, shared, tmp_path):
    aligner = fitted("pooled", shared)
    aligner.save_pretrained(tmp_path)
    read = Aligner.from_pretrained(tmp_path)
    assert isinstance(read.model, Ensemble) and len(read.model.members) == 2 and read.steps == aligner.steps
