"""A word is read with those around it."""

import copy
import dataclasses
import itertools

import numpy as np
import pytest
import torch

from concept_align.meta.data import SentenceBatches, accuracy
from concept_align.meta.learners import registry
from concept_align.meta.learners.base import Aligner, TrainingData
from concept_align.meta.learners.classifier import Classifier
from concept_align.meta.learners.ensemble import Descent
from concept_align.meta.learners.pseudo_labels import drawn
from concept_align.meta.learners.tagger import SentenceReader, Tagger, TaggerAligner, packing
from concept_align.seeding import stream
from concept_align.spaces.features import Features, Sentences

CONCEPTS = ("a", "a after a", "b", "b after a", "c", "c after a")
SMALL = {
    "members": 1, "hidden": 32, "reads": 16, "epochs": 3, "batch": 8, "lr": 1e-2, "rounds": 0,
    "adapt_steps": [0, 20], "adapt_sentences": [10],
}  # fmt: skip


def neighbours(ordered=True):
    """Languages in which a word's concept depends on the word before; not ``ordered``: words of a sentence
    are shuffled after they have their labels."""
    means, cache = stream(0, "means").normal(size=(3, 12)), {}

    def load(language, split):
        if (language, split) not in cache:
            random = stream(0, language, split)
            lengths = random.integers(2, 12, size=100)
            offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
            kind = random.integers(0, 3, size=offsets[-1])
            x = means[kind] + 0.3 * random.normal(size=(offsets[-1], 12))
            after = np.concatenate([[False], kind[:-1] == 0])
            after[offsets[:-1]] = False
            y = 2 * kind + after
            if not ordered:
                parts = [offsets[s] + random.permutation(lengths[s]) for s in range(len(lengths))]
                x, y = x[np.concatenate(parts)], y[np.concatenate(parts)]
            x, y = torch.from_numpy(x).float(), torch.from_numpy(y.astype(np.int64))
            cache[language, split] = Features(language, CONCEPTS, x, y, offsets)
        return cache[language, split]

    return TrainingData("en", ("en", "de", "fr", "ru"), ("et", "he"), CONCEPTS, load, {})


@pytest.fixture(scope="module")
def planted_order():
    return neighbours()


@pytest.fixture(scope="module")
def tagger(planted_order):
    return registry.create("tagger", options=SMALL).fit(planted_order, seed=0)


@pytest.fixture(scope="module")
def pooled(planted_order):
    options = {"hidden": 32, "epochs": 3, "batch": 128, "adapts": "none"}
    return registry.create("pooled", options=options).fit(planted_order, seed=0)


def test_a_label_that_depends_on_the_neighbour_is_learned_in_order(tagger, pooled, planted_order):
    test = planted_order.load("zz", "test")
    assert accuracy(tagger.adapt(), test) > 0.95
    assert accuracy(pooled.adapt(), test) < 0.75  # two in three words do not follow an "a"


def test_where_words_are_shuffled_within_sentences_neighbours_tell_nothing(pooled, planted_order):
    data = neighbours(ordered=False)
    shuffled = registry.create("tagger", options=SMALL).fit(data, seed=0)
    alone = accuracy(pooled.adapt(), planted_order.load("zz", "test"))
    assert abs(accuracy(shuffled.adapt(), data.load("zz", "test")) - alone) < 0.04


def test_without_borders_every_word_is_a_sentence(tagger, planted_order):
    test = planted_order.load("zz", "test")
    classifier = tagger.adapt()
    alone = Sentences(test.x, np.arange(test.words + 1))
    torch.testing.assert_close(classifier.scores(test.x), classifier.scores(alone))
    assert not torch.allclose(classifier.scores(test.sentences), classifier.scores(alone), atol=0.1)


