from itertools import permutations

import numpy as np
import pytest

from concept_align.errors import UsageError


def u_centred(g: np.ndarray) -> np.ndarray:
    """As Szekely & Rizzo (2014, definition 2)."""
    k = len(g)
    g = g * (1 - np.eye(k))
    rows = g.sum(0) / (k - 2)
    return (g - rows - rows[:, None] + g.sum() / ((k - 1) * (k - 2))) * (1 - np.eye(k))


def squared_distances(g: np.ndarray) -> np.ndarray:
    d = np.diagonal(g)
    return d[:, None] + d - 2 * g


def grams(seed: int, concepts: int) -> list[np.ndarray]:
    return [x @ x.T for x in np.random.default_rng(seed).standard_normal((2, concepts, 4))]


def test_debiased_cka_has_exactly_the_predicted_spread_over_all_relabellings(predicted):
    a, b = (u_centred(g) for g in grams(0, 6))
    scores = [(a * b[np.ix_(order, order)]).sum() for order in map(list, permutations(range(6)))]
    scores /= np.sqrt((a**2).sum() * (b**2).sum())
    assert np.mean(scores) == pytest.approx(0, abs=1e-12)
    assert np.std(scores) == pytest.approx(predicted.null_sd(6, "cka"), abs=1e-12)


def test_pearson_rsa_of_squared_distances_is_cka_and_a_correlation_of_rows(predicted):
    k = 7
    off = ~np.eye(k, dtype=bool)
    a, b = grams(1, k)
    rows, parts, distances = [], [], []
    for g in (a, b):
        d = squared_distances(g)
        centred = d.sum(0) / (k - 2)
        rows.append(centred - centred.mean())
        parts.append(u_centred(g))
        distances.append(d[off] - d[off].mean())
    r = [(k - 2) * rows[i] @ rows[j] for i, j in ((0, 1), (0, 0), (1, 1))]
    g = [2 * (parts[i] * parts[j]).sum() for i, j in ((0, 1), (0, 0), (1, 1))]
    together = [one + other for one, other in zip(r, g, strict=True)]
    assert np.corrcoef(distances)[0, 1] == pytest.approx(together[0] / np.sqrt(together[1] * together[2]))


@pytest.mark.parametrize("family", ["rsa", "procrustes", "cka"])
def test_without_correspondence_power_is_the_level(family, predicted):
    assert predicted.power(17, 64, 0.0, family, level=0.03) == pytest.approx(0.03)
    assert predicted.score_sd(17, 64, 0.0, family) == pytest.approx(predicted.null_sd(17, family))


def test_power_grows_with_correspondence_and_with_concepts(predicted):
    assert predicted.power(17, 64, 0.3) < predicted.power(17, 64, 0.6) < predicted.power(37, 64, 0.6)
    assert predicted.power(37, 64, 0.9) > 0.999


def test_distances_spend_power_on_which_concepts_lie_far_out(predicted):
    assert predicted.row_share(17, "cka") == 0
    assert predicted.row_share(17, "procrustes") < 0.2 < 0.5 < predicted.row_share(17, "rsa") < 0.6
    assert predicted.power(17, 256, 0.4, "rsa") < predicted.power(17, 256, 0.4, "cka")


@pytest.mark.parametrize(("concepts", "rho", "family"), [(3, 0.5, "rsa"), (17, 1.0, "rsa"), (17, 0.5, "cca")])
def test_what_has_no_power_is_refused(concepts, rho, family, predicted):
    with pytest.raises(UsageError):
        predicted.power(concepts, 32, rho, family)
