import numpy as np
import pytest
from scipy.stats import spearmanr

from concept_align.correspondence.analyses.mantel import mantel
from concept_align.errors import UsageError
from concept_align.seeding import stream
from concept_align.statistics import random_orders


def upper(table):
    return table.to_numpy()[np.triu_indices(len(table), 1)]


def rest(values, controls):
    design = np.column_stack([np.ones(len(values)), *controls])
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


@pytest.mark.parametrize("method", ["spearman", "pearson"])
def test_the_test_is_that_of_a_plain_loop(between, random, method):
    x, y = between(random.normal(size=(9, 2))), between(random.normal(size=(9, 2)))
    found = mantel(x, y, method=method, permutations=60, seed=5)

    def r(table):
        pairs = upper(table), upper(y)
        return spearmanr(*pairs)[0] if method == "spearman" else np.corrcoef(*pairs)[0, 1]

    null = np.array([
        r(x.iloc[order, order]) for order in random_orders(9, 60, stream(5, "mantel", 9))
    ])  # fmt: skip
    assert found.r == pytest.approx(r(x))
    assert found.p == pytest.approx((1 + (np.abs(null) >= abs(r(x)) - 1e-9).sum()) / 61)
    assert found.p_greater == pytest.approx((1 + (null >= r(x) - 1e-9).sum()) / 61)
    assert (found.null_mean, found.null_sd) == pytest.approx((null.mean(), null.std()))
    assert (found.n, found.pairs) == (9, 36)


def test_the_partial_test_is_that_of_a_plain_loop(between, random):
    x, y, z = (between(random.normal(size=(9, 2))) for _ in range(3))
    found = mantel(x, y, controls={"z": z}, method="pearson", permutations=200, seed=5)
    residual = rest(upper(x), [upper(z)])
    square = np.zeros((9, 9))
    square[np.triu_indices(9, 1)] = residual
    square += square.T
    null = []
    for order in random_orders(9, 200, stream(5, "mantel", 9)):
        moved = square[np.ix_(order, order)][np.triu_indices(9, 1)]
        null.append(np.corrcoef(rest(moved, [upper(z)]), rest(upper(y), [upper(z)]))[0, 1])
    r = np.corrcoef(residual, rest(upper(y), [upper(z)]))[0, 1]
    assert found.r == pytest.approx(r)
    assert found.p == pytest.approx((1 + (np.abs(null) >= abs(r) - 1e-9).sum()) / 201)
    assert found.controls == ("z",)


def test_unrelated_tables_give_uniform_p(between, random):
    p = np.array([
        mantel(between(random.normal(size=10)), between(random.normal(size=10)), permutations=99, seed=i).p
        for i in range(150)
    ])  # fmt: skip
    # Binomial sd of these shares: 0.02 and 0.04.
    assert 0.01 <= (p <= 0.05).mean() <= 0.11
    assert 0.38 <= (p <= 0.5).mean() <= 0.62


def test_a_planted_relation_is_found_and_its_interval_holds_it(between, random):
    place = random.normal(size=(20, 2))
    noisy = place + 0.3 * random.normal(size=place.shape)
    found = mantel(between(place), between(noisy), permutations=499)
    assert found.p == found.p_greater == 1 / 500
    assert 0.5 < found.low < found.r < found.high < 1
    assert mantel(between(place), -between(noisy), permutations=499).p_less == 1 / 500


def test_the_order_of_languages_does_not_matter(between, random):
    x, y = between(random.normal(size=8)), between(random.normal(size=8))
    mixed = list(random.permutation(x.index))
    assert mantel(x.loc[mixed, mixed], y, permutations=50) == mantel(x, y, permutations=50)


def test_a_common_cause_is_held_constant(between, random):
    cause = between(random.normal(size=20))
    noise = [np.triu(random.normal(size=(20, 20)), 1) for _ in range(2)]
    x, y = (cause + 0.5 * (e + e.T) for e in noise)
    assert mantel(x, y, permutations=199).p == 1 / 200
    partial = mantel(x, y, controls={"cause": cause}, method="pearson", permutations=199)
    assert abs(partial.r) < 0.15
    assert partial.p > 0.05


def test_families_alone_look_like_a_relation_unless_renamed_within(between, random):
    simple, within = [], []
    for i in range(40):
        family = random.integers(0, 4, size=20)
        x, y = (
            between(random.normal(size=(4, 3))[family] + 0.5 * random.normal(size=(20, 3))) for _ in range(2)
        )
        strata = dict(zip(x.index, map(str, family), strict=True))
        simple.append(mantel(x, y, permutations=99, seed=i).p_greater <= 0.05)
        within.append(mantel(x, y, permutations=99, seed=i, strata=strata).p_greater <= 0.05)
    assert np.mean(simple) > 0.5
    assert np.mean(within) < 0.25


def test_constant_and_explained_tables_have_no_correlation(between, random):
    x, y = between(random.normal(size=6)), between(random.normal(size=6))
    assert np.isnan(mantel(x * 0, y, permutations=9).r)
    explained = mantel(x, y, controls={"same": 2 * x + 1}, method="pearson", permutations=9)
    assert np.isnan([explained.r, explained.p, explained.low, explained.null_mean]).all()


def test_three_languages_are_refused(between, random):
    with pytest.raises(UsageError, match="3 languages"):
        mantel(between(random.normal(size=3)), between(random.normal(size=9)))