def test_a_sentence_is_read_the_same_whatever_it_is_read_with(tagger, planted_order, monkeypatch):
    """Sentences do not see each other, wherever words are cut to be scored; empty ones change nothing."""
    test = planted_order.load("zz", "test")
    classifier = tagger.adapt()
    whole = classifier.scores(test.sentences)
    monkeypatch.setattr("concept_align.meta.learners.classifier.CHUNK", 20)
    torch.testing.assert_close(classifier.scores(test.sentences), whole)
    order = np.random.default_rng(0).permutation(test.sents)
    turned, rows = test.sentences.take(order)
    torch.testing.assert_close(classifier.scores(turned), whole[rows])
    empty = Sentences(test.x, np.sort(np.concatenate([test.offsets, test.offsets[3:9]])))
    torch.testing.assert_close(classifier.scores(empty), whole)


def test_sentences_are_cut_between_and_never_within():
    offsets = np.array([0, 3, 3, 10, 12, 13])
    words = Sentences(torch.arange(26.0).reshape(13, 2), offsets)
    for most in (1, 2, 3, 7, 12, 100):
        parts = words.split(most)
        assert torch.equal(torch.cat([part.x for part in parts]), words.x)
        assert {len(part.x) for part in parts if part.sents == 1} <= {0, 1, 2, 3, 7}
        ends = np.cumsum([part.words for part in parts])
        assert set(ends.tolist()) <= set(offsets.tolist())
        assert all(part.words <= most or np.count_nonzero(np.diff(part.offsets)) == 1 for part in parts)
    joined = Sentences.joined(words.split(7))
    assert joined.offsets.tolist() == offsets.tolist() and torch.equal(joined.x, words.x)


def test_words_are_packed_first_words_first():
    order, sizes = packing(np.array([0, 1, 1, 4, 6]))
    assert order.tolist() == [1, 4, 0, 2, 5, 3] and sizes.tolist() == [3, 2, 1]


def test_packed_sentences_are_read_as_one_by_one():
    reader = SentenceReader(5, 3, hidden=4, reads=3, dropout=0.3, generator=torch.Generator().manual_seed(0))
    x, offsets = torch.randn(9, 5, generator=torch.Generator().manual_seed(1)), np.array([0, 2, 7, 9])
    found = reader.eval()(Sentences(x, offsets))
    for low, high in itertools.pairwise(offsets):
        h = torch.nn.functional.leaky_relu(reader.word(x[low:high]), 0.2)
        s = reader.reads(h.unsqueeze(1))[0].squeeze(1)
        torch.testing.assert_close(found[low:high], reader.head(torch.cat([h, s], 1)))


def test_batches_hold_every_sentence_once_and_are_of_like_length(planted_order):
    batches = SentenceBatches(planted_order, seed=0, stage="test", size=8, cap=1000)
    lengths, spread, seen = [], [], 0
    for step in range(batches.steps):
        sentences, y = batches(0, step)
        own = np.diff(sentences.offsets)
        assert len(y) == sentences.words
        seen += sentences.sents
        lengths += own.tolist()
        spread.append(own.std())
    every = [np.diff(planted_order.load(code, "train").offsets) for code in planted_order.train]
    assert sorted(lengths) == sorted(np.concatenate(every).tolist()) and seen == 400
    assert np.mean(spread) < 0.2 * np.std(lengths)
    assert not torch.equal(batches(0, 0)[1], batches(1, 0)[1])


def test_labels_of_sentences_stay_with_their_words(planted_order):
    batches = SentenceBatches(planted_order, seed=0, stage="test", size=4, cap=10)
    sentences, y = batches(0, 0)
    known = {tuple(x.tolist()): int(label) for code in planted_order.train
             for x, label in zip(planted_order.load(code, "train").x, planted_order.load(code, "train").y,
                                 strict=True)}  # fmt: skip
    assert [known[tuple(x.tolist())] for x in sentences.x] == y.tolist()
    assert batches.steps == 10


