import numpy as np
import pytest

from concept_align.evaluation.resampling import cells, draw_weights, interval, sentence_weights
from concept_align.spaces.metrics import accuracy, macro_f1, sentence_counts


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
    found = cells(tables, sentence_weights(80, 100, 0, "xx"), draw_weights(3, 100, 0, "xx"), 0.95)
    for draw in range(3):
        assert found["accuracy"].draws[draw] == pytest.approx(accuracy(predicted[draw], gold))
        assert found["macro_f1"].draws[draw] == pytest.approx(macro_f1(predicted[draw], gold, 4))
    assert found["accuracy"].value == pytest.approx(np.mean([accuracy(p, gold) for p in predicted]))
    assert found["accuracy"].words == len(gold)


def test_a_resample_of_the_sentences_as_they_are_gives_the_value():
    rng = np.random.default_rng(1)
    tables, _, _ = counts(rng, np.full((1, 80), 0.6))
    found = cells(tables, np.ones((1, 80), np.float32), np.ones((1, 1)), 0.95)
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
    straight = cells([table], weights, np.ones((200, 1)), 0.95)
    other = cells([turned], weights[:, order], np.ones((200, 1)), 0.95)
    for metric, cell in straight.items():
        assert (cell.resampled == other[metric].resampled).all()


def test_intervals_cover_the_truth_where_sentences_differ_in_difficulty():
    rng = np.random.default_rng(3)
    hits, trials = 0, 300
    for _ in range(trials):
        # Sentence difficulty is drawn anew: the truth is its mean, weighted by independent lengths.
        tables, _, _ = counts(rng, rng.beta(4, 2, size=(1, 80)))
        weights = rng.multinomial(80, np.full(80, 1 / 80), size=400).astype(np.float32)
        low, high = interval(cells(tables, weights, np.ones((400, 1)), 0.95)["accuracy"].mean, 0.95)
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
        np.ptp(interval(cells(tables, weights, over, 0.95)["accuracy"].mean, 0.95))
        for tables in (same, apart)
    ]
    assert widths[1] > 4 * widths[0]


def test_weights_depend_on_seed_and_language_alone():
    assert (sentence_weights(30, 50, 1, "xx") == sentence_weights(30, 50, 1, "xx")).all()
    assert (sentence_weights(30, 50, 1, "xx") != sentence_weights(30, 50, 1, "yy")).any()
    assert (sentence_weights(30, 50, 1, "xx").sum(1) == 30).all()


def test_an_interval_of_nothing_is_not_a_number():
    assert np.isnan(interval(np.array([np.nan, np.nan]), 0.95)).all()
