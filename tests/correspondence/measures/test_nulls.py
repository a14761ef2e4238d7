"""Unrelated spaces score what chance gives, and related ones more."""

import numpy as np
import pytest
import torch

from concept_align.correspondence.measures import MEASURES, find_measure
from concept_align.correspondence.scoring import p_values, permutations


@pytest.mark.parametrize("dim, disparity", [(8, 0.69), (32, 0.25), (128, 0.065)])
def test_seventeen_random_prototypes_have_the_known_disparity(dim, disparity, grams):
    random = np.random.default_rng(dim)
    several = grams(*(random.standard_normal((17, dim)) for _ in range(30)))
    pairs = torch.triu_indices(30, 30, 1).T
    found = find_measure("procrustes").compare(several, several, pairs, permutations(17, 5))
    assert 1 - found.values.mean().item() == pytest.approx(disparity, abs=0.01)
    assert 1 - found.null.mean().item() == pytest.approx(disparity, abs=0.01)


@pytest.mark.parametrize("name", ["rsa", "rsa-pearson", "cka"])
@pytest.mark.parametrize("dim", [8, 256])
def test_unrelated_spaces_score_zero_on_average(name, dim, grams):
    random = np.random.default_rng(dim)
    several = grams(*(random.standard_normal((17, dim)) for _ in range(40)))
    pairs = torch.triu_indices(40, 40, 1).T
    found = find_measure(name).compare(several, several, pairs, permutations(17, 20))
    assert found.values.mean().item() == pytest.approx(0, abs=0.02)
    assert found.null.mean().item() == pytest.approx(0, abs=0.02)


def test_cca_of_unrelated_spaces_is_the_share_of_dimensions(grams):
    random = np.random.default_rng(0)
    several = grams(*(random.standard_normal((21, 4)) for _ in range(40)))
    pairs = torch.triu_indices(40, 40, 1).T
    found = find_measure("cca").compare(several, several, pairs, permutations(21, 20))
    assert found.values.mean().item() == pytest.approx(4 / 20, abs=0.01)


@pytest.mark.parametrize("name", MEASURES.names())
def test_p_is_uniform_without_a_shared_structure(name, grams):
    random = np.random.default_rng(1)
    a = grams(*(random.standard_normal((9, 4)) for _ in range(60)))
    b = grams(*(random.standard_normal((9, 4)) for _ in range(60)))
    found = find_measure(name).compare(a, b, torch.arange(60)[:, None].expand(-1, 2), permutations(9, 99))
    p = p_values(found.values, found.null).p.flatten()
    # Discrete scores tie often, and a tie counts against: p is too large, never too small.
    assert 0.4 < p.mean().item() < (0.8 if name.startswith("retrieval") else 0.6)
    assert (p <= 0.05).float().mean().item() < 0.15


@pytest.mark.parametrize("name", MEASURES.names())
def test_a_planted_structure_is_found(name, spaces, grams):
    a = grams(*spaces(5, 17, 6, shared=3.0))
    pairs = torch.triu_indices(5, 5, 1).T
    found = find_measure(name).compare(a, a, pairs, permutations(17, 199))
    assert (p_values(found.values, found.null).p == 1 / 200).all()
