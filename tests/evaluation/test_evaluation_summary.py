from itertools import permutations

import numpy as np
import pytest

from concept_align.evaluation.comparisons import compare
from concept_align.evaluation.config import Protocol
from concept_align.evaluation.resampling import MetricResamples, seed_weights
from concept_align.evaluation.summary import low_resource, summarise, ties

PROTOCOL = Protocol(shots=(0, 5), bootstrap=1000)


def cell(value, rng=None, spread=0.0):
    noise = rng.normal(0, spread, size=1000) if rng else np.zeros(1000)
    return MetricResamples(
        100, np.array([value]), np.array([value]), np.array([value]), (value + noise)[None]
    )


def test_low_resource_is_the_third_with_fewest_words():
    words = {"aa": 50, "bb": 10, "cc": 30, "dd": 10, "ee": 90, "ff": 80, "gg": 70}
    assert low_resource(words) == ("bb", "cc", "dd")
    assert low_resource({"aa": 5, "bb": 5, "cc": 6}) == ("aa", "bb")
    assert low_resource({}) == ()


def test_no_language_is_low_resource_for_its_name():
    words = {"en": 0, "af": 0, "zu": 0, "ga": 0, "de": 500, "fi": 800}
    for names in permutations(words):
        renamed = dict(zip(names, words.values(), strict=True))
        assert {renamed[name] for name in low_resource(renamed)} == {0} and len(low_resource(renamed)) == 4
    assert "af, en, ga, zu (0 at most)" in ties(words)[0]
    assert ties({"aa": 1, "bb": 2, "cc": 3}) == ties({}) == []
    assert "all targets (0 at most)" in ties(dict.fromkeys(words, 0))[0]


def test_summaries_are_what_their_names_say():
    cells = {"aa": cell(0.5), "bb": cell(0.9), "cc": cell(0.7)}
    found = {summary.language: summary for summary in summarise(cells, ("aa", "zz"), PROTOCOL)}
    values = {name: summary.value for name, summary in found.items()}
    assert values == pytest.approx(
        {"mean": 0.7, "low-resource mean": 0.5, "worst": 0.5, "sd": 0.2, "max-min": 0.4}
    )
    assert {name: summary.n for name, summary in found.items()} == {
        "mean": 3, "low-resource mean": 1, "worst": 3, "sd": 3, "max-min": 3,
    }  # fmt: skip


def test_one_language_has_no_spread_and_no_low_resource_language_no_mean():
    assert [s.language for s in summarise({"aa": cell(0.5)}, (), PROTOCOL)] == ["mean", "worst"]


@pytest.mark.parametrize("languages", [1, 2, 4, 5, 9])
def test_no_number_over_fewer_than_five_languages_has_an_interval(languages):
    rng = np.random.default_rng(4)
    cells = {f"l{i}": cell(rng.random(), rng, 0.02) for i in range(languages)}
    found = list(summarise(cells, tuple(cells)[:4], PROTOCOL))
    of = {(name, 0, "accuracy"): cells for name in ("one", "two")}
    found += list(compare(of, PROTOCOL).itertuples())
    assert len(found) == (4 if languages == 1 else 6)
    for one in found:
        assert np.isnan([one.low, one.high]).tolist() == [one.n < 5] * 2


def test_no_interval_of_a_share_leaves_the_shares():
    over_seeds = seed_weights(2, 1000, 0, "one")
    by_seed = np.array([0.9, 1.0])
    near = MetricResamples(100, by_seed, by_seed, by_seed, np.repeat(by_seed[:, None], 1000, 1), over_seeds)
    assert (near.resampled.T * over_seeds).sum(1).max() > 1
    for summary in summarise(dict.fromkeys(["aa", "bb", "cc", "dd", "ee"], near), (), PROTOCOL):
        assert 0 <= summary.low <= summary.high <= 1


def test_every_interval_holds_its_value():
    rng = np.random.default_rng(0)
    cells = {f"l{i}": cell(0.6 + 0.01 * i, rng, 0.03) for i in range(9)}
    for summary in summarise(cells, tuple(cells)[:5], PROTOCOL):
        assert summary.low <= summary.value <= summary.high


