"""Translation retrieval: ranks, ties, hubs, and what it takes from a model."""

import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.seeding import stream
from concept_align.tuning.retrieval import likeness, retrieval


def drawn(n: int, dim: int = 16, *, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(stream(seed, "retrieval-test").normal(size=(n, dim)))


def test_a_sentence_finds_itself_whatever_the_rotation_and_the_length_of_vectors():
    a = drawn(40)
    turned, _ = torch.linalg.qr(drawn(16, seed=1))
    lengths = torch.linspace(0.1, 9.0, 40)[:, None].double()
    found = retrieval(a @ turned, lengths * (a @ turned))
    assert (found.p1, found.mrr) == (1.0, 1.0)


def test_unrelated_vectors_are_at_chance():
    n = 400
    found = retrieval(drawn(n), drawn(n, seed=1))
    assert found.p1 == pytest.approx(1 / n, abs=4 * np.sqrt(1 / n / n))


@pytest.mark.parametrize("csls", [0, 3])
def test_a_model_that_gives_all_sentences_one_vector_is_at_chance(csls):
    n = 25
    found = retrieval(torch.ones(n, 4), torch.ones(n, 4), csls=csls)
    assert found.p1 == pytest.approx(1 / n)
    assert found.mrr == pytest.approx(np.mean(1 / np.arange(1, n + 1)))


def test_equal_sentences_share_the_first_place():
    a = torch.eye(3).double()[[0, 0, 1, 2]]
    found = retrieval(a, a)
    np.testing.assert_allclose(found.first, [[0.5, 0.5, 1, 1]] * 2)
    np.testing.assert_allclose(found.reciprocal, [[0.75, 0.75, 1, 1]] * 2)


def test_both_ways_are_told_apart():
    a = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    b = torch.tensor([[1.0, 0.1], [0.9, 0.44]])
    found = retrieval(a, b)
    np.testing.assert_array_equal(found.first, [[1, 1], [1, 1]])
    hub = torch.tensor([[1.0, 0.1], [0.0, -1.0]])
    found = retrieval(a, hub)
    np.testing.assert_array_equal(found.first[0], [1, 0])  # both of a are nearest to the first
    np.testing.assert_array_equal(found.reciprocal[0], [1, 0.5])
    assert found.p1 == pytest.approx(found.first.mean())


def test_the_order_of_sentences_does_not_matter():
    a, b = drawn(30), drawn(30) + 2 * drawn(30, seed=1)
    order = torch.from_numpy(stream(0, "order").permutation(30))
    found, again = retrieval(a, b), retrieval(a[order], b[order])
    np.testing.assert_array_equal(found.first[:, order], again.first)
    assert 0.05 < found.p1 < 0.95


def test_csls_is_the_published_formula_and_no_hub_is_everybodys_nearest():
    a, b = drawn(12), drawn(12, seed=1)
    found, k = likeness(a, b, csls=4), 4
    unit = [rows / rows.norm(dim=1, keepdim=True) for rows in (a, b)]
    cosines = unit[0] @ unit[1].T
    for i, j in ((0, 0), (3, 7), (11, 2)):
        near = cosines[i].sort(descending=True).values[:k].mean()
        also = cosines[:, j].sort(descending=True).values[:k].mean()
        assert float(found[i, j]) == pytest.approx(float(2 * cosines[i, j] - near - also))
    # What all sentences share is nearest to each of them: a hub, that is none by CSLS.
    shared = 3 * torch.ones(40).double()
    a = shared + drawn(60, 40)
    b = a + 1.5 * drawn(60, 40, seed=1)
    b[0] = shared
    raw, corrected = (retrieval(a, b, csls=k).first[0].mean() for k in (0, 5))
    assert raw < 0.2
    assert corrected > raw + 0.3


@pytest.mark.parametrize(("n", "m"), [(1, 1), (0, 0), (3, 4)])
def test_what_cannot_be_searched_is_refused(n, m):
    with pytest.raises(UsageError, match="cannot be searched"):
        retrieval(torch.ones(n, 2), torch.ones(m, 2))
