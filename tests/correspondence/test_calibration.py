"""Simulations small enough for every day; ``experiments/alignability/calibration.py`` has the large ones."""

import numpy as np
import pytest
import torch
from scipy.stats import binomtest, kstest

from concept_align.correspondence.geometry import Geometry
from concept_align.correspondence.intervals import interval
from concept_align.correspondence.measures import find_measure
from concept_align.correspondence.pairs import compare_geometries
from concept_align.correspondence.scoring import TOLERANCE, permutations

BATCH = 16


def gram(prototypes: np.ndarray) -> np.ndarray:
    return np.asarray(prototypes @ np.swapaxes(prototypes, -1, -2), dtype=np.float64)


def planted(random: np.random.Generator, pairs: int, concepts: int, dim: int, rho: float) -> list[np.ndarray]:
    x, e = random.standard_normal((2, pairs, concepts, dim))
    return [x, rho * x + np.sqrt(1 - rho**2) * e]


def one_by_one(number: int) -> torch.Tensor:
    return torch.arange(number)[:, None].repeat(1, 2)


def p_values(name: str, a: np.ndarray, b: np.ndarray, draws: int, random: np.random.Generator) -> np.ndarray:
    """p of each pair, ties broken at random; every few pairs are relabelled in other ways."""
    measure = find_measure(name)
    found = []
    for place in range(0, len(a), BATCH):
        one, other = (torch.from_numpy(x[place : place + BATCH])[None] for x in (a, b))
        order = permutations(a.shape[1], draws, seed=place)
        scored = measure.compare(one, other, one_by_one(one.shape[1]), order)
        value, null = scored.values[0].numpy(), scored.null[:, 0].double().numpy()
        above, equal = (null > value + TOLERANCE).sum(0), (abs(null - value) <= TOLERANCE).sum(0)
        found.append((above + random.random(len(value)) * (1 + equal)) / (1 + draws))
    return np.concatenate(found)


@pytest.mark.parametrize("concepts", [8, 14, 17, 37])
@pytest.mark.parametrize("name", ["rsa", "procrustes", "cka", "retrieval-p1"])
def test_p_of_independent_spaces_is_uniform(name, concepts):
    pooled = []
    for dim in (8, 32, 64, 256):
        random = np.random.default_rng([concepts, dim])
        a, b = (gram(x) for x in planted(random, 3 * BATCH, concepts, dim, 0.0))
        pooled.append(p_values(name, a, b, 19, random))
        assert kstest(pooled[-1], "uniform").pvalue > 1e-3, dim
    assert kstest(np.concatenate(pooled), "uniform").pvalue > 1e-2


@pytest.mark.parametrize("rho", [0.35, 0.5])
@pytest.mark.parametrize(
    ("name", "family", "pairs"),
    [("rsa-pearson", "rsa", 320), ("cka", "cka", 320), ("procrustes", "procrustes", 96)],
)
def test_power_is_the_predicted_one(name, family, pairs, rho, predicted):
    random = np.random.default_rng(1)
    a, b = (gram(x) for x in planted(random, pairs, 14, 512, rho))
    found = p_values(name, a, b, 99, random) <= 0.05
    expected = predicted.power(14, 512, rho, family)
    assert abs(found.mean() - expected) < 2.5 * np.sqrt(expected * (1 - expected) / pairs) + 0.04


