"""Every measure keeps what it declares, and a witness shows that it keeps nothing else."""

import numpy as np
import pytest
import torch

from concept_align.correspondence.measures import MEASURES, find_measure

KINDS = ("rotation", "reflection", "translation", "scale", "linear")
EVERY = MEASURES.names()


def changed(kind, space, random):
    dim = space.shape[1]
    turn, _ = np.linalg.qr(random.standard_normal((dim, dim)))
    turn[:, 0] *= np.sign(np.linalg.det(turn))
    if kind == "rotation":
        return space @ turn
    if kind == "reflection":
        return space @ turn @ np.diag([-1.0] + [1.0] * (dim - 1))
    if kind == "translation":
        return space + 3 * random.standard_normal(dim)
    if kind == "scale":
        return 7.5 * space
    return space @ (turn * np.logspace(-1, 1, dim)) @ turn.T


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("kind", KINDS)
def test_a_score_changes_under_what_is_not_declared_and_only_then(name, kind, spaces, score):
    measure = find_measure(name)
    moved = []
    for seed in range(6):
        a, b = spaces(2, seed=seed)
        random = np.random.default_rng(seed)
        before = score(measure, a, b)
        moved.append(abs(score(measure, changed(kind, a, random), b) - before))
        moved.append(abs(score(measure, a, changed(kind, b, random)) - before))
    if kind in measure.invariances:
        assert max(moved) < 1e-9
    else:
        assert max(moved) > 1e-3


@pytest.mark.parametrize("name", EVERY)
def test_symmetry_is_as_declared(name, spaces, score):
    measure = find_measure(name)
    differences = []
    for seed in range(6):
        a, b = spaces(2, seed=seed)
        differences.append(abs(score(measure, a, b) - score(measure, b, a)))
    assert (max(differences) < 1e-12) == measure.symmetric


@pytest.mark.parametrize("name", EVERY)
def test_a_space_and_itself_score_the_maximum(name, spaces, score):
    measure = find_measure(name)
    a, b = spaces(2, concepts=17, dim=3)
    itself = score(measure, a, a)
    assert itself > score(measure, a, b)
    # A linear map from 16 concepts in three dimensions finds the last one but for the ridge's shrinking.
    assert itself == pytest.approx(1, abs=0.35 if name.startswith("retrieval") else 1e-9)


@pytest.mark.parametrize("name", EVERY)
def test_the_null_is_the_score_of_relabelled_concepts(name, spaces, grams):
    measure = find_measure(name)
    concepts, random = 9, np.random.default_rng(3)
    several = [spaces(4, concepts, seed=layer) for layer in range(2)]
    a, b = (torch.cat([grams(*some[part]) for some in several]) for part in (slice(0, 2), slice(1, 4)))
    pairs = torch.tensor([[0, 0], [1, 2], [0, 1]])
    orders = torch.from_numpy(
        np.stack([np.arange(concepts), *(random.permutation(concepts) for _ in range(5))])
    )
    found = measure.compare(a, b, pairs, orders)
    assert found.values.dtype == torch.float64 and found.values.shape == (2, 3)
    assert found.null.dtype == torch.float32 and found.null.shape == (6, 2, 3)
    for draw, order in enumerate(orders):
        relabelled = b[:, :, order][:, :, :, order]
        expected = measure.compare(a, relabelled, pairs, orders[:0])
        assert expected.null.shape == (0, 2, 3)
        torch.testing.assert_close(found.null[draw].double(), expected.values, atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", EVERY)
def test_one_tensor_given_twice_is_compared_as_two(name, spaces, grams):
    measure = find_measure(name)
    a = grams(*spaces(3))
    pairs, orders = torch.tensor([[0, 1], [2, 0]]), torch.arange(11).flip(0)[None]
    once, twice = measure.compare(a, a, pairs, orders), measure.compare(a, a.clone(), pairs, orders)
    assert torch.equal(once.values, twice.values) and torch.equal(once.null, twice.null)


@pytest.mark.parametrize("name", EVERY)
def test_a_space_with_all_prototypes_in_one_place_has_no_score(name, spaces, grams):
    measure = find_measure(name)
    a, b = spaces(2)
    flat = np.tile(np.random.default_rng(0).standard_normal(5), (11, 1))
    found = measure.compare(
        grams(a, flat), grams(b, flat), torch.tensor([[0, 0], [0, 1], [1, 0]]), torch.arange(11)[None]
    )
    assert found.values.isnan().tolist() == [[False, True, True]]
    assert found.null.isnan().tolist() == [[[False, True, True]]]


@pytest.mark.parametrize("name", EVERY)
def test_too_few_concepts_are_refused(name):
    measure = find_measure(name)
    assert measure.least >= 5
    assert "too few" in measure.refuse(measure.least - 1, (2, 2))
    assert measure.refuse(40, (8, 8)) is None


@pytest.mark.parametrize("name", EVERY)
def test_only_measures_that_forgive_linear_maps_refuse_wide_spaces(name):
    measure = find_measure(name)
    refused = measure.refuse(17, (4, 16)), measure.refuse(17, (16, 4)), measure.refuse(17, (768, 768))
    assert [reason is not None for reason in refused] == ["linear" in measure.invariances] * 3
    assert measure.refuse(17, (15, 15)) is None


@pytest.mark.parametrize("name", EVERY)
def test_spaces_of_other_dimensions_can_be_compared(name, spaces, score):
    (a,), (b,) = spaces(1, dim=3), spaces(1, dim=6, seed=1)
    assert np.isfinite(score(find_measure(name), a, b))
