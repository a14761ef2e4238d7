import json
import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

from concept_align.cli.commands import app
from concept_align.errors import ConceptAlignError, ModelError, UsageError
from concept_align.evaluation.results import read
from concept_align.treebanks.discover import mini_treebanks

QUICK = ("--langs", "ga,tr", "--demo-langs", "en", "--k", "0,2", "--demo-draws", "1", "--queries", "4")
ALIGN = ("--layers", "2", "--align-langs", "en,de", "--align-validation", "none", "--align-sentences", "20")


def run(*arguments, model="mini-decoder"):
    words = ["icl", "--model", model, "--treebanks", mini_treebanks(), "--bootstrap", "100", *arguments]
    result = CliRunner().invoke(app, [*map(str, words)])
    if isinstance(result.exception, ConceptAlignError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("icl") / "out"
    config = folder.parent / "options.toml"
    config.write_text(
        f'model = "mini-decoder"\ntreebanks = "{mini_treebanks()}"\nbootstrap = 100\n'
        '[options]\nepochs = 2\nadapts = "none"\nleast = 1\n'
    )
    return folder, run("--config", config, *QUICK, *ALIGN, "--contextual", "--out", folder)


def test_a_study_writes_tables_a_page_and_figures(finished):
    folder, result = finished
    for name in ("results.csv", "comparisons.csv", "gains.csv", "summary.md", "index.html", "icl.json"):
        assert (folder / name).stat().st_size > 0
    for name in ("demonstrations", "gains", "layers", "languages-en"):
        assert (folder / f"{name}.png").is_file()
        assert (folder / f"{name}.svg").is_file()
    assert "The model's own answers" in result.stdout
    frame = read(folder)
    assert set(frame["source"]) == {"en"}
    assert {
        "icl-tags",
        "icl-shuffled",
        "icl-tags-calibrated",
        "aligned-pooled",
        "probe-pooled",
        "icl-tags-contextual",
    } < set(frame["learner"])
    assert set(pd.read_csv(folder / "comparisons.csv")["a"]) > {"aligned-pooled"}


def test_its_configuration_can_be_given_back_and_nothing_is_asked_twice(finished, tmp_path):
    folder, _ = finished
    assert tomllib.loads((folder / "run.toml").read_text())["demo_langs"] == ["en"]
    units = {path: path.read_bytes() for path in (folder / "units").rglob("*.jsonl")}
    again = run("--config", folder / "run.toml", "--out", folder, "--json", "--no-figures")
    assert {row["learner"] for row in json.loads(again.stdout)["results"]} > {"icl-tags"}
    assert {path: path.read_bytes() for path in units} == units


def test_a_dry_run_says_what_would_be_asked_and_writes_nothing(tmp_path):
    out = tmp_path / "out"
    told = json.loads(run(*QUICK, "--out", out, "--dry-run", "--json").stdout)
    assert told["tests"] == 2 * 2 * 2
    assert told["targets"] == ["ga", "tr"]
    assert told["seconds"] >= 0
    assert not out.exists()


@pytest.mark.parametrize(
    ("arguments", "kind", "said"),
    [
        (("--labels", "numbers"), UsageError, "numbers"),
        (("--selector", "oracle"), UsageError, "unknown selector"),
        (("--selector", "alignability"), UsageError, "chooses among languages"),
        (("--template", "haiku"), UsageError, "haiku"),
        (("--k", "one"), UsageError, "not whole numbers"),
        (("--feedback", "none"), UsageError, "feedback"),
        (("--langs", "xx"), UsageError, "xx"),
    ],
)
def test_options_that_cannot_be_are_refused_before_anything_is_loaded(arguments, kind, said, tmp_path):
    with pytest.raises(kind, match=said):
        run(*QUICK, *arguments, "--out", tmp_path, model="no-such-model")


def test_an_encoder_is_refused(tmp_path):
    with pytest.raises(ModelError, match="causal language model"):
        run(*QUICK, "--out", tmp_path, model="mini-encoder")
