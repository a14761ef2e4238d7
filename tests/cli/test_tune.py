"""``concept-align tune``: what it says, writes and refuses."""

import json
import subprocess
import sys

import pytest
import tiny_tuning
from typer.testing import CliRunner

from concept_align.cli.commands import app
from concept_align.config import read_toml
from concept_align.errors import ConceptAlignError, LearningError, UsageError
from concept_align.tuning.settings import TuneConfig


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    return tiny_tuning.tiny_run(tmp_path_factory.mktemp("tiny"))


def run(*words, code=0):
    result = CliRunner().invoke(app, ["tune", *map(str, words)])
    if isinstance(result.exception, ConceptAlignError):
        raise result.exception
    assert result.exit_code == code, (result.output, result.exception)
    return result


@pytest.fixture(scope="module")
def made(given, tmp_path_factory):
    out = tmp_path_factory.mktemp("made") / "out"
    return out, run(*tiny_tuning.words(given), "--out", out)


def test_a_run_tells_what_changed_and_leaves_a_page(made):
    out, told = made
    assert "held-out: precision@1" in told.stdout and "standardised, before" in told.stdout
    assert "tuned in" in told.stderr and "Traceback" not in told.stderr
    assert {"index.html", "summary.md", "history.csv", "before-after.csv", "model", "adapter"} <= {
        path.name for path in out.iterdir()
    }
    assert read_toml(out / "run.toml", TuneConfig).langs == ("en", "ru")


def test_the_saved_configuration_makes_the_same_model_again(made, tmp_path):
    out, _ = made
    run("--config", out / "run.toml", "--out", tmp_path / "two", "--no-figures")
    for name in ("run.toml", "history.csv", "before-after.csv", "provenance.json", "model/model.safetensors"):
        assert (out / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_a_finished_run_is_told_again_and_another_refused(given, made):
    out, _ = made
    words = [*tiny_tuning.words(given), "--out", out]
    found = json.loads(run(*words, "--json").stdout)
    assert found["seconds"] == 0 and found["model"].endswith("model")
    assert {"before", "tuned"} <= {row["learner"] for row in found["results"]}
    with pytest.raises(LearningError, match="steps is 4, not 5"):
        run(*words, "--steps", 5)


def test_a_tuned_model_is_taken_by_the_other_commands(made, tmp_path):
    out, _ = made
    words = ["extract", "--model", out / "model", "--treebanks", "mini", "--langs", "en", "--layers", "3"]
    result = CliRunner().invoke(app, [*map(str, words), "--out", str(tmp_path / "store"), "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "store" / "UD_English-Mini" / "train.layer-03.safetensors").exists()


def test_a_dry_run_reads_no_weights_and_writes_nothing(given, tmp_path, monkeypatch):
    import safetensors.torch
    import transformers

    def refused(*args, **options):
        raise AssertionError("weights are read")

    monkeypatch.setattr(transformers.PreTrainedModel, "from_pretrained", refused)
    monkeypatch.setattr(safetensors.torch, "load", refused)
    words = [*tiny_tuning.words(given), "--out", tmp_path / "out", "--dry-run"]
    found = json.loads(run(*words, "--json").stdout)
    assert found["meanings trained on"] + found["meanings held out"] == 24 and found["layer"] == 3
    assert found["tokens a step"].keys() == {"contrast", "answers", "retention"}
    assert len(found["instructions"]) == 3 and all(one["answer"].strip() for one in found["instructions"])
    shown = run(*words).stdout
    assert f"{found['instructions'][0]['prompt']}[{found['instructions'][0]['answer']}]" in shown
    assert not (tmp_path / "out").exists()


def test_the_help_comes_without_torch():
    code = (
        "import sys; sys.argv = ['concept-align', 'tune', '--help']\n"
        "from concept_align.cli import commands\n"
        "try: commands.run()\n"
        "except SystemExit: pass\n"
        "assert not {'torch', 'transformers', 'peft'} & {*sys.modules}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "--retain" in done.stdout and "--merge" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--steps", "0"), "too few"),
        (("--weights", "1,2"), "not weights"),
        (("--preset", "best"), "'middle' or"),
        (("--evaluate", "taste"), "unknown evaluation"),
        (("--pooling", "max"), "'mean' or"),
        (("--set", "layr=3"), "layr"),
    ],
)
def test_wrong_use_is_named(given, tmp_path, words, message):
    with pytest.raises(UsageError) as error:
        run(*tiny_tuning.words({**given}), "--out", tmp_path / "out", *words)
    assert message in str(error.value)
    assert not (tmp_path / "out").exists()
