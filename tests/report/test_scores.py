"""Tables of scores as matrices, and what is said about all pairs of a layer."""

import numpy as np
import pandas as pd
import pytest

from concept_align.errors import ConceptAlignError, UsageError
from concept_align.report.alignability_findings import best_layer, language_means, layer_means
from concept_align.report.score_matrix import layer_numbers, matrix, one_condition


def test_a_pair_compared_one_way_has_its_value_both_ways(scored):
    grid = matrix(scored.scores[scored.scores["layer"] == "1"])
    assert grid.languages == scored.languages
    assert np.array_equal(grid.values, grid.values.T, equal_nan=True)
    assert grid.values[0, 2] == pytest.approx(0.8)  # English and German
    assert np.isnan(np.diag(grid.values)).all()


def test_two_models_are_not_mirrored(scored):
    rows = scored.scores[scored.scores["layer"] == "1"].assign(against="other@abc:7")
    grid = matrix(rows)
    assert np.isfinite(grid.values[0, 2]) and np.isnan(grid.values[2, 0])


def test_a_language_without_any_value_is_named_with_the_reason(scored):
    grid = matrix(scored.scores[scored.scores["layer"] == "1"])
    assert grid.empty == ("te",)
    assert grid.notes == ("too few concepts",)
    assert grid.ordered([4, 0, 1]).languages == ("te", "en", "fi")


def test_scores_of_several_settings_are_refused_by_what_differs(scored):
    two = pd.concat([scored.scores, scored.make(measure="cka")])
    with pytest.raises(UsageError, match="measure is cka, rsa"):
        one_condition(two)
    with pytest.raises(UsageError, match="layer is 0, 1, 2"):
        matrix(scored.scores)
    with pytest.raises(ConceptAlignError, match="no scores"):
        one_condition(scored.scores[:0])


def test_layers_go_by_number_and_mixtures_of_layers_are_no_layer(scored):
    scores = scored.make(layers=(10, 9)).assign(layer=lambda rows: rows["layer"].replace("9", "6+9"))
    assert layer_numbers(scores)["layer"].unique().tolist() == [10]
    assert [mean.layer for mean in layer_means(scored.make(layers=(10, 9)))] == ["9", "10"]
    assert [mean.layer for mean in layer_means(scores)] == ["10", "6+9"]


def test_the_mean_of_a_layer_counts_pairs_with_a_value_and_those_without(scored):
    mean = layer_means(scored.scores)[1]
    assert (mean.pairs, mean.refused, mean.languages, mean.tested) == (10, 5, 5, 10)
    assert mean.value == pytest.approx(0.5 + 0.3 * 2 / 10)
    assert mean.low < mean.value < mean.high
    assert (mean.null_mean, mean.ceiling, mean.significant) == pytest.approx((0.02, 0.9, 1.0))
    assert mean.concepts == (15, 15)


def test_the_best_layer_is_the_highest_and_there_is_none_without_values(scored):
    best = best_layer(layer_means(scored.scores))
    assert best is not None and best.layer == "1"
    assert best_layer(layer_means(scored.make(without=scored.languages))) is None


def test_a_language_beside_itself_in_another_model_is_no_pair(scored):
    rows = scored.scores.assign(against="other@abc:7")
    own = rows.assign(target=rows["source"], value=1.0)
    assert layer_means(pd.concat([rows, own]))[1].value == pytest.approx(layer_means(rows)[1].value)
    assert layer_means(own)[1].value == 1.0


def test_the_mean_of_a_language_is_over_its_own_pairs(scored):
    means = language_means(scored.scores)
    assert means.index.tolist() == [0, 1, 2]
    assert means.loc[1, "en"] == pytest.approx((0.8 + 3 * 0.5) / 4)
    assert means["te"].isna().all()
