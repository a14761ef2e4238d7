"""Batches keep the budget, waste little on padding, and lose no sentence."""

import numpy as np
import pytest

from concept_align.models.batches import batches, windows


@pytest.fixture
def lengths():
    return np.random.default_rng(0).integers(3, 90, size=2000)


@pytest.mark.parametrize("budget", [1, 64, 512, 2048])
def test_every_sentence_is_in_one_batch_within_the_budget(lengths, budget):
    found = batches(lengths, budget)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
    for rows in found:
        assert len(rows) == 1 or len(rows) * lengths[rows].max() <= budget


def test_sorted_batches_carry_next_to_no_padding(lengths):
    found = batches(lengths, 1024)
    assert sum(len(rows) * lengths[rows].max() for rows in found) <= 1.02 * lengths.sum()


def test_the_largest_batch_comes_first_so_that_memory_fails_early(lengths):
    longest = [int(lengths[rows].max()) for rows in batches(lengths, 512)]
    assert longest == sorted(longest, reverse=True)


def test_equal_lengths_means_no_padding(lengths):
    found = batches(lengths, 1024, equal_lengths=True)
    assert all(len(set(lengths[rows].tolist())) == 1 for rows in found)
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))


def test_no_sentences_make_no_batches():
    assert batches(np.zeros(0, np.int64), 512) == [] and list(windows(np.zeros(0, np.int64), 10)) == []


def test_windows_are_consecutive_and_bounded():
    words = np.random.default_rng(1).integers(0, 50, size=500)
    found = list(windows(words, 120, 20))
    assert [i for span in found for i in span] == list(range(500))
    assert all(len(span) <= 20 and words[span.start : span.stop].sum() <= 120 for span in found)


def test_a_sentence_larger_than_the_window_stands_alone():
    assert list(windows(np.array([5, 500, 5]), 100)) == [range(0, 1), range(1, 2), range(2, 3)]
