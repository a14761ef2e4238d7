import pytest
import torch

from concept_align.meta.solvers import cross, polar, ridge, rigid


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def turn(rank, seed=0):
    return torch.linalg.qr(draw(rank, rank, seed=seed)).Q


@pytest.mark.parametrize("words", [1, 4, 9, 30])  # in words, and in the nine features
def test_ridge_is_the_direct_solution(words):
    features, targets = draw(2, words, 9), draw(2, words, 3, seed=1)
    strength = torch.tensor(0.3, dtype=torch.float64)
    transposed = features.transpose(1, 2)
    direct = torch.linalg.inv(transposed @ features + strength * torch.eye(9, dtype=torch.float64)) @ (
        transposed @ targets
    )
    torch.testing.assert_close(ridge(features, targets, strength), direct, rtol=1e-10, atol=1e-10)


def test_ridge_without_words_is_zero():
    found = ridge(draw(0, 5), draw(0, 2), torch.tensor(1.0, dtype=torch.float64))
    assert torch.equal(found, torch.zeros(5, 2, dtype=torch.float64))


@pytest.mark.parametrize("words", [4, 30])
def test_rows_of_zero_have_no_part_in_ridge(words):
    features, targets = draw(words, 9), draw(words, 3, seed=1)
    strength = torch.tensor(0.3, dtype=torch.float64)
    padded = torch.cat([features, torch.zeros(5, 9, dtype=torch.float64)])
    more = torch.cat([targets, draw(5, 3, seed=2)])
    torch.testing.assert_close(ridge(padded, more, strength), ridge(features, targets, strength))


@pytest.mark.parametrize("words", [3, 12])
def test_gradients_of_ridge_are_exact(words):
    features, targets = draw(words, 6).requires_grad_(), draw(words, 2, seed=1).requires_grad_()
    strength = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(ridge, (features, targets, strength))


def test_the_polar_factor_is_orthogonal_and_nearest():
    matrix = draw(3, 5, 5)
    found = polar(matrix)
    eye = torch.eye(5, dtype=torch.float64)
    torch.testing.assert_close(found @ found.transpose(1, 2), eye.expand(3, 5, 5))
    distance = (matrix - found).norm(dim=(1, 2))
    for seed in range(10):
        assert bool((distance < (matrix - turn(5, seed)).norm(dim=(1, 2))).all())


def test_gradients_of_the_polar_factor_are_exact():
    assert torch.autograd.gradcheck(polar, (draw(2, 4, 4).requires_grad_(),))


def test_gradients_of_the_polar_factor_are_exact_where_singular_values_are_equal():
    eye = 3 * torch.eye(4, dtype=torch.float64)
    assert torch.autograd.gradcheck(polar, (eye.requires_grad_(),))
    assert torch.autograd.gradcheck(polar, ((turn(4) * 2).requires_grad_(),))


@pytest.mark.parametrize("matrix", [torch.zeros(3, 3), torch.diag(torch.tensor([1.0, 0.0, 0.0]))])
def test_gradients_of_the_polar_factor_are_finite_where_it_has_none(matrix):
    matrix.requires_grad_()
    (polar(matrix) * draw(3, 3).float()).sum().backward()
    assert bool(matrix.grad.isfinite().all())


def penalised(points, goals, weights, rotation, shift, turned, moved):
    fit = (weights * (points @ rotation.T + shift - goals).square().sum(1)).sum()
    eye = torch.eye(len(rotation), dtype=rotation.dtype)
    return float(fit + turned * (rotation - eye).square().sum() + moved * shift.square().sum())


def test_the_rigid_map_is_the_best_of_all_near_it():
    points, goals, weights = draw(6, 3), draw(6, 3, seed=1), draw(6, seed=2).abs()
    penalties = torch.tensor(0.8, dtype=torch.float64), torch.tensor(0.4, dtype=torch.float64)
    rotation, shift = rigid(points, goals, weights, turn=penalties[0], move=penalties[1])
    best = penalised(points, goals, weights, rotation, shift, *penalties)
    for seed in range(20):
        skew = draw(3, 3, seed=seed) * 0.1
        other = torch.linalg.matrix_exp(skew - skew.T) @ rotation
        moved = shift + 0.1 * draw(3, seed=seed + 100)
        assert penalised(points, goals, weights, other, shift, *penalties) > best
        assert penalised(points, goals, weights, rotation, moved, *penalties) > best
        assert penalised(points, goals, weights, other, moved, *penalties) > best


def test_the_rigid_map_finds_a_planted_one_and_goes_to_the_identity_as_penalties_grow():
    points, planted = draw(8, 4), turn(4)
    goals = points @ planted.T + draw(4, seed=1)
    weights = torch.ones(8, dtype=torch.float64)
    far = []
    for size in (1e-12, 1.0, 100.0, 1e12):
        penalty = torch.tensor(size, dtype=torch.float64)
        rotation, shift = rigid(points, goals, weights, turn=penalty, move=penalty)
        far.append(float((rotation - torch.eye(4)).norm() + shift.norm()))
        if size == 1e-12:
            torch.testing.assert_close(points @ rotation.T + shift, goals)
    assert far == sorted(far, reverse=True)
    assert far[-1] < 1e-9


def test_the_rigid_map_of_no_words_is_the_identity_with_finite_gradients():
    penalty = torch.tensor(2.0, requires_grad=True)
    points = torch.zeros(5, 3, requires_grad=True)
    rotation, shift = rigid(points, draw(5, 3).float(), torch.zeros(5), turn=penalty, move=penalty)
    torch.testing.assert_close(rotation, torch.eye(3))
    assert torch.equal(shift, torch.zeros(3))
    (rotation.square().sum() + rotation[0, 1] + shift.sum()).backward()
    assert bool(points.grad.isfinite().all())
    assert float(penalty.grad) == pytest.approx(0, abs=1e-6)


def test_tasks_side_by_side_are_solved_apart():
    points, goals, weights = draw(3, 6, 4), draw(6, 4, seed=1).expand(3, 6, 4), draw(3, 6, seed=2).abs()
    penalty = torch.tensor(0.5, dtype=torch.float64)
    rotation, shift = rigid(points, goals, weights, turn=penalty, move=penalty)
    for task in range(3):
        alone = rigid(points[task], goals[task], weights[task], turn=penalty, move=penalty)
        torch.testing.assert_close(alone, (rotation[task], shift[task]))


def test_the_cross_product_is_about_the_means_where_moving_is_free():
    points, goals, weights = draw(6, 3), draw(6, 3, seed=1), draw(6, seed=2).abs()
    free = torch.zeros((), dtype=torch.float64)
    moved = cross(points + 5, goals - 7, weights, free)
    torch.testing.assert_close(moved, cross(points, goals, weights, free))
