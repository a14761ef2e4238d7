"""Gains, spread, reliability and confusions: what they show, and that nothing to show is an error."""

import numpy as np
import pandas as pd
import pytest

from concept_align.errors import ConceptAlignError
from concept_align.report.confusion import _matrix, confusion_figure
from concept_align.report.facets import looks_of
from concept_align.report.figures import shots_figure, spread_figure
from concept_align.report.gain_tables import concept_gain_table, concept_table, gain_table
from concept_align.report.gains import concept_gains_figure, language_gains_figure
from concept_align.report.reliability import reliability_figure
from concept_align.report.tables import ordered_shots, summary_tables

pytest.importorskip("matplotlib", reason="figures are an extra: concept-align[plots]")


def with_oracle(frame):
    """The rows, and shrink's zero-shot rows as those of an upper bound."""
    oracle = frame[(frame.learner == "shrink") & (frame.shots == 0)].assign(learner="oracle", shots=-1)
    return pd.concat([frame, oracle.assign(value=oracle.value + 0.1)], ignore_index=True)


def test_all_figures_are_written_and_equal_data_give_equal_bytes(made, tmp_path):
    gains = made.evaluation.gains()
    reliability = made.evaluation.reliability()
    confusion = made.evaluation.confusion()
    drawn = {}
    for folder in ("a", "b"):
        drawn[folder] = [
            *spread_figure(made.frame, tmp_path / folder / "spread"),
            *language_gains_figure(gains, tmp_path / folder / "languages", reference="proto", shots=0),
            *concept_gains_figure(gains, tmp_path / folder / "concepts", reference="proto", shots=5),
            *reliability_figure(reliability, tmp_path / folder / "reliability", shots=0),
            *confusion_figure(
                confusion, tmp_path / folder / "c", learner="shrink", shots=0, reference="proto"
            ),
        ]
    assert len(drawn["a"]) == 10
    for one, other in zip(*drawn.values(), strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_an_upper_bound_is_a_line_and_takes_no_colour(made, tmp_path):
    frame = with_oracle(made.frame)
    plain, _ = shots_figure(made.frame, tmp_path / "plain")
    lined, _ = shots_figure(frame, tmp_path / "lined")
    assert plain.read_bytes() != lined.read_bytes()
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
def test_no_gains_to_draw_is_an_error(made, tmp_path, figure):
    with pytest.raises(ConceptAlignError, match="no results"):
        figure(made.evaluation.gains(), tmp_path / "x", reference="nobody", shots=0)


def test_no_confusions_to_draw_is_an_error(made, tmp_path):
    with pytest.raises(ConceptAlignError, match="no confusions"):
        confusion_figure(made.evaluation.confusion(), tmp_path / "x", learner="nobody", shots=0)


def test_a_concept_that_is_never_gold_has_a_row_without_numbers():
    rows = pd.DataFrame({"gold": ["a", "a"], "predicted": ["a", "b"], "of_gold": [0.75, 0.25]})
    matrix = _matrix(rows, ["a", "b"])
    assert matrix[0].tolist() == [0.75, 0.25]
    assert np.isnan(matrix[1]).all()


def test_gains_over_a_reference_have_its_sign_whichever_side_it_stands(made):
    frame = made.evaluation.comparisons()
    over_proto, over_shrink = (gain_table(frame, name) for name in ("proto", "shrink"))
    assert over_proto.rows[0][0] == "shrink"
    assert over_proto.rows[0][1].startswith("5.0 [")
    assert over_shrink.rows[0][1].startswith("-5.0 [")
    assert gain_table(frame, "nobody") is None


def test_concepts_are_rows_with_the_languages_that_have_them(made):
    found = concept_gain_table(made.evaluation.gains(), "proto", 0)
    assert [row[0] for row in found.rows] == ["NOUN", "VERB"]
    assert [row[-1] for row in found.rows] == ["4", "3"]
    assert found.rows[1][1].startswith("-3.0 [")
    assert concept_table(made.frame, 0) is None


def test_the_lowest_calibration_error_is_the_best(made):
    frame = made.frame[made.frame.metric == "accuracy"].assign(metric="ece")
    found = summary_tables(frame, "ece")[0]
    assert [found.rows[row][0] for row, _ in found.best] == ["proto", "proto"]
    assert "expected calibration error" in found.title
