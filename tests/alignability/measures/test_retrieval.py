import numpy as np
import pytest
import torch

from concept_align.alignability.measures import Retrieval
from concept_align.alignability.measures.retrieval import NEIGHBOURS, RIDGE, csls, leave_one_out


def predicted(a, b, ridge):
    """Places predicted for each concept by a ridge map fitted without it, and the means it was fitted on."""
    concepts = len(a)
    moved = a - a.mean(0)
    penalty = ridge * np.sum(moved**2) / (concepts - 1)
    places, means = [], []
    for k in range(concepts):
        rest = np.arange(concepts) != k
        x, y = a[rest] - a[rest].mean(0), b[rest] - b[rest].mean(0)
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(a.shape[1]), x.T @ y)
        means.append(b[rest].mean(0))
        places.append((a[k] - a[rest].mean(0)) @ weights + means[-1])
    return np.array(places), np.array(means)


def likeness(a, b, ridge):
    places, means = predicted(a, b, ridge)
    cosine = np.empty((len(a), len(a)))
    for k in range(len(a)):
        u = places[k] - means[k]
        for j in range(len(a)):
            v = b[j] - means[k]
            cosine[k, j] = u @ v / np.sqrt((u @ u) * (v @ v))
    return cosine


def rank_of_truth(table):
    return np.array(
        [1 + sum(table[k, j] >= table[k, k] for j in range(len(table)) if j != k) for k in range(len(table))]
    )


@pytest.mark.parametrize("ridge", [0.01, RIDGE, 1.0])
@pytest.mark.parametrize("dims", [(4, 6), (30, 30)])
def test_all_predictions_at_once_are_those_of_the_loop_that_leaves_each_concept_out(dims, ridge):
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((9, dim)) + 5 for dim in dims)
    maps = leave_one_out(torch.from_numpy(a @ a.T)[None], ridge)[0].numpy()
    places, means = predicted(a, b, ridge)
    np.testing.assert_allclose(maps @ b, places - means, atol=1e-8)
    np.testing.assert_allclose(maps.sum(1), 0, atol=1e-10)
    assert not np.diag(maps).any()


@pytest.mark.parametrize("with_csls", [False, True])
def test_scores_are_those_of_the_loop(with_csls, spaces, score):
    for seed in range(4):
        a, b = spaces(2, 11, 6, seed=seed)
        table = likeness(a, b, RIDGE)
        if with_csls:
            near = np.sort(table, axis=0)[-NEIGHBOURS:].mean(0)
            table = 2 * table - near
        ranks = rank_of_truth(table)
        assert score(Retrieval("p1", with_csls), a, b) == pytest.approx(np.mean(ranks == 1))
        assert score(Retrieval("mrr", with_csls), a, b) == pytest.approx(np.mean(1 / ranks))


def test_a_rotated_space_of_few_dimensions_is_retrieved(spaces, score):
    (a,) = spaces(1, 17, 3)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    assert score(Retrieval(ridge=1e-4), a, a @ turn) == 1
    assert score(Retrieval("mrr", ridge=1e-4), a, a @ turn) == 1


def test_csls_turns_from_a_prototype_that_is_near_to_everything():
    cosine = torch.tensor([[0.5, 0.1, 0.6], [0.1, 0.5, 0.6], [0.0, 0.1, 0.9]], dtype=torch.float64)
    assert (cosine.argmax(-1) == torch.tensor([2, 2, 2])).all()
    assert (csls(cosine, 2).argmax(-1) == torch.tensor([0, 1, 2])).all()


def test_equal_prototypes_are_a_miss(score):
    random = np.random.default_rng(0)
    a = random.standard_normal((8, 3))
    b = np.repeat(random.standard_normal((4, 3)), 2, axis=0)
    assert score(Retrieval(), a, b) == 0
