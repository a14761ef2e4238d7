import json

import pandas as pd

from concept_align.evaluation.results import read
from concept_align.evaluation.tidy import Evaluation
from concept_align.report.evaluation import evaluation_report, write_evaluation


def written(made, folder, evaluations=None, *, figures=True):
    return write_evaluation(Evaluation.join(evaluations or [made.evaluation]), folder, figures=figures)


def test_everything_is_in_the_folder(made, tmp_path):
    assert [path.name for path in written(made, tmp_path)[:2]] == ["summary.md", "index.html"]
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "results.csv", "results.parquet", "comparisons.csv", "gains.csv", "confusion.csv",
        "reliability.csv", "summary.md", "index.html", "evaluation.json",
    } | {
        f"{figure}.{suffix}" for suffix in ("png", "svg") for figure in (
            "shots", "spread", "languages-0-shot", "gains-languages-0-shot", "gains-languages-5-shot",
            "gains-concepts-0-shot", "gains-concepts-5-shot", "reliability-0-shot", "confusion-0-shot",
        )
    }  # fmt: skip
    assert len(read(tmp_path)) == len(made.frame)
    assert json.loads((tmp_path / "evaluation.json").read_text())["seen"] == "here"


def test_comparisons_tell_their_setting(made, tmp_path):
    written(made, tmp_path, [made.make("upos"), made.make("relation")], figures=False)
    frame = pd.read_csv(tmp_path / "comparisons.csv")
    assert list(frame.columns[:5]) == ["model", "revision", "layer", "task", "source"]
    assert frame.groupby("task").size().to_dict() == {"relation": 4, "upos": 4}


def test_the_page_has_settings_tables_notices_and_figures(made, tmp_path):
    written(made, tmp_path, [made.make("upos"), made.make("relation")])
    assert {path.stem for path in tmp_path.glob("confusion-*.svg")} == {
        "confusion-relation-0-shot", "confusion-upos-0-shot",
    }  # fmt: skip
    page = (tmp_path / "summary.md").read_text()
    assert "## some/model (01234567), layer 7, word classes, from English" in page
    assert "## some/model (01234567), layer 7, relations, from English" in page
    assert "- xx: something odd about relation" in page
    assert "training words: Welsh, Basque." in page
    assert page.count("### Mean over target languages: accuracy") == 2
    assert "![shots.png](shots.png)" in page
    assert "### The best learner against the others" in page


def test_equal_evaluations_give_equal_bytes(made, tmp_path):
    for folder in ("a", "b"):
        written(made, tmp_path / folder, figures=False)  # figures: test_figures, test_evidence_figures
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_the_page_has_gains_seeds_and_calibration_of_each_setting(made, tmp_path):
    written(made, tmp_path, figures=False)
    page = (tmp_path / "summary.md").read_text()
    assert "Training seeds that are averaged: shrink 3." in page
    assert "### Gain over proto: accuracy, points (* Holm p < 0.05)" in page
    assert "### Gain over proto, zero-shot, concept by concept: F1, points" in page
    assert not list(tmp_path.glob("*.png"))
    gains = pd.read_csv(tmp_path / "gains.csv")
    assert list(gains.columns[5:]) == [
        "learner", "reference", "shots", "metric", "language", "value", "low", "high", "n",
    ]  # fmt: skip


def test_zero_shot_alone_has_no_curve(made, tmp_path):
    written(made, tmp_path, [made.make(shots=(0,))])
    assert not (tmp_path / "shots.png").exists()
    assert (tmp_path / "languages-0-shot.png").exists()


def test_one_evaluation_alone_has_a_report_with_what_was_found_first(made):
    report = evaluation_report(made.evaluation, figures=False)
    (said,) = report.findings
    assert said.startswith(
        "some/model (01234567), layer 7, word classes, from English: best mean accuracy, %: "
    )
    assert "zero-shot shrink 64.0 [" in said and said.endswith("; majority class 14.0.")
    assert report.facts == [
        ("2", "learners"),
        ("5", "target languages"),
        ("2", "draws of labelled sentences"),
    ]
    page = report.to_html()
    assert "xx: something odd about upos" in page and "<img" not in page
