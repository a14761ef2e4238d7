"""Gains, spread, reliability and confusions: what they show, and that nothing to show is an error."""

import numpy as np
import pandas as pd
import pytest

from concept_align.errors import ConceptAlignError
from concept_align.report.drawing import looks_of
from concept_align.report.evaluation_figures import (
    concept_gains_figure,
    confusion_figure,
    confusion_matrix,
    language_gains_figure,
    reliability_figure,
    shots_figure,
    spread_figure,
)
from concept_align.report.evaluation_tables import (
    concept_gain_table,
    concept_table,
    gain_table,
    ordered_shots,
    summary_tables,
)
from concept_align.report.style import rendered


@pytest.fixture
def found(made):
    return made.evaluation


def with_oracle(frame):
    """The rows, and shrink's zero-shot rows as those of an upper bound."""
    oracle = frame[(frame.learner == "shrink") & (frame.shots == 0)].assign(learner="oracle", shots=-1)
    return pd.concat([frame, oracle.assign(value=oracle.value + 0.1)], ignore_index=True)


def test_equal_data_give_equal_bytes(found):
    def draw():
        yield spread_figure(found.frame())
        yield language_gains_figure(found.gains(), reference="proto", shots=0)
        yield concept_gains_figure(found.gains(), reference="proto", shots=5)
        yield reliability_figure(found.reliability(), shots=0)
        yield confusion_figure(found.confusion(), learner="shrink", shots=0, reference="proto")

    for one, other in zip(draw(), draw(), strict=True):
        assert all(rendered(one, suffix) == rendered(other, suffix) for suffix in ("png", "svg"))


def test_an_upper_bound_is_a_line_and_takes_no_colour(made):
    frame = with_oracle(made.frame)
    (plain,), (lined,) = (shots_figure(of).axes for of in (made.frame, frame))
    assert len(lined.lines) == len(plain.lines) + 1
    assert looks_of(frame[frame.shots >= 0]) == looks_of(made.frame)


def test_an_upper_bound_stands_last_in_tables(made):
    frame = with_oracle(made.frame)
    assert ordered_shots(frame) == [0, 5, -1]
    mean = summary_tables(frame)[0]
    assert mean.columns[-1].startswith("all sentences")
    assert [row[1] for row in mean.rows if row[0] == "oracle"] == ["–"]


def test_a_learner_looks_the_same_in_every_figure(made):
    part = made.frame[made.frame.learner == "shrink"]
    assert looks_of(part)["shrink"] != looks_of(made.frame)["shrink"]
    assert looks_of(part, ["proto", "shrink"])["shrink"] == looks_of(made.frame)["shrink"]


@pytest.mark.parametrize("figure", [language_gains_figure, concept_gains_figure])
def test_no_gains_to_draw_is_an_error(found, figure):
    with pytest.raises(ConceptAlignError, match="no results"):
        figure(found.gains(), reference="nobody", shots=0)


def test_no_confusions_to_draw_is_an_error(found):
    with pytest.raises(ConceptAlignError, match="no confusions"):
        confusion_figure(found.confusion(), learner="nobody", shots=0)


def test_a_concept_that_is_never_gold_has_a_row_without_numbers():
    rows = pd.DataFrame({"gold": ["a", "a"], "predicted": ["a", "b"], "of_gold": [0.75, 0.25]})
    matrix = confusion_matrix(rows, ["a", "b"])
    assert matrix[0].tolist() == [0.75, 0.25]
    assert np.isnan(matrix[1]).all()


def test_gains_over_a_reference_have_its_sign_whichever_side_it_stands(found):
    over_proto, over_shrink = (gain_table(found.comparisons(), name) for name in ("proto", "shrink"))
    assert over_proto.rows[0][0] == "shrink"
    assert over_proto.rows[0][1].startswith("5.0 [")
    assert over_shrink.rows[0][1].startswith("-5.0 [")
    assert gain_table(found.comparisons(), "nobody") is None


def test_concepts_are_rows_with_the_languages_that_have_them(found):
    table = concept_gain_table(found.gains(), "proto", 0)
    assert [row[0] for row in table.rows] == ["NOUN", "VERB"]
    assert [row[-1] for row in table.rows] == ["4", "3"]
    assert table.rows[1][1].startswith("-3.0 [")
    assert concept_table(found.frame(), 0) is None


def test_the_lowest_calibration_error_is_the_best(made):
    frame = made.frame[made.frame.metric == "accuracy"].assign(metric="ece")
    found = summary_tables(frame, "ece")[0]
    assert [found.rows[row][0] for row, _ in found.best] == ["proto", "proto"]
    assert "expected calibration error" in found.title
