"""Pooling against loops over words."""

import numpy as np
import pytest
import torch

from concept_align.models.batches import pool, word_index
from concept_align.models.protocol import Pieces


@pytest.fixture
def batch():
    def sentence(begin, end):
        size = max(end) + 1
        return Pieces(np.arange(size, dtype=np.int32), np.array(begin, np.int32), np.array(end, np.int32), 0)

    # words that share pieces, a gap between words, a sentence without words
    rows = [sentence([1, 1, 4], [3, 3, 5]), sentence([1], [6]), sentence([2, 3], [4, 4])]
    none = np.zeros(0, np.int32)
    return [*rows, Pieces(np.zeros(2, np.int32), none, none, 0)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
def test_words_equal_a_loop(batch, pooling, dtype):
    states = torch.randn(4, 8, 5, generator=torch.Generator().manual_seed(0)).to(dtype)
    expected = []
    for row, sentence in enumerate(batch):
        for begin, end in zip(sentence.begin, sentence.end, strict=True):
            piece = states[row, begin:end].float()
            expected.append({"first": piece[0], "last": piece[-1], "mean": piece.mean(0)}[pooling])
    found = pool(states, word_index(batch, 8, pooling))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, torch.stack(expected), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("pooling", ["first", "last", "mean"])
def test_padding_is_never_read(batch, pooling):
    states = torch.full((4, 8, 3), float("nan"))
    for row, sentence in enumerate(batch):
        states[row, : len(sentence.ids)] = 1.0
    assert torch.isfinite(pool(states, word_index(batch, 8, pooling))).all()


def test_bfloat16_means_are_summed_in_float32():
    states = torch.ones(1, 400, 1, dtype=torch.bfloat16)  # in bfloat16 a sum of ones stops at 256
    word = Pieces(np.zeros(400, np.int32), np.array([0], np.int32), np.array([400], np.int32), -1)
    assert pool(states, word_index([word], 400, "mean")).item() == 1.0


def test_a_batch_without_words_gives_no_rows():
    none = np.zeros(0, np.int32)
    empty = Pieces(np.zeros(2, np.int32), none, none, -1)
    assert pool(torch.ones(1, 2, 3), word_index([empty], 2, "mean")).shape == (0, 3)
