import numpy as np
import pytest

from concept_align.evaluation.resampling import (
    draw_weights,
    resample_metrics,
    seed_weights,
    sentence_weights,
)
from concept_align.spaces.metrics import accuracy, macro_f1, sentence_counts
from concept_align.statistics import percentile_bounds, percentile_interval


def metrics_of(*given):
    return resample_metrics(*given)[0]


def counts(rng, rate, sents=80, concepts=4, draws=1):
    """Words whose chance to be right is ``rate`` [draws, sents]; and gold, predictions, offsets."""
    lengths = rng.integers(3, 12, size=sents)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    gold = rng.integers(0, concepts, size=offsets[-1])
    predicted = []
    for draw in range(draws):
        right = rng.random(len(gold)) < np.repeat(rate[draw], lengths)
        predicted.append(np.where(right, gold, (gold + 1) % concepts))
    tables = [sentence_counts(one, gold, concepts, offsets) for one in predicted]
    return tables, gold, predicted


def test_values_are_those_of_the_metrics():
    rng = np.random.default_rng(0)
    tables, gold, predicted = counts(rng, np.full((3, 80), 0.7), draws=3)
    found = metrics_of(tables, sentence_weights(80, 100, 0, "xx"), draw_weights(3, 100, 0, "xx"), 0.95)
    for draw in range(3):
        assert found["accuracy"].draws[draw] == pytest.approx(accuracy(predicted[draw], gold))
        assert found["macro_f1"].draws[draw] == pytest.approx(macro_f1(predicted[draw], gold, 4))
    assert found["accuracy"].value == pytest.approx(np.mean([accuracy(p, gold) for p in predicted]))
    assert found["accuracy"].words == len(gold)


def test_a_resample_of_the_sentences_as_they_are_gives_the_value():
    rng = np.random.default_rng(1)
    tables, _, _ = counts(rng, np.full((1, 80), 0.6))
    found = metrics_of(tables, np.ones((1, 80), np.float32), np.ones((1, 1)), 0.95)
    for cell in found.values():
        assert cell.mean[0] == pytest.approx(cell.value)
        assert cell.low[0] == cell.high[0] == pytest.approx(cell.value)


def test_resamples_are_exact_whatever_the_order_of_sentences():
    rng = np.random.default_rng(2)
    tables, _, _ = counts(rng, np.full((1, 80), 0.6))
    weights = sentence_weights(80, 200, 0, "xx")
    order = rng.permutation(80)
    table = tables[0]
    turned = type(table)(table.right[order], table.predicted[order], table.gold[order])
    straight = metrics_of([table], weights, np.ones((200, 1)), 0.95)
    other = metrics_of([turned], weights[:, order], np.ones((200, 1)), 0.95)
    for metric, cell in straight.items():
        assert (cell.resampled == other[metric].resampled).all()


def test_intervals_cover_the_truth_where_sentences_differ_in_difficulty():
    rng = np.random.default_rng(3)
    hits, trials = 0, 300
    for _ in range(trials):
        # Sentence difficulty is drawn anew: the truth is its mean, weighted by independent lengths.
        tables, _, _ = counts(rng, rng.beta(4, 2, size=(1, 80)))
        weights = rng.multinomial(80, np.full(80, 1 / 80), size=400).astype(np.float32)
        low, high = percentile_interval(
            metrics_of(tables, weights, np.ones((400, 1)), 0.95)["accuracy"].mean, 0.95
        )
        hits += low <= 4 / 6 <= high
    assert 0.91 <= hits / trials <= 0.985


def test_draw_weights_give_the_mean_over_draws_its_variance():
    draws = 5
    weights = draw_weights(draws, 200_000, 0, "xx")
    values = np.array([0.1, 0.5, 0.2, 0.9, 0.4])
    assert weights.sum(1) == pytest.approx(1)
    assert (weights @ values).var() == pytest.approx(values.var(ddof=1) / draws, rel=0.02)
    assert (weights @ values).mean() == pytest.approx(values.mean(), abs=1e-3)


def test_draws_that_differ_widen_the_interval_of_their_mean():
    rng = np.random.default_rng(4)
    same, _, _ = counts(rng, np.full((5, 80), 0.6), draws=5)
    apart, _, _ = counts(rng, np.repeat([[0.2], [0.4], [0.6], [0.8], [1.0]], 80, axis=1), draws=5)
    weights, over = sentence_weights(80, 500, 0, "xx"), draw_weights(5, 500, 0, "xx")
    widths = [
        np.ptp(percentile_interval(metrics_of(tables, weights, over, 0.95)["accuracy"].mean, 0.95))
        for tables in (same, apart)
    ]
    assert widths[1] > 4 * widths[0]


