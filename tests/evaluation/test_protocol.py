import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.evaluation.config import Protocol
from concept_align.evaluation.protocol import support_sentences, usable, valid_concepts
from concept_align.spaces.features import Features


def test_smaller_supports_are_contained_in_larger_ones(toy):
    train = toy.load("t0", "train")
    large = support_sentences(train, 20, 2, seed=5)
    for shots in (1, 5, 10):
        assert support_sentences(train, shots, 2, seed=5).tolist() == large[:shots].tolist()


def test_draws_and_seeds_and_languages_give_different_supports(toy):
    train, other = toy.load("t0", "train"), toy.load("t1", "train")
    drawn = [
        tuple(support_sentences(features, 10, draw, seed=seed))
        for features, draw, seed in ((train, 0, 0), (train, 1, 0), (train, 0, 1), (other, 0, 0))
    ]
    assert len(set(drawn)) == 4


def test_support_does_not_depend_on_labels_or_representations(toy):
    train = toy.load("t0", "train")
    other = Features("t0", train.concepts, train.x[:, :2] * 3, train.y.flip(0), train.offsets)
    assert (support_sentences(train, 7, 0, seed=0) == support_sentences(other, 7, 0, seed=0)).all()


def test_support_has_no_sentence_without_a_word_nor_one_twice(toy):
    train = toy.load("t0", "train")
    chosen = support_sentences(train, 1000, 0, seed=0)
    assert sorted(chosen) == usable(train).tolist()
    assert len(usable(train)) == train.sents - (np.arange(train.sents) % 7 == 3).sum()


def test_smoothing_adds_one_sentence_for_a_missing_concept_and_keeps_the_drawn_ones(toy):
    train = toy.load("t0", "train")
    added = 0
    for draw in range(10):
        plain = support_sentences(train, 1, draw, seed=0)
        smooth = support_sentences(train, 1, draw, seed=0, smoothing=True)
        assert smooth[:1].tolist() == plain.tolist()
        assert (train.of_sentences(smooth).counts() > 0).all()
        assert len(smooth) <= 1 + len(train.concepts)
        assert len(set(smooth)) == len(smooth)
        added += len(smooth) - 1
    assert added > 0


def test_smoothing_adds_nothing_where_nothing_is_missing(toy):
    train = toy.load("t0", "train")
    assert support_sentences(train, 50, 0, seed=0, smoothing=True).tolist() == (
        support_sentences(train, 50, 0, seed=0).tolist()
    )


def test_valid_concepts_of_the_pair_have_enough_words_in_both():
    def features(language, counts):
        y = torch.repeat_interleave(torch.arange(3), torch.tensor(counts))
        return Features(language, ("a", "b", "c"), torch.zeros(len(y), 1), y, np.array([0, len(y)]))

    source, target = features("en", [20, 20, 3]), features("de", [20, 9, 20])
    chosen = {
        valid: valid_concepts(Protocol(valid=valid), source, target) for valid in ("train", "source", "all")
    }
    assert chosen["train"] is None
    assert chosen["source"].tolist() == [True, True, False]
    assert chosen["all"].tolist() == [True, True, True]
    assert valid_concepts(Protocol(valid="pair"), source, target).tolist() == [True, False, False]
    with pytest.raises(UsageError, match="training split"):
        valid_concepts(Protocol(valid="pair"), source, None)


@pytest.mark.parametrize(
    "options",
    [{"shots": ()}, {"shots": (-1,)}, {"shots": (5, 5)}, {"support_draws": 0}, {"bootstrap": 10},
     {"valid": "some"}, {"short": "some"}],
)  # fmt: skip
def test_an_impossible_protocol_is_refused(options):
    with pytest.raises(UsageError):
        Protocol(**options)


def test_zero_shots_have_one_draw():
    assert Protocol(support_draws=5).draws_of(0) == 1
    assert Protocol(support_draws=5).draws_of(10) == 5
