"""The door of the room: aligners in folders and in memory, a store or a source of features."""

import planted
import pytest

from concept_align.errors import LearningError, UsageError
from concept_align.evaluation.aligners import read_aligner
from concept_align.evaluation.config import EvaluateConfig, ProbeSweep
from concept_align.evaluation.evaluate import evaluate
from concept_align.evaluation.probing import probe
from concept_align.extraction.run import extract
from concept_align.meta.config import MetaTrainConfig
from concept_align.meta.learners.base import Aligner
from concept_align.meta.run import run_meta_training
from concept_align.spaces.source import FeatureSource
from concept_align.store import Store
from concept_align.treebanks.discover import mini_treebanks

QUICK = {"shots": (0, 5), "support_draws": 2, "bootstrap": 100}


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    """A store, and two aligners trained from it; cy and ta set aside."""
    folder = tmp_path_factory.mktemp("evaluate")
    planted.write_store(folder / "store", planted.Planted(shift=0.3), ["en", "de", "fr", "et", "cy", "ta"])
    for learner, options in (("source-probe", {"least": 5}), ("pooled", {"epochs": 2})):
        config = MetaTrainConfig.of(
            store=str(folder / "store"),
            layers="1",
            learner=learner,
            train_langs="en,de,fr",
            validation_langs="et",
            target_langs="cy,ta",
            root="exclude",
            options=options,
        )
        run_meta_training(config, folder / learner)
    return folder


@pytest.fixture(scope="module")
def found(here):
    return evaluate({"one": here / "pooled", "two": here / "source-probe"}, here / "store", **QUICK)


def test_folders_are_tested_in_the_languages_set_aside_under_the_names_given(found):
    frame = found.frame()
    assert set(frame["learner"]) == {"one", "two", "majority"}
    assert {"cy", "ta", "mean"} < set(frame["language"])
    assert found.conditions[0].seeds == {"one": 1, "two": 1}
    assert set(found.comparisons()["a"]) == {"one"}
    assert {one["learner"] for one in found.about()["aligners"]} == {"pooled", "source-probe"}


def test_an_aligner_that_was_read_from_a_folder_remembers_how_its_words_are_represented(here, found):
    aligners = {name: Aligner.from_pretrained(here / folder)
                for name, folder in (("one", "pooled"), ("two", "source-probe"))}  # fmt: skip
    again = evaluate(aligners, Store.open(here / "store"), config=EvaluateConfig(**QUICK))
    assert again.frame().equals(found.frame())


def test_an_aligner_in_memory_alone_needs_a_spec_and_has_the_same_numbers(here, found, tmp_path):
    aligner = Aligner.from_pretrained(here / "pooled")
    aligner.folder = None
    with pytest.raises(UsageError, match="in memory"):
        evaluate({"one": aligner}, here / "store", **QUICK)
    spec = read_aligner(here / "pooled").features
    options = {"langs": ["cy", "ta"], "out": tmp_path, **QUICK}
    by_spec = evaluate({"one": aligner}, here / "store", features=spec, **options)
    by_source = evaluate({"one": aligner}, FeatureSource(Store.open(here / "store"), spec), **options)
    expected = found.frame().query("learner == 'one'").reset_index(drop=True)
    for one in (by_spec, by_source):
        assert one.frame().query("learner == 'one'").reset_index(drop=True).equals(expected)
        assert any("not known" in notice for notice in one.notices)
    assert len(list(tmp_path.glob("units/one-*/cy.jsonl"))) == 1


def test_languages_an_aligner_has_seen_are_refused_by_the_name_of_the_argument(here):
    with pytest.raises(LearningError) as caught:
        evaluate(here / "pooled", here / "store", langs="de", **QUICK)
    assert caught.value.option == "langs"


def test_what_is_saved_has_every_table_and_equal_bytes(found, tmp_path):
    for folder in ("a", "b"):
        found.save(tmp_path / folder)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {
        "results.csv", "results.parquet", "comparisons.csv", "gains.csv", "confusion.csv", "reliability.csv",
        "evaluation.json",
    }  # fmt: skip
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_probes_by_pythons_arguments(here):
    sweep = ProbeSweep(langs=("en", "cy"), layers=(1,), rank=4, epochs=1, root="exclude")
    scores = probe(here / "store", sweep=sweep)
    assert scores.languages == ("en", "cy")
    assert scores.layers == (1,)
    assert scores.best_layer() == 1
    assert set(scores.frame()["learner"]) == {"probe", "majority"}
    with pytest.raises(UsageError, match="no layer 3"):
        probe(here / "store", layers=[3], langs="en")


def test_a_language_without_a_word_of_the_task_is_left_out_of_a_probe(tmp_path):
    store = extract("mini-encoder", mini_treebanks(), tmp_path / "store", langs=["en", "vi"], layers=[1])
    quick = ProbeSweep(task="feature:Case", rank=4, epochs=1, bootstrap=100)
    found = probe(store, sweep=quick)
    assert found.languages == ("en",)
    assert found.notes["vi"] == "left out: it has no word labelled for feature:Case in train or test"
    with pytest.raises(UsageError, match="no word of vi is labelled for feature:Case"):
        probe(store, task="feature:Case", langs="vi")


def test_shots_may_be_one_number_and_must_be_whole(here):
    found = evaluate(here / "pooled", here / "store", langs="cy", shots=0, bootstrap=100)
    assert set(found.frame()["shots"]) == {0}
    with pytest.raises(UsageError, match="is not whole numbers"):
        evaluate(here / "pooled", here / "store", langs="cy", shots=[1.5])
