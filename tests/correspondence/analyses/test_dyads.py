from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.analyses.mantel import complete
from concept_align.correspondence.table import GROUP, means
from concept_align.errors import UsageError
from concept_align.statistics import (
    adjusted,
    differences_of,
    jackknife,
    mean_over_languages,
    mean_over_pairs,
    p_values,
    random_orders,
)


def test_languages_that_lack_most_pairs_are_left_out(between, random):
    table = between(random.normal(size=6))
    table.loc["ar", ["bg", "ca"]] = table.loc[["bg", "ca"], "ar"] = np.nan
    names, values, left_out = complete(table, between(random.normal(size=6)))
    assert (names, left_out) == (("af", "bg", "ca", "cy", "de"), ("ar",))
    assert values.shape == (2, 5, 5)
    assert np.isfinite(values).all()


def test_tables_are_matched_by_name_not_by_place(between, random):
    table = between(random.normal(size=6))
    mixed = table.loc[["de", "bg", "af", "ca"], ["de", "bg", "af", "ca"]]
    names, values, left_out = complete(table, mixed)
    assert set(left_out) == {"ar", "cy"}
    assert np.array_equal(values[0], values[1])
    assert len(names) == 4


def test_the_diagonal_may_be_missing(between, random):
    table = between(random.normal(size=5)).mask(np.eye(5, dtype=bool))
    assert complete(table)[2] == ()


def test_directed_tables_and_unlike_axes_are_refused(between, random):
    table = between(random.normal(size=4))
    directed = table.copy()
    directed.iloc[0, 1] += 1
    with pytest.raises(UsageError, match=r"value of \(a, b\)"):
        complete(table, directed)
    with pytest.raises(UsageError, match="rows and columns"):
        complete(table, pd.DataFrame(table.to_numpy(), index=list("abcd"), columns=list("abce")))


def test_means_over_pairs_are_those_of_a_loop(random):
    values = random.normal(size=(3, 6, 6))
    values = values + np.swapaxes(values, 1, 2)
    values[1, 2, 4] = values[1, 4, 2] = np.nan
    means, without = mean_over_pairs(values)
    for table, mean, each in zip(values, means, without, strict=True):
        assert mean == pytest.approx(np.nanmean(table[np.triu_indices(6, 1)]))
        for i in range(6):
            part = np.delete(np.delete(table, i, 0), i, 1)
            assert each[i] == pytest.approx(np.nanmean(part[np.triu_indices(5, 1)]))


def test_the_jackknife_covers_the_mean_of_scores_that_share_languages(random):
    covered = 0
    for _ in range(300):
        language = random.normal(size=12)
        noise = np.triu(random.normal(size=(12, 12)), 1)
        mean, without = mean_over_pairs(language[:, None] + language + noise + noise.T)
        low, high = jackknife(float(mean), without)
        covered += low <= 0 <= high
    assert 0.92 <= covered / 300 <= 0.985


def test_the_jackknife_of_a_correlation_stays_within_its_bounds(random):
    low, high = jackknife(0.97, 0.97 + 0.02 * random.uniform(-1, 1, size=6), fisher=True)
    assert -1 < low < 0.97 < high < 1
    assert np.isnan(jackknife(0.5, np.array([0.5, np.nan, 0.5, 0.4, 0.3]))).all()


def test_strata_keep_languages_among_their_own(random):
    labels = ["a", "b", "a", "c", "b", "a"]
    orders = random_orders(6, 200, random, labels)
    assert (np.array(labels)[orders] == np.array(labels)).all()
    assert (np.sort(orders, axis=1) == np.arange(6)).all()
    assert len(np.unique(orders, axis=0)) == 12


def test_p_counts_the_value_itself_and_ties():
    null = np.array([-3.0, 0.0, 1.0, 2.0, 2.0 - 1e-12])
    both, upper, lower = p_values(2.0, null)
    assert (both, upper, lower) == (4 / 6, 3 / 6, 6 / 6)
    assert np.isnan(p_values(np.nan, null)).all()


def test_missing_p_stay_missing_when_adjusted():
    assert np.allclose(adjusted([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04], equal_nan=True)
    assert np.isnan(adjusted([np.nan])).all()


@pytest.mark.parametrize("n", range(2, 12))
def test_no_interval_is_of_fewer_than_five_languages_or_beyond_what_can_be(random, n):
    for scale, name in ((1.0, "cka"), (1.0, "retrieval-p1"), (0.3, "of-my-own")):
        codes = [f"l{place}" for place in range(n)]
        rows = [
            {**dict.fromkeys(GROUP, ""), "measure": name, "source": a, "target": b, "q": np.nan}
            for a, b in combinations(codes, 2)
        ]
        frame = pd.DataFrame(rows).assign(null_mean=0.0, ceiling=1.0)
        frame["value"] = 1 - scale * random.uniform(0, 1, size=len(frame)) ** 4
        found = means(frame).iloc[0]
        assert np.isnan([found.low, found.high]).all() == (n < 5)
        if n >= 5:
            assert (0 if name == "retrieval-p1" else -1) <= found.low <= found.value <= found.high <= 1
    values = random.choice([-1.0, 1.0], size=n)
    assert np.isnan(mean_over_languages(values)["low"]) == (n < 5)
    assert differences_of(values) == (-2, 2) and differences_of(values * 3) == (-np.inf, np.inf)