def test_weights_depend_on_seed_and_language_alone():
    assert (sentence_weights(30, 50, 1, "xx") == sentence_weights(30, 50, 1, "xx")).all()
    assert (sentence_weights(30, 50, 1, "xx") != sentence_weights(30, 50, 1, "yy")).any()
    assert (sentence_weights(30, 50, 1, "xx").sum(1) == 30).all()


def crossed(rng, seeds=3, draws=10, *, of_seed=0.0, of_draw=0.0, sents=40):
    """Counts of one-word sentences; half of them right, but for effects of seed and draw."""
    shares = 0.5 + of_seed * rng.normal(size=(seeds, 1)) + of_draw * rng.normal(size=(1, draws))
    offsets, gold = np.arange(sents + 1), np.zeros(sents, np.int64)
    found = []
    for share in np.clip(shares, 0, 1).ravel():
        predicted = np.where(np.arange(sents) < round(share * sents), 0, 1)
        found.append(sentence_counts(predicted, gold, 2, offsets))
    return found


@pytest.mark.parametrize(("of_seed", "of_draw"), [(0.1, 0.0), (0.0, 0.1), (0.07, 0.07)])
def test_crossed_seeds_and_draws_have_the_variance_of_their_mean(of_seed, of_draw):
    rng = np.random.default_rng(5)
    everything = np.ones((300, 40), np.float32)  # no noise of the sentences
    over_draws, over_seeds = draw_weights(10, 300, 0, "xx"), seed_weights(3, 300, 0, "one")
    found = []
    for _ in range(60):
        tables = crossed(rng, of_seed=of_seed, of_draw=of_draw)
        found.append(metrics_of(tables, everything, over_draws, 0.95, over_seeds)["accuracy"])
    estimated = np.mean([cell.mean.var() for cell in found])
    assert estimated == pytest.approx(of_seed**2 / 3 + of_draw**2 / 10, rel=0.35)


def test_one_seed_is_as_no_seeds():
    rng = np.random.default_rng(6)
    tables, _, _ = counts(rng, np.full((4, 80), 0.6), draws=4)
    weights, over = sentence_weights(80, 200, 0, "xx"), draw_weights(4, 200, 0, "xx")
    plain, f1 = resample_metrics(tables, weights, over, 0.95)
    one, same = resample_metrics(tables, weights, over, 0.95, seed_weights(1, 200, 0, "one"))
    assert all((plain[metric].mean == one[metric].mean).all() for metric in plain)
    assert (f1.low == same.low).all()
    assert (f1.by_seed == same.by_seed).all()


def test_intervals_of_concepts_are_those_of_their_f1():
    rng = np.random.default_rng(7)
    tables, gold, _ = counts(rng, np.full((1, 80), 0.6))
    weights = sentence_weights(80, 200, 0, "xx")
    _, f1 = resample_metrics(tables, weights, np.ones((200, 1)), 0.95)
    whole = tables[0].total().f1()
    assert f1.by_seed[0] == pytest.approx(whole)
    expected = [
        type(tables[0])(
            row @ tables[0].right, row @ tables[0].predicted, row @ tables[0].gold
        ).f1()
        for row in weights.astype(float)
    ]  # fmt: skip
    low, high = np.quantile(expected, [0.025, 0.975], axis=0)
    assert f1.low == pytest.approx(low)
    assert f1.high == pytest.approx(high)
    assert f1.words.tolist() == np.bincount(gold).tolist()


def test_bounds_are_quantiles_without_what_is_not_known():
    rng = np.random.default_rng(8)
    columns = rng.normal(size=(501, 3))
    columns[rng.random(501) < 0.3, 1] = np.nan
    columns[:, 2] = np.nan
    low, high = percentile_bounds(columns, 0.9)
    for place in (0, 1):
        known = columns[np.isfinite(columns[:, place]), place]
        assert (low[place], high[place]) == pytest.approx(tuple(np.quantile(known, [0.05, 0.95])))
    assert np.isnan([low[2], high[2]]).all()


def test_an_interval_of_nothing_is_not_a_number():
    assert np.isnan(percentile_interval(np.array([np.nan, np.nan]), 0.95)).all()
