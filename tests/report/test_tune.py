"""The report of a run of tuning: what moved, beside what needs no training."""

import numpy as np
import pandas as pd
import pytest
from planted_tuning import COST, SEEN, UNSEEN, planted_run

from concept_align.errors import ConceptAlignError
from concept_align.report.style import Chart
from concept_align.report.tune import cost_table, gains_table, language_table, layers_table, tune_report
from concept_align.report.tune_figures import (
    WAYS,
    cost_figure,
    gains_figure,
    losses_figure,
    retrieval_figure,
)
from concept_align.tuning.outcomes import SEEN as SEEN_MEAN
from concept_align.tuning.outcomes import UNSEEN as UNSEEN_MEAN


@pytest.fixture(scope="module")
def run():
    return planted_run()


@pytest.fixture(scope="module")
def folder(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    tune_report(run).write(out)
    return out


def test_every_figure_is_drawn_and_linked(folder):
    drawn = sorted(path.stem for path in folder.glob("*.png"))
    assert drawn == ["cost", "gains-held-out", "losses", "retrieval-held-out"]
    summary = (folder / "summary.md").read_text()
    assert all(f"({name}.png)" in summary for name in drawn)
    assert (folder / "index.html").read_text().count("<figure ") == len(drawn)


def test_equal_runs_give_equal_bytes(folder, run, tmp_path):
    tune_report(run).write(tmp_path)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_what_is_told_first_stands_beside_standardising(run):
    said = tune_report(run, figures=False).findings
    frame = run.before_after.set_index(["language", "learner", "reference", "layer", "metric"])["value"]
    for group, sentence in zip((SEEN_MEAN, UNSEEN_MEAN), said, strict=False):
        for learner in ("before", "tuned", "standardising", "tuned-standardised"):
            assert f"{100 * frame[group, learner, '', '3', 'p1']:.1f}" in sentence
        gain = frame[group, "tuned-standardised", "standardising", "3", "p1"]
        assert f"+{100 * gain:.1f}" in sentence
        assert "tuning itself added" in sentence
    assert said[0].startswith("Held-out, ")
    assert f": {COST:.2f} [" in said[-1] and "more than before, a loss" in said[-1]


@pytest.mark.parametrize(
    ("bounds", "words"),
    [((-0.3, -0.1), "0.20 [0.10, 0.30] nats per token fewer than before, a gain"),
     ((-0.3, 0.1), "changed by −0.20 [−0.30, 0.10], which may be nothing")],
)  # fmt: skip
def test_a_gain_in_plain_text_is_called_a_gain(bounds, words):
    changed = planted_run()
    frame = changed.before_after
    cost = (frame["metric"] == "nats-per-token") & (frame["reference"] != "")
    frame.loc[cost, ["value", "low", "high"]] = -0.2, *bounds
    assert words in tune_report(changed, figures=False).findings[-1]


def test_a_control_of_pairs_says_that_its_instructions_are_true():
    def said(**options):
        return any("true translations" in note for note in tune_report(planted_run(**options)).notes)

    assert said(control="shuffled") and not said() and not said(control="answers-only")


def test_a_gain_whose_interval_holds_nought_is_not_claimed(run):
    changed = planted_run()
    frame = changed.before_after
    frame.loc[frame["reference"] == "standardising", ["low", "high"]] = -0.01, 0.2
    assert all("may be nothing" in said for said in tune_report(changed, figures=False).findings[:2])


def test_tables_hold_what_was_measured(run):
    frame = run.before_after
    layers = layers_table(frame, "held-out", UNSEEN_MEAN)
    assert layers.columns == ["searched by", *(f"layer {layer}" for layer in range(5))]
    assert len(layers.rows) == 8
    assert [row[:2] for row in gains_table(frame, "held-out", 3).rows][-1] == [
        "raw, tuned",
        "standardised, before",
    ]
    languages = language_table(frame, "held-out", 3)
    assert len(languages.rows) == len(SEEN) + len(UNSEEN) - 1
    assert {row[-1] for row in languages.rows} == {"120"}
    cost = cost_table(frame)
    assert len(cost.rows) == len(SEEN) + len(UNSEEN) + 2
    assert cost.rows[0][3].startswith(f"{COST:.2f} [")
    assert gains_table(frame, "held-out", 9) is None
    assert layers_table(frame, "elsewhere", SEEN_MEAN) is None


def test_lines_before_are_broken_and_hold_the_tables_numbers(run):
    frame = run.before_after
    figure = retrieval_figure(frame, "held-out", layer=3)
    seen, unseen = figure.axes
    assert seen.get_title(loc="left").startswith("languages tuned on")
    lines = [line for line in unseen.lines if len(line.get_xdata()) == 5]
    assert [line.get_linestyle() for line in lines] == ["--"] * 3 + ["-"] * 3
    rows = frame[
        (frame["language"] == UNSEEN_MEAN) & (frame["learner"] == "tuned") & (frame["reference"] == "")
    ]
    rows = rows[rows["metric"] == "p1"].sort_values("layer")
    np.testing.assert_allclose(lines[3].get_ydata(), 100 * rows["value"])


def test_gains_have_a_row_for_each_language_and_for_both_means(run):
    (axis,) = gains_figure(run.before_after, "held-out", layer=3).axes
    named = [label.get_text() for label in axis.get_yticklabels()]
    assert named[:2] == ["languages not tuned on", "languages tuned on"]
    assert len(named) == len(SEEN) + len(UNSEEN) - 1 + 2
    assert {"Welsh", "Finnish"} & {*named} == {"Finnish"}
    assert len(WAYS) == 4


def test_costs_stand_where_they_were_measured(run):
    (axis,) = cost_figure(run.before_after).axes
    before, tuned = (line for line in axis.lines if len(line.get_xdata()) == len(SEEN) + len(UNSEEN))
    np.testing.assert_allclose(tuned.get_xdata() - before.get_xdata(), COST)


def test_losses_are_those_that_were_recorded(run):
    titles = [axis.get_title(loc="left") for axis in losses_figure(run.history).axes]
    assert titles == [
        "contrast, nats",
        "answers, nats per token",
        "distance from before, nats per token",
        "translation told from the batch, %",
    ]


@pytest.mark.parametrize(
    "draw",
    [
        lambda frame: retrieval_figure(frame, "held-out"),
        lambda frame: gains_figure(frame, "held-out", layer=3),
        cost_figure,
    ],
)
def test_nothing_to_draw_is_said(run, draw):
    with pytest.raises(ConceptAlignError, match="to draw"):
        draw(run.before_after.iloc[:0])
    with pytest.raises(ConceptAlignError, match="to draw"):
        losses_figure(pd.DataFrame({"step": [1]}))


def test_a_run_draws_its_figures(run, tmp_path):
    path = tmp_path / "retrieval.svg"
    drawn = [run.plot_losses(), run.plot_retrieval(path=path), run.plot_gains(metric="mrr"), run.plot_costs()]
    assert all(isinstance(figure, Chart) for figure in drawn)
    assert path.read_bytes().startswith(b"<?xml")


def test_a_run_in_which_nothing_was_measured_has_a_page(run):
    bare = planted_run(control="shuffled")
    bare.__dict__["before_after"] = run.before_after.iloc[:0]
    page = tune_report(bare, figures=False).to_markdown()
    assert "Nothing was measured" in page
    assert "control: shuffled" in page
