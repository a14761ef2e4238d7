import json
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest
from counted_bars import CountedBars
from fake_model import FakeModel
from typer.testing import CliRunner

from concept_align.cli import alignability
from concept_align.cli.commands import app
from concept_align.correspondence.table import COLUMNS, Alignability
from concept_align.errors import UsageError
from concept_align.evaluation.results import COLUMNS as RESULT_COLUMNS
from concept_align.extraction.run import extract_files
from concept_align.treebanks.discover import find_treebanks

MINI = Path(__file__).parent.parent.parent / "ud_data" / "mini"
LANGUAGES = "de,en,es,fr,it,nl"
QUICK = [
    "--permutations",
    "19",
    "--bootstrap",
    "9",
    "--halves",
    "2",
    "--min-count",
    "6",
    "--measures",
    "rsa,cka",
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alignability") / "store"
    extract_files(FakeModel(), find_treebanks(MINI, LANGUAGES, ["train"]), folder, layers=[1, 2])
    return folder


def run(*arguments):
    found = CliRunner().invoke(app, ["alignability", *map(str, arguments)], catch_exceptions=False)
    if found.exit_code:
        raise found.exception or AssertionError(found.output)
    return found.stdout


def refused(*arguments):
    with pytest.raises(UsageError) as caught:
        CliRunner().invoke(app, ["alignability", *map(str, arguments)], catch_exceptions=False)
    return str(caught.value)


@pytest.fixture(scope="module")
def done(store, tmp_path_factory):
    out = tmp_path_factory.mktemp("alignability-out")
    results = tmp_path_factory.mktemp("results") / "results.csv"
    rows = [
        dict(zip(RESULT_COLUMNS, ("FAKE", "REV", "1", "upos", "en", code, 0, -1, "source-probe", "accuracy",
                                  value, value, value, 9), strict=True))
        for code, value in zip(("de", "es", "fr", "it", "nl"), (0.7, 0.5, 0.6, 0.55, 0.8), strict=True)
    ]  # fmt: skip
    recipe = json.loads((store / "store.json").read_text())["recipe"]
    frame = pd.DataFrame(rows).assign(model=recipe["model"], revision=recipe["revision"])
    frame.to_csv(results, index=False)
    printed = json.loads(
        run("--store", store, "--task", "upos,relation", "--out", out, "--results", results, "--json", *QUICK)
    )
    return out, printed


@pytest.fixture(autouse=True)
def every_bar_has_its_weight(monkeypatch):
    @contextmanager
    def counting(*, weights):
        progress = CountedBars()
        yield progress
        assert progress.bars == len(weights)

    monkeypatch.setattr(alignability, "terminal", counting)


def test_every_pair_layer_and_measure_has_a_row_with_its_null(done):
    out, printed = done
    found = Alignability.load(out).frame()
    assert tuple(found.columns) == COLUMNS
    assert len(found) == 2 * 2 * 2 * 15  # tasks, layers, measures, pairs
    scored = found[found["value"].notna()]
    assert len(scored) and scored[["null_mean", "p", "q", "low", "high"]].notna().all().all()
    assert {row["measure"] for row in printed["means"]} == {"rsa", "cka"}


def test_every_question_has_a_table_and_a_figure(done):
    out, printed = done
    for name in ("concepts", "families", "predictors", "transfer", "controls"):
        assert len(pd.read_csv(out / f"{name}.csv")), name
    assert {row["task"] for row in printed["concepts"]} == {"upos", "relation"}
    assert set(pd.read_csv(out / "transfer.csv")["task"]) == {"upos"}  # there are results of it alone
    assert set(pd.read_csv(out / "controls.csv")["control"]) == {"labels shuffled over words"}
    drawn = {path.name.split("-")[0] for path in (out / "figures").glob("*.png")}
    assert {"layers", "pairs", "tree", "concepts", "map", "transfer"} <= drawn
    assert "labels shuffled over words" in (out / "index.html").read_text()


def test_what_is_done_is_kept(done, store):
    out, _ = done

    def kept():
        files = [path for part in ("spaces", "scores") for path in (out / part).rglob("*") if path.is_file()]
        return {path: path.stat().st_mtime_ns for path in files}

    before = kept()
    assert {path.relative_to(out).parts[0] for path in before} == {"spaces", "scores"}
    run("--store", store, "--task", "upos,relation", "--out", out, "--json", *QUICK)
    assert before == kept()
    fewer = [part for part in QUICK if part != "19"]
    run("--store", store, "--task", "upos", "--out", out, "--json", *fewer[:1], "29", *fewer[1:])
    assert len(kept()) > len(before)  # other options, other scores


def test_two_stores_are_compared_as_models(store, tmp_path):
    other = tmp_path / "other"
    extract_files(
        FakeModel(name="other", scale=2.0), find_treebanks(MINI, LANGUAGES, ["train"]), other, layers=[1]
    )
    printed = json.loads(
        run(
            "--store", store, "--store", other, "--control", f"untrained={other}", "--layers", "1",
            "--out", tmp_path / "out", "--no-shuffled", "--json", *QUICK,
        )
    )  # fmt: skip
    assert {row["quantity"] for row in printed["models"]} == {"excess", "z"}
    across = pd.read_csv(tmp_path / "out" / "across.csv")
    assert (across["source"] == across["target"]).sum() == 6 * 2  # the same language in both, two measures
    assert set(pd.read_csv(tmp_path / "out" / "controls.csv")["control"]) == {"untrained"}


def test_mahalanobis_goes_alone(store, tmp_path):
    said = refused("--store", store, "--measures", "rsa/mahalanobis,cka", "--out", tmp_path)
    assert "by itself" in said
    quick = [part for part in QUICK if part not in ("--measures", "rsa,cka")]
    run(
        "--store", store, "--measures", "rsa/mahalanobis", "--layers", "1", "--out", tmp_path, "--json",
        "--no-shuffled", *quick,
    )  # fmt: skip
    assert set(Alignability.load(tmp_path).frame()["measure"]) == {"rsa/mahalanobis"}


def test_what_cannot_be_done_is_said(store, tmp_path):
    assert "rso" in refused("--store", store, "--measures", "rso", "--out", tmp_path)
    assert "NAME=STORE" in refused("--store", store, "--control", "untrained", "--out", tmp_path)
    assert "layer" in refused("--store", store, "--layers", "9", "--out", tmp_path)
    assert "'raw' or 'probe'" in refused("--store", store, "--space", "row", "--out", tmp_path)


def test_dry_run_writes_nothing(store, tmp_path):
    plan = json.loads(run("--store", store, "--out", tmp_path / "out", "--dry-run", "--json"))["plan"]
    assert plan["pairs"] == 15 and not (tmp_path / "out").exists()
