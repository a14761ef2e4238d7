import json
import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

from concept_align.cli.commands import app
from concept_align.errors import ConceptAlignError, UsageError
from concept_align.evaluation.results import read

QUICK = ("--langs", "de,fi", "--demo-langs", "fr", "--k", "0,1", "--demo-draws", "1", "--limit", "3")


def run(*arguments, model="mini-decoder", task="lemma:mini"):
    words = ["ask", "--model", model, "--task", task, "--bootstrap", "100", *QUICK, *map(str, arguments)]
    result = CliRunner().invoke(app, words)
    if isinstance(result.exception, ConceptAlignError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ask") / "out"
    return folder, run("--selectors", "random,nearest-state", "--out", folder)


def test_a_run_writes_tables_a_page_and_figures_and_its_configuration(finished):
    folder, result = finished
    assert "The model's own answers" in result.stdout
    assert set(read(folder)["learner"]) == {"copy", "random", "nearest-state"}
    answers = pd.read_csv(folder / "answers.csv", keep_default_na=False)
    assert len(answers) == 3 * 2 * 3  # none, random, nearest-state; of two languages
    assert len(pd.read_csv(folder / "paired.csv"))
    for name in ("summary.md", "index.html", "ask.json", "demonstrations.png"):
        assert (folder / name).stat().st_size > 0
    assert "copying from the question" in (folder / "summary.md").read_text()
    assert tomllib.loads((folder / "run.toml").read_text())["selectors"] == ["random", "nearest-state"]


def test_nothing_is_asked_twice_and_what_is_printed_is_what_is_kept(finished):
    folder, _ = finished
    units = (folder / "units.jsonl").read_bytes()
    again = run("--config", folder / "run.toml", "--out", folder, "--json", "--no-figures")
    told = json.loads(again.stdout)
    assert len(told["results"]) == len(read(folder))
    assert (folder / "units.jsonl").read_bytes() == units
    assert not (folder / "demonstrations.png").exists()


def test_a_dry_run_says_what_would_be_asked_and_writes_nothing(tmp_path):
    told = json.loads(run("--out", tmp_path / "out", "--dry-run", "--json").stdout)
    assert told["questions"] == {"de": 3, "fi": 3}
    assert told["sets"] == 4
    assert told["seconds"] >= 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--selectors", "oracle"), "unknown selector"),
        (("--selectors", "coverage"), "looks at labels"),
        (("--k", "one"), "not whole numbers"),
        (("--langs", "xx"), "xx"),
        (("--set", "classes=3"), "3"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_loaded(arguments, said, tmp_path):
    with pytest.raises(UsageError, match=said):
        run(*arguments, "--out", tmp_path, model="no-such-model")