def sampled(
    random: np.random.Generator, prototypes: np.ndarray, counts: np.ndarray, samples: int, draws: int
):
    """Debiased Gram matrices of samples of Gaussian words, and of their bootstrap draws."""
    concepts, dim = prototypes.shape
    means, noise = np.empty((samples, concepts, dim)), np.empty((samples, concepts))
    drawn = np.empty((samples, draws, concepts, dim), np.float32)
    for k, n in enumerate(counts):
        x = random.standard_normal((samples, n, dim), dtype=np.float32) + prototypes[k].astype(np.float32)
        means[:, k] = x.mean(1)
        noise[:, k] = x.var(1, ddof=1).sum(1) / n
        weights = random.standard_exponential((samples, draws, n), dtype=np.float32)
        weights /= weights.sum(2, keepdims=True)
        mean = x.mean(1, keepdims=True)
        drawn[:, :, k] = mean + (weights @ x - mean) * np.sqrt((n + 1) / (n - 1), dtype=np.float32)
    k = np.arange(concepts)
    grams, replicates = gram(means), gram(drawn).swapaxes(0, 1)
    grams[:, k, k] -= noise
    replicates[:, :, k, k] -= 2 * noise
    return grams, replicates


@pytest.mark.parametrize("name", ["rsa-pearson", "cka", "procrustes"])
def test_intervals_hold_the_true_score_as_often_as_they_say_and_percentiles_do_not(name):
    random = np.random.default_rng(3)
    measure = find_measure(name)
    counts = np.array([60, 50, 40, 30, 30, 20, 20, 15, 15, 12])
    true = [x[0] for x in planted(random, 1, len(counts), 16, 0.8)]
    (a, drawn_a), (b, drawn_b) = (sampled(random, x, counts, 150, 60) for x in true)

    def scores(one, other):
        one, other = torch.from_numpy(one), torch.from_numpy(other)
        none = torch.empty(0, len(counts), dtype=torch.int64)
        return measure.compare(one, other, one_by_one(one.shape[1]), none).values.numpy()

    truth = scores(*(gram(x)[None, None] for x in true))[0, 0]
    replicates = scores(drawn_a, drawn_b)
    low, high = interval(scores(a[None], b[None])[0], replicates, freedom=22)
    inside = int(((low <= truth) & (truth <= high)).sum())
    assert binomtest(inside, 150, 0.93, alternative="less").pvalue > 0.01
    assert binomtest(inside, 150, 0.97, alternative="greater").pvalue > 0.01
    low, high = np.quantile(replicates, [0.025, 0.975], axis=0)
    assert ((low <= truth) & (truth <= high)).mean() < 0.75


def rare_alike(languages: int) -> Geometry:
    """Independent spaces in which the same concepts are rare, and so known with the same large errors."""
    random = np.random.default_rng(4)
    concepts, dim = 14, 64
    noise = np.geomspace(0.01, 1, concepts) * 2 * dim
    true = random.standard_normal((languages, concepts, dim))
    errors = random.standard_normal((languages, concepts, dim)) * np.sqrt(noise / dim)[:, None]
    return Geometry(
        model="noise",
        revision="",
        task="upos",
        space="raw",
        layers=("0",),
        languages=tuple(f"l{place}" for place in range(languages)),
        concepts=tuple(f"c{place}" for place in range(concepts)),
        counts=np.full((languages, concepts), 100),
        gram=gram(true + errors)[None],
        noise=np.tile(noise, (1, languages, 1)),
        dims=(dim,),
    )


def test_concepts_that_are_rare_in_both_languages_fake_a_correspondence_unless_debiased():
    geometry = rare_alike(16)
    plain, debiased = (
        compare_geometries(geometry, measures=["rsa", "cka"], permutations=99, debias=debias).frame()
        for debias in (False, True)
    )
    found = {
        (name, debias): table[table["measure"] == name]
        for debias, table in ((False, plain), (True, debiased))
        for name in ("rsa", "cka")
    }
    assert found["rsa", False]["value"].mean() > 0.4
    assert (found["rsa", False]["p"] <= 0.05).mean() > 0.5
    assert abs(found["rsa", True]["value"].mean()) < 0.1
    assert (found["rsa", True]["p"] <= 0.05).mean() < 0.15
    # CKA leaves the squared lengths out, which is where errors go.
    np.testing.assert_allclose(found["cka", False]["value"], found["cka", True]["value"], atol=1e-9)
    assert abs(found["cka", False]["value"].mean()) < 0.1
