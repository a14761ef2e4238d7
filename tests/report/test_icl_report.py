"""The report of a study: every table and figure, without a model."""

import fake_scorer
import pandas as pd
import pytest

from concept_align.icl.study import run
from concept_align.report.icl import aligned_table, answers_table, write_icl
from concept_align.report.icl_figures import usefulness_figure
from concept_align.report.style import save

QUICK = {"hidden": 0, "epochs": 10, "lr": 0.03, "batch": 64, "adapts": "none", "least": 1}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    plan = fake_scorer.make_plan(layers=(1, 2), options=QUICK, sources=("en", "own"))
    return run(fake_scorer.make_session(plan), tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def folder(studied, tmp_path_factory):
    out = tmp_path_factory.mktemp("report")
    write_icl(studied, out)
    return out


def test_every_figure_is_drawn_and_linked(folder):
    drawn = sorted(path.stem for path in folder.glob("*.png"))
    assert drawn == ["demonstrations", "gains", "languages-en", "layers"]
    summary = (folder / "summary.md").read_text()
    assert all(f"({name}.png)" in summary for name in drawn)
    page = (folder / "index.html").read_text()
    assert page.count("<figure ") == len(drawn)


def test_equal_studies_give_equal_bytes(folder, studied, tmp_path):
    write_icl(studied, tmp_path)
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / path.name).read_bytes()


def test_tables_have_a_row_for_every_language_of_demonstrations(studied):
    frame = studied.frame()
    answers, aligned = answers_table(frame), aligned_table(frame)
    assert {row[0] for row in answers.rows} == {"English", "the target itself"}
    assert answers.columns[2:] == ["no demonstration", "2 demonstrations"]
    assert [row[:3] for row in aligned.rows] == [
        ["English", "aligned-pooled", "2"],
        ["English", "probe-pooled", "0"],
    ]


def test_gains_are_over_the_same_learner_without_demonstrations(folder):
    gains = pd.read_csv(folder / "gains.csv")
    own = gains[(gains["learner"] == "icl-tags") & (gains["reference"] == "icl-tags@0")]
    assert set(own["shots"]) == {2}
    assert set(own["source"]) == {"en", "own"}


def test_targets_without_demonstrations_stand_in_one_table(folder):
    titles = [line for line in (folder / "summary.md").read_text().splitlines() if "Target by target" in line]
    assert titles == [
        "### Target by target, no demonstration: accuracy, %",
        "### Target by target, 2 demonstrations in English: accuracy, %",
        "### Target by target, 2 demonstrations in the target itself: accuracy, %",
    ]


def test_usefulness_is_drawn_against_alignability(tmp_path):
    pairs = pd.DataFrame(
        {"source": ["en", "en", "de"], "language": ["ga", "tr", "ga"], "alignability": [0.1, 0.3, 0.2]}
    ).assign(gain=[0.01, 0.05, -0.02])
    drawn = save(usefulness_figure(pairs, measure="cka", k=5, said="r = 0.5"), tmp_path / "usefulness")
    assert [path.suffix for path in drawn] == [".png", ".svg"]
