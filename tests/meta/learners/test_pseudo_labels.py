"""Pseudo-labels: sharpened, and with the mass that every concept had."""

import dataclasses

import numpy as np
import pytest
import torch

from concept_align.meta.learners import registry
from concept_align.meta.learners.pseudo_labels import pseudo_labels, shares
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


def kept(given, sharpen):
    return pseudo_labels(given, sharpen, shares(given, 0.0))


@pytest.mark.parametrize("sharpen", [1.0, 0.35, 0.1])
def test_every_concept_keeps_its_mass_and_every_word_has_one(sharpen):
    given = logits()
    q = kept(given, sharpen)
    torch.testing.assert_close(q.sum(0), given.softmax(1).sum(0), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(q.sum(1), torch.ones(500))
    assert bool((q[:, 5] == 0).all())


def test_without_sharpening_labels_are_what_was_said():
    for given in (kept(logits(), 1.0), pseudo_labels(logits(), 1.0)):
        torch.testing.assert_close(given, logits().softmax(1))


def test_sharpening_alone_takes_from_the_rare_and_gives_to_the_common():
    p, q = logits().softmax(1).sum(0), pseudo_labels(logits(), 0.35).sum(0)
    assert q[0] > 1.05 * p[0] and q[4] < 0.6 * p[4]
    torch.testing.assert_close(pseudo_labels(logits(), 0.35), (logits() / 0.35).softmax(1))


def test_kept_labels_are_sharper_and_differ_from_free_ones_by_a_factor_of_each_concept():
    q, free = kept(logits(), 0.35)[:, :5], pseudo_labels(logits(), 0.35)[:, :5]
    ratio = (q.log() - free.log()) - (q.log() - free.log())[:, :1]
    torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), atol=1e-4, rtol=0)
    said = logits()[:, :5].softmax(1)
    assert -(q * q.log()).sum() < -(said * said.log()).sum()


def test_what_smoothed_labels_gave_to_every_concept_is_taken_back():
    """Words whose concepts are certain, said as smoothed labels teach to: the shares are the words'."""
    y = torch.tensor([0] * 90 + [1] * 10)
    smoothed = torch.full((100, 4), 0.2 / 4)
    smoothed[torch.arange(100), y] += 0.8
    found = shares(smoothed.log(), 0.2)
    torch.testing.assert_close(found, torch.tensor([0.9, 0.1, 0.0, 0.0], dtype=torch.float64))
    assert shares(smoothed.log(), 0.0)[2] > 0.04


def test_of_no_words_there_are_no_labels():
    assert pseudo_labels(logits(0), 0.35).shape == (0, 6)


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
