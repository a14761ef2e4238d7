"""Stores, aligners, results and configurations written by 0.1.0 are read as they were."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch

from concept_align.config import read_toml
from concept_align.meta.learners.base import Aligner
from concept_align.spaces.source import FeatureSource
from concept_align.spaces.spec import FeatureSpec
from concept_align.store import Store

ARCHIVE = Path(__file__).parent / "v0.1.0"
EXPECTED = json.loads((ARCHIVE / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def store() -> Store:
    return Store.open(ARCHIVE / "store")


def features_of(store: Store, name: str) -> FeatureSource:
    facts = json.loads((ARCHIVE / "aligners" / name / "provenance.json").read_text(encoding="utf-8"))
    return FeatureSource(store, FeatureSpec.from_json(facts["features"]))


def test_the_store_holds_what_it_held(store):
    assert store.languages("train") == ("de", "en", "fi", "ru", "tr")
    assert store.recipe.layers == 4 and store.recipe.dim == 256
    words = store.annotations("UD_Turkish-Mini", "train").words
    states = store.states("UD_Turkish-Mini", "train", 3).words
    assert states.dtype == torch.float16 and len(states) == words
    statistics = store.statistics("UD_Turkish-Mini", "train", 3, "relation", root="start", mwt="share")
    assert int(statistics.counts.sum()) == words


@pytest.mark.parametrize("name", EXPECTED)
def test_features_are_what_they_were(store, name):
    test = features_of(store, name).load("tr", "test")
    expected = EXPECTED[name]
    assert (test.words, test.dim) == (expected["words"], expected["dim"])
    assert float(test.x.double().sum()) == pytest.approx(expected["features"], rel=1e-6, abs=1e-3)
    assert float(test.x.double().square().sum()) == pytest.approx(expected["squares"], rel=1e-6)


@pytest.mark.parametrize("name", EXPECTED)
def test_aligners_predict_what_they_predicted(store, name):
    source = features_of(store, name)
    test, train = source.load("tr", "test"), source.load("tr", "train")
    aligner = Aligner.from_pretrained(ARCHIVE / "aligners" / name)
    supports = {"zero-shot": None, "two sentences": train.of_sentences(range(2)), "all": train}
    for shots, support in supports.items():
        looks = train.x if aligner.transductive else None
        scores = aligner.adapt(support, unlabelled=looks, seed=7).scores(test.x)
        expected = EXPECTED[name][shots]
        torch.testing.assert_close(scores.max(1).values, torch.tensor(expected["best"]), atol=2e-4, rtol=1e-3)
        predicted, best = scores.argmax(1), torch.tensor(expected["predicted"])
        gap = scores.max(1).values - scores.gather(1, best[:, None])[:, 0]
        assert float(gap.max()) < 1e-3, f"{int((predicted != best).sum())} words differ"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name", EXPECTED)
def test_configurations_of_runs_are_read(name):
    from concept_align.meta.config import MetaTrainConfig

    config = read_toml(ARCHIVE / "aligners" / name / "run.toml", MetaTrainConfig)
    saved = json.loads((ARCHIVE / "aligners" / name / "config.json").read_text(encoding="utf-8"))
    assert config.learner == saved["learner"] and config.seed == 0


def test_tables_have_the_columns_they_had():
    results = pd.read_parquet(ARCHIVE / "evidence" / "results.parquet")
    columns = "model revision layer task source language shots draw learner metric value low high n"
    assert list(results.columns) == columns.split()


def test_scores_are_read_as_they_were_written():
    from concept_align.correspondence.table import Alignability

    scores = Alignability.load(ARCHIVE / "pairs")
    written = pd.read_csv(ARCHIVE / "pairs" / "alignability.csv", keep_default_na=False, na_values=[""])
    assert scores.measures == ("cka", "rsa") and len(scores.frame()) == len(written)
    assert scores.matrix("cka", layer=3).loc["de", "en"] == pytest.approx(
        written.query("measure == 'cka' and source == 'en' and target == 'de'")["value"].item()
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_configuration_of_a_study_of_prompts_is_read():
    from concept_align.icl.config import ICLConfig

    config = read_toml(ARCHIVE / "prompts" / "run.toml", ICLConfig)
    assert (config.k, config.demo_draws, config.langs) == ((0, 1), 1, ("tr",))
    assert config.layers in ((2,), "2")


def test_an_evaluation_takes_finished_tests_from_where_they_were(tmp_path, store):
    """The predictions that 0.1.0 kept are read, not made again, and give the numbers that it gave."""
    import shutil

    from concept_align.evaluation.evaluate import evaluate

    shutil.copytree(ARCHIVE / "evidence" / "units", tmp_path / "units")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")}
    found = evaluate(
        {name: ARCHIVE / "aligners" / name for name in ("shrink", "pooled")},
        store, langs=["tr"], shots=[0, 2], support_draws=2, bootstrap=100, out=tmp_path,
    )  # fmt: skip
    old = pd.read_csv(ARCHIVE / "evidence" / "results.csv")
    keys = ["language", "shots", "draw", "learner", "metric"]
    both = old.merge(found.frame(), on=keys, suffixes=("", "_now"))
    assert len(both) == len(old)
    assert (both["value"] - both["value_now"]).abs().max() < 1e-9
    assert (both["low"] - both["low_now"]).abs().max() < 1e-9
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.jsonl")} == before
