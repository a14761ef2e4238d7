"""Scores agree with what others compute from the prototypes, pair by pair."""

import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
import torch
from scipy.spatial.distance import pdist
from scipy.stats import pearsonr, rankdata, spearmanr

from concept_align.correspondence.measures import find_measure
from concept_align.correspondence.measures.rsa import ranks

SHAPES = [(17, 8), (17, 32), (37, 64), (6, 2)]


def cosine(x, y):
    return x @ y / np.sqrt((x @ x) * (y @ y))


CORRELATIONS = {
    "rsa": lambda x, y: spearmanr(x, y).statistic,
    "rsa-pearson": lambda x, y: pearsonr(x, y).statistic,
    "rsa-cosine": cosine,
}


@pytest.mark.parametrize("concepts, dim", SHAPES)
@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
@pytest.mark.parametrize("correlation", CORRELATIONS)
def test_rsa_is_the_correlation_of_scipys_distances(correlation, distance, concepts, dim, spaces, score):
    a, b = spaces(2, concepts, dim)
    name = correlation if distance == "euclidean" else f"{correlation}/{distance}"
    expected = CORRELATIONS[correlation](pdist(a, distance), pdist(b, distance))
    assert score(find_measure(name), a, b) == pytest.approx(expected, abs=1e-12)


def test_tied_distances_have_their_average_rank(score):
    random = np.random.default_rng(0)
    a, b = (random.integers(0, 3, size=(12, 2)).astype(float) for _ in range(2))
    assert len(set(pdist(a))) < 20
    expected = spearmanr(pdist(a), pdist(b)).statistic
    assert score(find_measure("rsa"), a, b) == pytest.approx(expected, abs=1e-12)


def test_ranks_are_scipys():
    values = np.random.default_rng(0).integers(0, 6, size=(4, 3, 20)).astype(float)
    assert np.array_equal(ranks(torch.from_numpy(values)).numpy(), rankdata(values, axis=-1))


@pytest.mark.parametrize("concepts, dim", SHAPES)
def test_procrustes_fit_is_one_less_scipys_disparity(concepts, dim, spaces, score):
    a, b = spaces(2, concepts, dim)
    disparity = scipy.spatial.procrustes(a, b)[2]
    assert score(find_measure("procrustes"), a, b) == pytest.approx(1 - disparity, abs=1e-12)


def naive_hsic(k, m):
    """Song et al. (2012), equation 5, term by term."""
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    first = sum(k[i, j] * m[j, i] for i in range(n) for j in range(n))
    second = k.sum() * m.sum() / ((n - 1) * (n - 2))
    third = 2 / (n - 2) * sum(k[:, i].sum() * m[i].sum() for i in range(n))
    return (first + second - third) / (n * (n - 3))


@pytest.mark.parametrize("concepts, dim", SHAPES)
def test_cka_is_the_unbiased_estimate_by_its_formula(concepts, dim, spaces, score):
    a, b = spaces(2, concepts, dim)
    k, m = a @ a.T, b @ b.T
    expected = naive_hsic(k, m) / np.sqrt(naive_hsic(k, k) * naive_hsic(m, m))
    assert score(find_measure("cka"), a, b) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("dims", [(3, 3), (2, 5), (5, 2)])
def test_cca_is_the_mean_squared_canonical_correlation(dims, spaces, score):
    (a,), (b,) = spaces(1, 12, dims[0]), spaces(1, 12, dims[1], seed=1)
    # The cosines of the angles between the centred columns' spans.
    angles = scipy.linalg.subspace_angles(a - a.mean(0), b - b.mean(0))
    assert score(find_measure("cca"), a, b) == pytest.approx(np.mean(np.cos(angles) ** 2), abs=1e-12)


def test_a_mirror_image_fits_perfectly(spaces, score):
    (a,) = spaces(1, 9, 3)
    mirrored = a * np.array([-1.0, 1.0, 1.0])
    assert score(find_measure("procrustes"), a, mirrored) == pytest.approx(1)
