import json
import tomllib

import pandas as pd
import pytest
from typer.testing import CliRunner

from concept_align.cli.commands import app
from concept_align.errors import ConceptAlignError, UsageError
from concept_align.extraction.run import extract
from concept_align.intervention.evidence import COLUMNS
from concept_align.treebanks.discover import mini_treebanks

LANGUAGES = ["en", "de", "fr", "fi", "ga", "es"]
QUICK = (
    "--source-langs",
    "en,de,fr",
    "--langs",
    "ga,es",
    "--layers",
    "2",
    "--sentences",
    "4",
    "--bootstrap",
    "100",
)
CONTROLS = ("--controls", "matched:2,components")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("intervene") / "store"
    extract("mini-decoder", mini_treebanks(), folder, layers=[1, 2, 4], langs=LANGUAGES)
    return folder


def run(store, *arguments):
    words = ["intervene", "--store", store, *QUICK, *CONTROLS, *arguments]
    result = CliRunner().invoke(app, [*map(str, words)])
    if isinstance(result.exception, ConceptAlignError):
        raise result.exception
    assert result.exit_code == 0, (result.output, result.exception)
    return result


@pytest.fixture(scope="module")
def finished(store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("intervened") / "out"
    return folder, run(store, "--out", folder, "--matrix")


def test_a_run_writes_tables_a_page_and_figures_and_its_configuration(finished):
    folder, result = finished
    assert "what is read after it" in result.stdout
    effects = pd.read_csv(folder / "effects.csv", keep_default_na=False)
    assert list(effects.columns) == list(COLUMNS)
    assert set(effects["language"]) == {"ga", "es", "mean"}
    assert set(effects["control"]) == {"", "matched", "components"}
    assert {"probe", "loss"} <= set(effects["readout"])
    assert set(pd.read_csv(folder / "matrix.csv")["source"]) == {"en", "de", "fr"}
    directions = pd.read_csv(folder / "directions.csv", keep_default_na=False)
    of_units = directions.groupby(["language", "source", "control"]).size()
    assert set(of_units.loc[:, :, "matched"]) == {2}
    for name in ("summary.md", "index.html", "intervene.json", "treatments.png"):
        assert (folder / name).stat().st_size > 0
    assert tomllib.loads((folder / "run.toml").read_text())["layers"] == [2]


def test_removing_concepts_takes_more_than_the_control_and_as_much_variance(finished):
    folder, _ = finished
    effects = pd.read_csv(folder / "effects.csv", keep_default_na=False)
    probe = effects[
        (effects["readout"] == "probe") & (effects["source"] == "pooled") & (effects["concept"] == "")
    ]
    assert (probe[(probe["against"] == "matched") & (probe["language"] == "mean")]["value"] < 0).all()
    directions = pd.read_csv(folder / "directions.csv", keep_default_na=False)
    shares = directions.groupby("control")["share"].mean()
    assert shares["matched"] == pytest.approx(shares[""], rel=0.02)
    assert shares["components"] > shares[""]


def test_nothing_is_measured_twice_and_what_is_added_costs_only_itself(finished, store):
    folder, _ = finished
    units = {path: path.stat().st_mtime_ns for path in (folder / "units").rglob("*") if path.is_file()}
    told = json.loads(run(store, "--out", folder, "--matrix", "--json", "--no-figures").stdout)
    assert {row["language"] for row in told["effects"]} == {"mean"}
    again = {path: path.stat().st_mtime_ns for path in (folder / "units").rglob("*") if path.is_file()}
    assert again == units
    assert not (folder / "treatments.png").exists()
    run(store, "--out", folder, "--layers", "1,2", "--no-figures")
    more = {path: path.stat().st_mtime_ns for path in (folder / "units").rglob("*") if path.is_file()}
    assert {path: more[path] for path in units} == units
    assert len(more) > len(units)


def test_a_folder_of_another_study_is_refused_unless_forced(finished, store):
    folder, _ = finished
    with pytest.raises(UsageError, match="another seed"):
        run(store, "--out", folder, "--seed", "5")


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(store, tmp_path):
    told = json.loads(run(store, "--out", tmp_path / "out", "--dry-run", "--json").stdout)
    assert told["units"] == 2
    assert told["langs"] == ["ga", "es"]
    assert told["seconds"] >= 0
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--interventions", "erase"), "unknown intervention"),
        (("--layers", "4"), "nothing is read after it"),
        (("--layers", "3"), "no states of layer 3"),
        (("--langs", "xx"), "xx"),
        (("--langs", "it"), "holds no words of it"),
        (("--set", 'source_langs=["ga", "en"]'), "1 source languages"),
        (("--where", "NOON"), "NOON"),
        (("--read-layers", "1,2"), "no layer is read after layer 2"),
        (("--task", "relation"), "a relation is of two words"),
        (("--controls", "chance"), "unknown control"),
        (("--matrix", "--alignability", "nowhere"), "no alignability here"),
    ],
)
def test_options_that_cannot_be_are_refused_before_the_model_is_loaded(arguments, said, store, tmp_path):
    with pytest.raises(ConceptAlignError, match=said):
        run(store, *arguments, "--out", tmp_path, "--model", "no-such-model")


def test_a_model_that_is_not_the_stores_is_refused(store, tmp_path):
    with pytest.raises(ConceptAlignError, match="its revision is"):
        run(store, "--out", tmp_path, "--model", "mini-encoder")
