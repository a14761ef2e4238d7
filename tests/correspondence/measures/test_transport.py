import numpy as np
import pytest
import torch

from concept_align.correspondence.measures import transport_agreement
from concept_align.correspondence.measures.transport import sinkhorn
from concept_align.correspondence.permutations import permutations
from concept_align.errors import UsageError


def words(seed, spread=0.3, concepts=6, dim=8, each=40, offset=0.0):
    """Words around shared prototypes; label -1 is no concept."""
    prototypes = np.random.default_rng(7).standard_normal((concepts, dim))
    random = np.random.default_rng(seed)
    y = random.permutation(np.repeat(np.arange(-1, concepts), each))
    x = prototypes[y] + spread * random.standard_normal((len(y), dim)) + offset
    return torch.from_numpy(x).float(), torch.from_numpy(y)


def test_the_plan_of_little_regularisation_is_the_best_assignment():
    from scipy.optimize import linear_sum_assignment

    cost = torch.from_numpy(np.random.default_rng(0).random((6, 6)))
    plan, error = sinkhorn(cost, 0.004, iterations=20_000)
    rows, columns = linear_sum_assignment(cost.numpy())
    assert error < 1e-6
    assert plan[rows, columns].sum().item() == pytest.approx(1, abs=0.02)
    torch.testing.assert_close(plan.sum(0), torch.full((6,), 1 / 6, dtype=torch.float64))


def test_the_plan_of_much_regularisation_sends_everything_everywhere():
    plan, error = sinkhorn(torch.from_numpy(np.random.default_rng(0).random((5, 4))), 1e4)
    assert error < 1e-6
    torch.testing.assert_close(plan, torch.full((5, 4), 1 / 20, dtype=torch.float64), atol=1e-5, rtol=0)


def test_words_around_the_same_prototypes_go_to_their_own_concept():
    found = transport_agreement(*words(0), *words(1, offset=5.0), words=20, permutations=199)
    assert found.value > 0.9
    assert found.concepts == tuple(range(6)) and found.words == 20
    assert found.mass.sum().item() == pytest.approx(1)
    assert (found.null >= found.value).sum() <= 2  # the identity may be drawn


def test_words_without_structure_go_to_their_own_concept_by_chance():
    values = []
    for seed in range(5):
        (x_a, y_a), (x_b, y_b) = words(2 * seed, spread=50.0), words(2 * seed + 1, spread=50.0)
        values.append(transport_agreement(x_a, y_a, x_b, y_b, words=20, permutations=1).value)
    assert np.mean(values) == pytest.approx(1 / 6, abs=0.05)


def test_the_null_reads_the_table_of_mass_under_other_labels():
    found = transport_agreement(*words(0), *words(1), words=10, permutations=20, seed=3)
    for draw, order in enumerate(permutations(6, 20, 3)):
        assert found.null[draw].item() == pytest.approx(sum(found.mass[k, order[k]].item() for k in range(6)))


def test_the_same_seed_draws_the_same_words():
    first, again, other = (
        transport_agreement(*words(0), *words(1), words=5, permutations=3, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first.mass, again.mass) and not torch.equal(first.mass, other.mass)


def test_concepts_with_too_few_words_in_one_language_are_left_out():
    x, y = words(0)
    kept = (y != 2) | (torch.cumsum(y == 2, 0) <= 9)
    found = transport_agreement(x[kept], y[kept], *words(1), words=10, permutations=1)
    assert found.concepts == (0, 1, 3, 4, 5)


def test_what_cannot_be_transported_is_refused():
    x, y = words(0)
    with pytest.raises(UsageError, match="dimensions 8 and 3"):
        transport_agreement(x, y, x[:, :3], y)
    with pytest.raises(UsageError, match="0 concepts have 500 words"):
        transport_agreement(x, y, x, y, words=500)
