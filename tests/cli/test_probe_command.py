import json
from pathlib import Path

import pandas as pd
import pytest
from fake_model import FakeModel
from typer.testing import CliRunner

from concept_align.cli.commands import app
from concept_align.errors import UsageError
from concept_align.evaluation.results import COLUMNS
from concept_align.extraction.run import extract_files
from concept_align.spaces.probe import Probe
from concept_align.treebanks.discover import find_treebanks

MINI = Path(__file__).parent.parent.parent / "ud_data" / "mini"
QUICK = ["--epochs", "2", "--rank", "4"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe") / "store"
    extract_files(FakeModel(), find_treebanks(MINI, "en,de,fi"), folder, layers=[1, 2])
    return folder


def run(*arguments):
    """stdout of ``concept-align probe``; an error is raised as it is."""
    found = CliRunner().invoke(app, ["probe", *map(str, arguments)], catch_exceptions=False)
    if found.exit_code:
        raise found.exception or AssertionError(found.output)
    return found.stdout


def refused(*arguments):
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(app, ["probe", *map(str, arguments)], catch_exceptions=False)
    return str(caught.value)


def sweep(store, out, *arguments):
    return json.loads(run("--store", store, "--out", out, "--json", *QUICK, *arguments))


def test_every_language_and_layer_is_tested_and_written_tidily(store, tmp_path):
    printed = sweep(store, tmp_path)
    rows = pd.DataFrame(printed["results"])
    single = rows[
        rows.learner.eq("probe") & rows.metric.eq("accuracy") & rows.language.isin(["en", "de", "fi"])
    ]
    assert sorted(zip(single.language, single.layer, strict=True)) == [
        (language, layer) for language in ("de", "en", "fi") for layer in ("1", "2")
    ]
    assert (single.source == single.language).all() and (single.shots == -1).all()
    assert ((single.low <= single.value) & (single.value <= single.high) & (single.n > 0)).all()
    mean = rows.query("learner == 'probe' and metric == 'accuracy' and language == 'mean' and layer == '1'")
    assert mean.value.item() == pytest.approx(single[single.layer.eq("1")].value.mean())
    assert {"majority", "probe"} == set(rows.learner)
    assert {"accuracy", "macro_f1", "dev_accuracy"} == set(rows.metric)
    csv, parquet = pd.read_csv(tmp_path / "probe-upos.csv"), pd.read_parquet(tmp_path / "probe-upos.parquet")
    assert tuple(csv.columns) == tuple(parquet.columns) == COLUMNS
    assert len(csv) == len(parquet) == len(rows)


def test_a_run_that_is_repeated_makes_no_probe_again_and_says_the_same(store, tmp_path, monkeypatch):
    first = sweep(store, tmp_path)
    monkeypatch.setattr("concept_align.correspondence.own_probe.fit_probe", None)
    again = sweep(store, tmp_path)
    assert again == first


def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been_stopped(store, tmp_path, monkeypatch):
    from concept_align.correspondence import own_probe

    whole = sweep(store, tmp_path / "whole")
    real, made = own_probe.fit_probe, []

    def stops_at_the_third(train, *arguments, **options):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(train.language)
        return real(train, *arguments, **options)

    monkeypatch.setattr(own_probe, "fit_probe", stops_at_the_third)
    CliRunner().invoke(app, ["probe", "--store", str(store), "--out", str(tmp_path / "cut"), *QUICK])
    assert len(list((tmp_path / "cut").glob("units/*/*/made_from.json"))) == 2
    monkeypatch.setattr(own_probe, "fit_probe", lambda *a, **o: (made.append("more"), real(*a, **o))[1])
    assert sweep(store, tmp_path / "cut")["results"] == whole["results"]
    assert made.count("more") == 4


@pytest.mark.parametrize("harm", ["cut off", "other seed", "damaged"])
def test_a_kept_probe_that_is_not_the_one_asked_for_is_made_again(store, tmp_path, harm):
    first = sweep(store, tmp_path, "--langs", "en", "--layers", "1")
    (unit,) = tmp_path.glob("units/*/en/tested.safetensors")
    before = unit.read_bytes()
    if harm == "cut off":
        unit.write_bytes(before[:-5])
    elif harm == "damaged":
        unit.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    else:
        other = sweep(store, tmp_path, "--langs", "en", "--layers", "1", "--seed", "1")
        assert other["results"] != first["results"]
    assert sweep(store, tmp_path, "--langs", "en", "--layers", "1") == first
    assert unit.read_bytes() == before


def test_the_probes_are_kept_with_what_they_were_made_from(store, tmp_path):
    sweep(store, tmp_path, "--task", "relation", "--langs", "fi", "--layers", "-2")
    probe = Probe.load(tmp_path / "units" / "relation.layer-02" / "fi")
    assert probe.provenance["treebank"] == "UD_Finnish-Mini"
    assert probe.provenance["features"]["root"] == "start"
    assert probe.projection.shape == (8, 4) and probe.standardiser is not None


def test_fewer_training_sentences_are_drawn_by_the_seed(store, tmp_path):
    few = [
        sweep(store, tmp_path / str(i), "--langs", "en", "--max-sentences", "3", "--seed", seed)
        for i, seed in enumerate((0, 0, 1))
    ]
    assert few[0]["results"] == few[1]["results"] != few[2]["results"]


def test_a_dry_run_writes_nothing(store, tmp_path):
    printed = sweep(store, tmp_path / "out", "--dry-run")
    assert printed["probes"] == 6 and not (tmp_path / "out").exists()


def test_the_table_for_people_has_one_row_per_language_the_mean_and_the_floor(store, tmp_path):
    shown = run("--store", store, "--out", tmp_path, "--layers", "1", *QUICK)
    assert all(name in shown for name in ("layer 1", "de", "en", "fi", "mean, majority class"))


def test_what_the_store_does_not_hold_is_refused_with_what_there_is(store, tmp_path):
    base = ["--store", store, "--out", tmp_path]
    assert "layers there: 1, 2" in refused(*base, "--layers", "3")
    assert "here are: de en fi" in refused(*base, "--langs", "ru")
    assert "feature:Case" in refused(*base, "--task", "pos")
    assert "faithful" in refused(*base, "--preset", "slow")
    assert "exclude" in refused(*base, "--task", "relation", "--root", "cls")
    assert "skip" in refused(*base, "--mwt", "all")
    assert "global" in refused(*base, "--standardise", "yes")
    assert refused(*base, "--max-sentences", "0")
