import json

import pandas as pd

from concept_align.evaluation.results import read
from concept_align.report import write as module
from concept_align.report.write import write_evaluation


def written(made, folder, evaluations=None):
    return write_evaluation(
        evaluations or [made.evaluation], folder, protocol=made.protocol, facts={"seen": "here"}
    )


def test_everything_is_in_the_folder(made, tmp_path):
    assert written(made, tmp_path) == []
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "results.csv", "results.parquet", "comparisons.csv", "summary.md", "evaluation.json",
        "shots.png", "shots.svg", "languages-0-shot.png", "languages-0-shot.svg",
    }  # fmt: skip
    assert len(read(tmp_path)) == len(made.frame)
    assert json.loads((tmp_path / "evaluation.json").read_text())["seen"] == "here"


def test_comparisons_tell_their_setting(made, tmp_path):
    written(made, tmp_path, [made.make("upos"), made.make("relation")])
    frame = pd.read_csv(tmp_path / "comparisons.csv")
    assert list(frame.columns[:5]) == ["model", "revision", "layer", "task", "source"]
    assert frame.groupby("task").size().to_dict() == {"relation": 4, "upos": 4}


def test_the_page_has_settings_tables_notices_and_figures(made, tmp_path):
    written(made, tmp_path, [made.make("upos"), made.make("relation")])
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
        written(made, tmp_path / folder)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_zero_shot_alone_has_no_curve(made, tmp_path):
    written(made, tmp_path, [made.make(shots=(0,))])
    assert not (tmp_path / "shots.png").exists()
    assert (tmp_path / "languages-0-shot.png").exists()


def test_without_matplotlib_all_but_the_figures_is_written_and_that_is_said(made, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    (missing,) = written(made, tmp_path)
    assert "concept-align[plots]" in missing
    assert not list(tmp_path.glob("*.png"))
    assert (tmp_path / "summary.md").exists()