def test_intervals_of_means_cover_the_mean_of_the_languages_drawn_from():
    rng = np.random.default_rng(1)
    hits, trials = 0, 250
    for trial in range(trials):
        truths = rng.normal(0.6, 0.1, size=17)
        cells = {f"l{i}": cell(truth + rng.normal(0, 0.02), rng, 0.02) for i, truth in enumerate(truths)}
        mean = next(summarise(cells, (), Protocol(seed=trial)))
        hits += mean.low <= 0.6 <= mean.high
    assert 0.89 <= hits / trials <= 0.98  # 17 languages: a percentile interval is a little narrow


def test_a_seed_that_is_better_everywhere_widens_the_mean_over_languages():
    def seeded(apart, over_seeds):
        by_seed = np.array([0.6 - apart, 0.6 + apart])
        return MetricResamples(
            100, by_seed, by_seed, by_seed, np.repeat(by_seed[:, None], 1000, 1), over_seeds
        )

    over_seeds = seed_weights(2, 1000, 0, "one")
    widths = []
    for apart in (0.0, 0.1):
        cells = {f"l{i}": seeded(apart, over_seeds) for i in range(17)}
        mean = next(iter(summarise(cells, (), PROTOCOL)))
        assert mean.value == pytest.approx(0.6)
        widths.append(mean.high - mean.low)
    # Seventeen languages do not average a seed's luck away.
    assert widths[0] == pytest.approx(0, abs=1e-12)
    assert widths[1] > 0.2


def test_the_order_of_languages_changes_nothing():
    rng = np.random.default_rng(2)
    cells = {f"l{i}": cell(rng.random(), rng, 0.03) for i in range(8)}
    turned = dict(reversed(cells.items()))
    assert list(summarise(cells, tuple(cells), PROTOCOL)) == list(summarise(turned, tuple(cells), PROTOCOL))


def only(frame):
    """The one row of a table."""
    assert len(frame) == 1
    return frame.iloc[0]


def learners(**values):
    """Cells of zero-shot accuracy by learner and language."""
    return {
        (name, 0, "accuracy"): {f"l{i}": cell(value) for i, value in enumerate(by_language)}
        for name, by_language in values.items()
    }


def test_equal_learners_do_not_differ():
    alike = [0.5, 0.7, 0.6, 0.4, 0.8]
    pair = only(compare(learners(one=alike, two=alike), PROTOCOL))
    assert (pair.difference, pair.low, pair.high, pair.better_in, pair.worse_in) == (0, 0, 0, 0, 0)
    assert pair.p_sign_flip == pair.p_holm == pair.p_wilcoxon == 1


def test_a_learner_that_is_better_everywhere_is_found_with_its_effect():
    base = np.linspace(0.3, 0.8, 17)
    pair = only(compare(learners(good=base + 0.05, plain=base), PROTOCOL))
    assert pair.difference == pytest.approx(0.05)
    assert pair.low > 0.049
    assert (pair.a, pair.b, pair.better_in, pair.n) == ("good", "plain", 17, 17)
    assert pair.p_sign_flip == pytest.approx(2 / 2**17)


def test_languages_that_only_one_was_tested_on_are_left_out():
    cells = learners(one=[0.5, 0.7, 0.6], two=[0.4, 0.6])
    pair = only(compare(cells, PROTOCOL))
    assert pair.n == 2
    assert pair.difference == pytest.approx(0.1)


def test_the_majority_baseline_is_not_compared():
    assert compare(learners(majority=[0.1, 0.2], one=[0.5, 0.6]), PROTOCOL).empty


def test_correction_is_over_all_pairs_of_a_metric():
    rng = np.random.default_rng(3)
    cells = learners(**{name: rng.random(9) for name in ("a", "b", "c")})
    pairs = compare(cells, PROTOCOL)
    assert list(zip(pairs.a, pairs.b, strict=True)) == [("a", "b"), ("a", "c"), ("b", "c")]
    smallest = pairs.loc[pairs.p_sign_flip.idxmin()]
    assert smallest.p_holm == pytest.approx(min(1, 3 * smallest.p_sign_flip))
