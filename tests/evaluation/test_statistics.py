from itertools import product

import numpy as np
import pytest
from scipy.stats import kstest

from concept_align.statistics import (
    SHARES,
    bounds_over_languages,
    few_languages,
    means_over_drawn,
    sign_flip,
    wilcoxon,
)


def brute(differences):
    sums = [abs(np.dot(signs, differences)) for signs in product((1, -1), repeat=len(differences))]
    return np.mean(np.array(sums) >= abs(differences.sum()) - 1e-12)


def test_sign_flip_is_the_share_of_sign_patterns_as_extreme():
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 7, 10):
        differences = rng.normal(0.5, 1, size=n)
        assert sign_flip(differences) == pytest.approx(brute(differences))


def test_equal_differences_are_ties_in_spite_of_rounding():
    assert sign_flip(np.array([0.1, 0.1, 0.1])) == pytest.approx(2 / 8)
    assert sign_flip(np.array([0.1, -0.1, 0.2, -0.2])) == 1.0
    assert sign_flip(np.zeros(5)) == 1.0


def test_seventeen_languages_all_better_give_the_smallest_exact_p():
    assert sign_flip(np.linspace(0.01, 0.1, 17)) == pytest.approx(2 / 2**17)


def test_many_languages_are_drawn_and_agree_with_the_exact_test():
    rng = np.random.default_rng(1)
    differences = rng.normal(0.4, 1, size=18)
    exact = sign_flip(differences)
    padded = np.append(differences, 0.0)  # a nineteenth language without a difference changes nothing
    assert sign_flip(padded, draws=40_000) == pytest.approx(exact, abs=0.01)
    assert sign_flip(np.full(30, 0.1)) == pytest.approx(1 / 10_001)


def test_sign_flip_does_not_depend_on_who_is_first():
    differences = np.random.default_rng(2).normal(0.3, 1, size=12)
    assert sign_flip(differences) == sign_flip(-differences)


def test_related_languages_are_flipped_together():
    differences = np.array([0.3, 0.1, -0.2, 0.4, 0.25])
    assert sign_flip(differences, groups=range(5)) == sign_flip(differences)
    by_genus = sign_flip(differences, groups=["germanic", "germanic", "finnic", "slavic", "slavic"])
    assert by_genus == pytest.approx(brute(np.array([0.4, -0.2, 0.65])))
    assert sign_flip(differences, groups=["one"] * 5) == 1.0
    assert np.isnan(sign_flip(np.zeros(0), groups=[]))


def test_p_by_genus_holds_its_level_where_relatives_go_together():
    rng = np.random.default_rng(4)
    genus = np.repeat(np.arange(6), 4)
    draws = [rng.normal(size=6)[genus] + 0.2 * rng.normal(size=24) for _ in range(200)]
    apart, together = ([sign_flip(one, groups=of, draws=500) < 0.05 for one in draws] for of in (None, genus))
    assert np.mean(apart) > 0.2  # relatives counted as witnesses of their own
    assert np.mean(together) < 0.1


def test_means_over_few_languages_are_covered_as_often_as_is_said():
    rng = np.random.default_rng(5)
    n, covered = 6, np.zeros(2)
    for _ in range(400):
        values = rng.normal(size=n)
        resampled = values[rng.integers(0, n, size=(400, n))].mean(1)[:, None]
        for place, means in enumerate((False, True)):
            low, high = bounds_over_languages(resampled, n, 0.95, means=means)
            covered[place] += low[0] <= 0 <= high[0]
    assert covered[0] / 400 < 0.88  # plain percentiles
    assert covered[1] / 400 > 0.90


def test_bounds_of_shares_stay_shares_those_of_differences_pass_zero_and_many_languages_change_little():
    resampled = np.linspace(0.9, 1.0, 101)[:, None]
    low, high = bounds_over_languages(resampled, 6, 0.95, within=SHARES)
    assert high[0] == 1.0 and low[0] < 0.9025
    assert bounds_over_languages(resampled - 0.9, 6, 0.95)[0][0] < 0
    assert few_languages(6, 0.95) == pytest.approx(1.44, abs=0.005)
    assert few_languages(200, 0.95) == pytest.approx(1, abs=0.01)
    assert np.isnan(bounds_over_languages(resampled, 4, 0.95)[0]).all()


@pytest.mark.parametrize("test", [sign_flip, wilcoxon])
def test_p_values_are_uniform_where_nothing_is_different(test):
    rng = np.random.default_rng(3)
    p = np.array([test(rng.laplace(size=13)) for _ in range(400)])
    assert kstest(p, "uniform").pvalue > 0.001
    assert (p <= 0.05).mean() == pytest.approx(0.05, abs=0.035)


def test_no_language_is_no_test():
    assert np.isnan(sign_flip(np.array([])))
    assert np.isnan(wilcoxon(np.array([])))


def test_wilcoxon_of_a_known_example():
    assert wilcoxon(np.array([1.0, 2.0, 3.0, 4.0, 5.0])) == pytest.approx(2 / 32)
    assert wilcoxon(np.zeros(4)) == 1.0


def test_languages_of_a_group_are_drawn_together():
    drawn = np.repeat(np.array([[1.0], [1.0], [4.0]]), 2000, axis=1)
    means = means_over_drawn(drawn, np.random.default_rng(0), groups=["a", "a", "b"])
    assert set(np.round(means, 6)) == {1.0, 2.0, 4.0}  # a twice, both, b twice
    assert means.mean() == pytest.approx(0.25 * 1 + 0.5 * 2 + 0.25 * 4, abs=0.06)
