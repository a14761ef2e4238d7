import numpy as np
import pandas as pd
import pytest

from concept_align.correspondence.analyses.models import compare_models, paired
from concept_align.correspondence.table import Alignability
from concept_align.errors import UsageError


def table(between, language, random, noise=0.1, shift=0.0):
    """Scores made of what each language brings, and noise of the pair."""
    error = np.triu(random.normal(size=(len(language),) * 2), 1) * noise
    return between(np.zeros(len(language))) + shift + language[:, None] + language + error + error.T


def test_a_planted_difference_is_found_and_none_is_not(between, random):
    language = random.normal(size=14)
    base = table(between, language, random)
    better, _, _ = paired([base + 0.2], [table(between, language, random)])
    assert better.low < 0.2 < better.high
    assert better.p < 0.01
    assert (better.n, better.pairs) == (14, 91)
    assert better.difference == pytest.approx(better.first - better.second)


def test_no_difference_is_found_at_the_nominal_rate(between, random):
    found = [
        paired([table(between, random.normal(size=10), random)], [table(between, np.zeros(10), random)])[0].p
        for _ in range(80)
    ]
    # Taking the pairs for independent would find one in half of these.
    assert np.mean(np.array(found) < 0.05) < 0.1


def test_the_best_layer_of_each_model_is_compared(between, scored, random):
    language = random.normal(size=8)
    first = pd.concat([
        scored(table(between, language, random, shift=s), layer=layer, model="encoder")
        for layer, s in (("2", 0.0), ("7", 1.0))
    ])  # fmt: skip
    second = pd.concat([
        scored(table(between, language, random, shift=s), layer=layer, model="decoder")
        for layer, s in (("2", 0.5), ("9", 0.1))
    ])  # fmt: skip
    best = compare_models(Alignability(first), Alignability(second), permutations=99).iloc[0]
    assert (best["layer_first"], best["layer_second"]) == ("7", "2")
    assert best["low"] < 0.5 < best["high"]
    assert best["agreement"] > 0.8
    assert best["agreement_p"] == 1 / 100
    assert best["q"] == best["p"]
    first, second = first[first["layer"] == "7"], second[second["layer"] == "9"]
    chosen = compare_models(Alignability(first), Alignability(second), of="z", permutations=9).iloc[0]
    assert chosen["quantity"] == "z"
    assert chosen["difference"] == pytest.approx(9, abs=1)


def test_only_pairs_that_both_scored_count(between, scored, random):
    square = table(between, random.normal(size=8), random)
    found = compare_models(
        Alignability(scored(square)), Alignability(scored(square.iloc[:6, :6], model="b")), permutations=9
    ).iloc[0]
    assert found["n"] == 6
    assert found["left_out"] == "el;en"
    assert found["difference"] == 0
    assert np.isnan(found["p"])


def test_tables_without_common_measures_are_refused(between, scored, random):
    square = table(between, random.normal(size=6), random)
    with pytest.raises(UsageError, match="share no measure"):
        compare_models(Alignability(scored(square)), Alignability(scored(square, measure="cka")))
    with pytest.raises(UsageError, match="3 languages"):
        compare_models(Alignability(scored(square)), Alignability(scored(square.iloc[:3, :3])))
