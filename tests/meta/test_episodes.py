import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from concept_align.errors import LearningError
from concept_align.meta.episodes import Episode, Pool, batch, schedule
from concept_align.spaces.features import Features


def features(lengths, classes=5, dim=3, seed=0):
    rng = np.random.default_rng(seed)
    words = sum(lengths)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    y = torch.from_numpy(rng.integers(0, classes, size=words))
    x = torch.from_numpy(rng.normal(size=(words, dim))).float()
    return Features("xx", tuple("abcdefghij"[:classes]), x, y, offsets)


@settings(max_examples=150)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=4, max_size=30),
    shots=st.integers(0, 10),
    queries=st.integers(0, 10),
    smoothing=st.booleans(),
    number=st.integers(0, 10_000),
)
def test_support_and_query_never_share_a_sentence(lengths, shots, queries, smoothing, number):
    pool = Pool(features(lengths))
    if shots + queries > len(pool.sentences):
        with pytest.raises(LearningError, match="too few"):
            pool.episode(0, "s", number, shots=shots, queries=queries)
        return
    episode = pool.episode(0, "s", number, shots=shots, queries=queries, smoothing=smoothing)
    support, query = set(episode.support.tolist()), set(episode.query.tolist())
    assert not support & query
    assert len(support) == len(episode.support) >= shots
    assert len(query) == len(episode.query) <= queries
    assert all(lengths[sentence] for sentence in support | query)


def test_an_episode_whose_parts_overlap_cannot_be_made():
    with pytest.raises(LearningError, match="share"):
        Episode("xx", np.array([1, 2]), np.array([2, 3]))


def test_smoothing_gives_the_support_every_class_of_the_pool():
    pool = Pool(features([1] * 60, classes=8))
    episode = pool.episode(0, "s", 0, shots=2, queries=10)
    seen = pool.features.of_sentences(episode.support).y.unique()
    assert len(seen) == 8
    plain = pool.episode(0, "s", 0, shots=2, queries=10, smoothing=False)
    assert len(plain.support) == 2
    assert set(plain.support) <= set(episode.support)


def test_a_class_too_rare_for_the_pool_is_not_asked_for():
    y = torch.tensor([0] * 30 + [1])
    rare = Features("xx", ("a", "b"), torch.zeros(31, 2), y, np.arange(32, dtype=np.int64))
    assert set(Pool(rare).having) == {0, 1}
    assert set(Pool(rare, least=2).having) == {0}


def test_an_episode_depends_on_its_name_and_number_alone():
    pool = Pool(features([3] * 40))
    alone = pool.episode(7, "few", 12, shots=5, queries=10)
    for number in range(5):
        pool.episode(7, "few", number, shots=5, queries=10)
    again = Pool(features([3] * 40)).episode(7, "few", 12, shots=5, queries=10)
    assert np.array_equal(alone.support, again.support)
    assert np.array_equal(alone.query, again.query)
    other = pool.episode(7, "zero", 12, shots=5, queries=10)
    assert not np.array_equal(alone.query, other.query)


def test_a_schedule_has_every_episode_once_and_none_again_in_the_next_epoch():
    first = schedule(0, "s", 0, ("en", "de", "fr"), 4)
    second = schedule(0, "s", 1, ("en", "de", "fr"), 4)
    assert sorted(first) == sorted((language, n) for language in ("en", "de", "fr") for n in range(4))
    assert not set(first) & set(second)
    assert first != sorted(first)


def test_a_batch_holds_each_episodes_words_in_its_own_row():
    pools = {"xx": Pool(features([2, 3, 1, 4, 2, 5, 1, 2]))}
    episodes = [pools["xx"].episode(0, "s", n, shots=2, queries=2, smoothing=False) for n in range(3)]
    made = batch(episodes, pools)
    assert made.tasks == 3
    x = made.query.x[: len(made.query.y)]
    assert bool((made.query.x[len(made.query.y) :] == 0).all())
    assert torch.equal(made.query.flat(made.query.padded(x)), x)
    for row, episode in enumerate(episodes):
        expected = pools["xx"].features.of_sentences(episode.query)
        padded = made.query.padded(x)[row]
        assert torch.equal(padded[: expected.words], expected.x)
        assert torch.equal(made.query.y[made.query.task == row], expected.y)
        assert bool((padded[expected.words :] == 0).all())
