"""Pseudo-labels: sharpened, and with the mass that every concept had."""

import dataclasses

import numpy as np
import pytest
import torch

from concept_align.meta.learners import registry
from concept_align.meta.learners.pseudo_labels import pseudo_labels
from concept_align.meta.learners.self_train import SelfTrainAligner

LANGUAGES = ("zz", "yy", "xx")


def logits(words=500, seed=0):
    """Of six concepts, the first common, the last rare, and one that cannot be."""
    drawn = 2 * torch.randn(words, 6, generator=torch.Generator().manual_seed(seed))
    return drawn + torch.tensor([2.0, 1.0, 0.0, -1.0, -3.0, -torch.inf])


def macro_f1(codes, y):
    """The mean over the concepts of ``y``."""
    found = []
    for concept in y.unique():
        told, there = codes == concept, y == concept
        found.append(2 * float((told & there).sum()) / float(told.sum() + there.sum()))
    return float(np.mean(found))


@pytest.fixture(scope="module")
def learned(planted):
    """Concepts that overlap, of 30 to 5 words in a hundred, and a classifier of them."""
    data = planted.Planted(noise=1.8).data()
    return data, registry.create("self-train", options={"hidden": 32, "epochs": 6, "batch": 128}).fit(
        data, seed=0
    )


@pytest.mark.parametrize("sharpen", [1.0, 0.35, 0.1])
def test_every_concept_keeps_its_mass_and_every_word_has_one(sharpen):
    given = logits()
    q = pseudo_labels(given, sharpen, "kept")
    torch.testing.assert_close(q.sum(0), given.softmax(1).sum(0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(q.sum(1), torch.ones(500))
    assert bool((q[:, 5] == 0).all())


def test_without_sharpening_labels_are_what_was_said():
    for mass in ("kept", "free"):
        torch.testing.assert_close(pseudo_labels(logits(), 1.0, mass), logits().softmax(1))


def test_sharpening_alone_takes_from_the_rare_and_gives_to_the_common():
    p, q = logits().softmax(1).sum(0), pseudo_labels(logits(), 0.35, "free").sum(0)
    assert q[0] > 1.05 * p[0] and q[4] < 0.6 * p[4]
    torch.testing.assert_close(pseudo_labels(logits(), 0.35, "free"), (logits() / 0.35).softmax(1))


def test_kept_labels_are_sharper_and_differ_from_free_ones_by_a_factor_of_each_concept():
    kept, free = (pseudo_labels(logits(), 0.35, mass)[:, :5].log() for mass in ("kept", "free"))
    ratio = (kept - free) - (kept - free)[:, :1]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), atol=1e-4, rtol=0)
    entropy = {one: -(q * q.clamp(min=1e-30).log()).sum() for one, q in
               (("said", logits().softmax(1)), ("kept", kept.exp()))}  # fmt: skip
    assert entropy["kept"] < entropy["said"]


def test_of_no_words_there_are_no_labels():
    assert pseudo_labels(logits(0), 0.35, "kept").shape == (0, 6)


def test_rare_concepts_do_not_pay_for_common_ones(learned):
    """Macro-F1 of three languages: no lower than without unlabelled words; sharpening alone loses."""
    data, trained = learned
    how = {"without": {"rounds": 0}, "kept": {"mass": "kept"}, "free": {"mass": "free"}}
    found, right = {}, {}
    for name, options in how.items():
        config = dataclasses.replace(
            trained.config, **{"rounds": 6, "round_lr": 3e-3, "round_batch": 32} | options
        )
        aligner = SelfTrainAligner(config, trained.model, trained.known)
        codes = {
            one: aligner.adapt(unlabelled=data.load(one, "train").x).codes(data.load(one, "test").x)
            for one in LANGUAGES
        }
        found[name] = np.array([macro_f1(codes[one], data.load(one, "test").y) for one in LANGUAGES])
        right[name] = np.mean([float((codes[one] == data.load(one, "test").y).double().mean())
                               for one in LANGUAGES])  # fmt: skip
    assert (found["kept"] >= found["without"]).all()
    assert found["kept"].mean() > found["free"].mean() + 0.05
    assert right["kept"] > right["without"] > right["free"]