def test_a_round_draws_whole_sentences_up_to_so_many_words():
    offsets = np.cumsum([0, *range(1, 30)])
    words = Sentences(torch.arange(float(offsets[-1])).unsqueeze(1), offsets)
    some = drawn(words, 100, 0)
    assert isinstance(some, Sentences) and 60 <= some.words <= 100
    for low, high in itertools.pairwise(some.offsets):
        first = int(some.x[low, 0])
        assert first in offsets and some.x[low:high, 0].tolist() == list(range(first, first + high - low))


def test_unlabelled_sentences_are_learned_from_in_order(tagger, planted_order):
    train, test = planted_order.load("zz", "train"), planted_order.load("zz", "test")
    config = dataclasses.replace(tagger.config, rounds=1, round_lr=1e-2)
    aligner = TaggerAligner(config, tagger.model, tagger.known)
    assert aligner.transductive and not tagger.transductive
    with_borders = aligner.adapt(unlabelled=train.sentences)
    without = aligner.adapt(unlabelled=train.x)
    assert accuracy(with_borders, test) > 0.95
    assert not torch.allclose(with_borders.scores(test.sentences), without.scores(test.sentences), atol=0.05)
    again = aligner.adapt(unlabelled=Sentences(train.x.clone(), train.offsets))
    assert torch.equal(again.scores(test.sentences), with_borders.scores(test.sentences))
    assert aligner.start(train.sentences, tagger.known) is aligner.start(train.sentences, tagger.known)


def test_steps_are_on_whole_sentences_of_the_support(tagger, planted_order):
    train, test = planted_order.load("zz", "train"), planted_order.load("zz", "test")
    support = train.of_sentences(np.arange(6))
    config = tagger.config
    aligner = TaggerAligner(config, tagger.model, tagger.known, {1: 7})
    found = aligner.adapt(support, seed=2).scores(test.sentences)
    model = copy.deepcopy(tagger.model)
    descent = Descent(config.adapt_lr, None, config.adapt_batch, 7, pull=config.adapt_pull)
    descent.run(model.members[0], support.sentences, support.y, tagger.known, 2, "adapt", 0)
    torch.testing.assert_close(found, model(test.sentences).log_softmax(1))


def test_a_fit_that_was_stopped_goes_on_exactly(planted_order, tmp_path):
    options = SMALL | {"epochs": 2, "adapt_steps": [0]}
    whole = registry.create("tagger", options=options).fit(planted_order, seed=0)

    class Stops(Exception):
        pass

    class Bars:
        def bar(self, *args, **kwargs):
            return self

        def advance(self, by=1):
            pass

        def note(self, text):
            raise Stops

    learner = registry.create("tagger", options=options)
    with pytest.raises(Stops):
        learner.fit(planted_order, seed=0, folder=tmp_path, progress=Bars())
    again = learner.fit(planted_order, seed=0, folder=tmp_path)
    for name, value in whole.tensors().items():
        assert torch.equal(value, again.tensors()[name]), name


def test_options_whose_numbers_are_impossible_are_refused():
    for wrong in ({"hidden": 0}, {"reads": 0}, {"batch": 0}, {"dropout": 1.0}, {"sharpen": 0.0}):
        assert Tagger(**wrong).impossible() is not None
    assert Tagger().impossible() is None


def test_other_learners_pass_over_borders(fitted, shared):
    train, test = shared.load("zz", "train"), shared.load("zz", "test")
    support = train.of_sentences(np.arange(10))
    for name in ("pooled", "self-train"):
        aligner: Aligner = fitted(name, shared)
        assert not aligner.sequential
        plain = aligner.adapt(support, unlabelled=train.x, seed=1)
        told = aligner.adapt(support, unlabelled=train.sentences, seed=1)
        assert not isinstance(plain, Classifier) or not plain.sequential
        assert torch.equal(plain.scores(test.x), told.scores(test.sentences)), name
        assert plain.predict(test.x[:5]) == told.predict(test.sentences)[:5]
