import numpy as np
import pytest
import torch

from concept_align.correspondence.measures import Retrieval
from concept_align.correspondence.measures.retrieval import (
    NEIGHBOURS,
    RIDGE,
    hats,
    leave_one_out,
    leave_two_out,
    places,
    scaled,
)


def predicted(a, b, out, ridge):
    """What a map fitted without ``out`` predicts for the first, less the mean of the rest; that mean."""
    moved = a - a.mean(0)
    penalty = ridge * np.sum(moved**2) / (len(a) - 1)
    rest = np.setdiff1d(np.arange(len(a)), out)
    x, y = a[rest] - a[rest].mean(0), b[rest] - b[rest].mean(0)
    weights = np.linalg.solve(x.T @ x + penalty * np.eye(a.shape[1]), x.T @ y)
    return (a[out[0]] - a[rest].mean(0)) @ weights, b[rest].mean(0)


def directions(a, b, ridge):
    """The prediction for k without k and j times the directions of k and of j, [K, K] twice."""
    concepts = len(a)
    truth, rival = np.zeros((concepts, concepts)), np.zeros((concepts, concepts))
    for k in range(concepts):
        for j in set(range(concepts)) - {k}:
            place, mean = predicted(a, b, [k, j], ridge)
            for table, one in ((truth, k), (rival, j)):
                table[k, j] = place @ (b[one] - mean) / np.linalg.norm(b[one] - mean)
    return truth, rival


def ranks(truth, rival):
    lost = rival >= truth
    np.fill_diagonal(lost, True)
    return lost.sum(1)


@pytest.mark.parametrize("ridge", [0.01, RIDGE, 1.0])
@pytest.mark.parametrize("dims", [(4, 6), (30, 30)])
def test_all_predictions_at_once_are_those_of_maps_fitted_one_by_one(dims, ridge):
    random = np.random.default_rng(0)
    a, b = (random.standard_normal((9, dim)) + 5 for dim in dims)
    hat = hats(torch.from_numpy(a @ a.T)[None], ridge)
    one, two = leave_one_out(hat)[0].numpy(), leave_two_out(hat)[0].numpy()
    for k in range(9):
        place, _ = predicted(a, b, [k], ridge)
        np.testing.assert_allclose(one[k] @ b, place, atol=1e-7)
        for j in set(range(9)) - {k}:
            place, _ = predicted(a, b, [k, j], ridge)
            np.testing.assert_allclose(two[k, j] @ b, place, atol=1e-7)
            assert two[k, j, k] == two[k, j, j] == 0
    np.testing.assert_allclose(one.sum(-1), 0, atol=1e-9)
    np.testing.assert_allclose(two.sum(-1), 0, atol=1e-9)


def test_scores_are_those_of_the_loop(spaces, score):
    for seed in range(4):
        a, b = spaces(2, 9, 6, seed=seed)
        found = ranks(*directions(a, b, RIDGE))
        assert score(Retrieval("p1"), a, b) == pytest.approx(np.mean(found == 1))
        assert score(Retrieval("mrr"), a, b) == pytest.approx(np.mean(1 / found))


def test_scores_with_csls_are_those_of_the_loop(spaces, score):
    for seed in range(4):
        a, b = spaces(2, 9, 6, seed=seed)
        length = np.array([[np.linalg.norm(predicted(a, b, [k], RIDGE)[0])] for k in range(9)])
        truth, rival = (table / length for table in directions(a, b, RIDGE))
        np.fill_diagonal(rival, -np.inf)
        near = np.sort(rival, axis=0)[-NEIGHBOURS:].mean(0)
        found = ranks(2 * truth - near[:, None], 2 * rival - near)
        assert score(Retrieval("p1", True), a, b) == pytest.approx(np.mean(found == 1))
        assert score(Retrieval("mrr", True), a, b) == pytest.approx(np.mean(1 / found))


def test_a_rotated_space_of_few_dimensions_is_retrieved(spaces, score):
    (a,) = spaces(1, 17, 3)
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    assert score(Retrieval(ridge=1e-4), a, a @ turn) == 1
    assert score(Retrieval("mrr", ridge=1e-4), a, a @ turn) == 1


def test_a_neighbour_that_stays_is_found_by_leaving_it_out_too(spaces, score):
    """Pairs of near prototypes: a map fitted on one of two predicts the place of that one for the other."""
    random = np.random.default_rng(0)
    core = np.repeat(random.standard_normal((8, 40)), 2, axis=0)
    a = core + 0.5 * random.standard_normal((16, 40))
    b = a @ np.linalg.qr(random.standard_normal((40, 40)))[0]
    single = leave_one_out(hats(torch.from_numpy(a @ a.T)[None]))[0].numpy() @ b
    nearest = (single @ (b - b.mean(0)).T).argmax(1)
    assert (nearest == np.arange(16)).mean() < 0.2
    assert (nearest == (np.arange(16) ^ 1)).mean() > 0.5
    assert score(Retrieval(), a, b) > 0.6


def test_csls_turns_from_a_prototype_that_is_near_to_everything():
    """Concept 0's prototype is near to every prediction, more than any other's own."""
    truth, rival = torch.full((6, 6), 0.5, dtype=torch.float64), torch.zeros(6, 6, dtype=torch.float64)
    truth[0], rival[:, 0] = 0.9, 0.6
    truth, rival = truth[:, None, :, None], rival[:, None, :, None]
    assert places(truth, rival).flatten().tolist() != [1] * 6
    assert places(*scaled(truth, rival)).flatten().tolist() == [0] * 6


def test_equal_prototypes_are_a_miss(score):
    random = np.random.default_rng(0)
    a = random.standard_normal((8, 3))
    b = np.repeat(random.standard_normal((4, 3)), 2, axis=0)
    assert score(Retrieval(), a, b) == 0


def test_a_space_that_is_all_noise_once_its_bias_is_gone_is_scored_or_has_no_value():
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 6, 40))
    grams = torch.from_numpy(x @ x.transpose(0, 2, 1))[None]
    lowered = grams - 41.0 * torch.eye(6, dtype=torch.float64)  # negative and positive eigenvalues
    nothing = grams - 1e4 * torch.eye(6, dtype=torch.float64)
    pairs, none = torch.tensor([[0, 1]]), torch.zeros(0, 6, dtype=torch.int64)
    assert torch.isfinite(Retrieval().compare(lowered, grams, pairs, none).values).all()
    assert torch.isnan(Retrieval().compare(nothing, grams, pairs, none).values).all()
