"""Names of aligners may be any text: they stand in folders, tables, pages and figures."""

import json
from pathlib import Path

import pytest
from planted import Planted, write_store

from concept_align.errors import ConceptAlignError
from concept_align.evaluation.evaluate import evaluate
from concept_align.meta.run import run_meta_training
from concept_align.report.evaluation import write_evaluation
from concept_align.report.evaluation_figures import languages_figure

NAMES = (r"$\frac{", "$$", "x" * 300, "<b>&", "\x1b[31mred", "a\nb", " ", "..", "=x", "ü" * 200, "a\x00b")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("names")
    store = write_store(place / "store", Planted(dim=6, sents=8, length=3), ("en", "de", "et", "he"))
    run_meta_training(
        store, place / "aligner", layers=1, learner="pooled", train_langs="en,de", validation_langs="none",
        target_langs="none", settings={"hidden": 8, "epochs": 1, "adapts": "none"},
    )  # fmt: skip
    return place


def test_any_text_is_a_name(folder, tmp_path):
    aligners = {name: folder / "aligner" for name in NAMES}
    options = {"langs": ["et", "he"], "shots": [0, 1], "support_draws": 1, "bootstrap": 100}
    found = evaluate(aligners, folder / "store", **options, out=tmp_path / "out")
    assert set(found.frame()["learner"]) == {*NAMES, "majority"}
    write_evaluation(found, tmp_path / "page", figures=False)
    assert json.loads((tmp_path / "page" / "evaluation.json").read_text("utf-8"))
    languages_figure(found.frame()[found.frame()["learner"].str.contains("$", regex=False)], shots=0).savefig(
        tmp_path / "names.png"
    )
    assert len(list((tmp_path / "out").rglob("*.jsonl"))) == 2 * (len(NAMES) + 1)


@pytest.mark.parametrize("name", ["a\ud800", "\udc00"])
def test_half_of_a_character_is_no_name(folder, name):
    for given in ({name: folder / "aligner"}, f"{name}={folder / 'aligner'}"):
        with pytest.raises(ConceptAlignError, match="half of a character"):
            evaluate(given, folder / "store", langs=["et"], shots=[0], bootstrap=100)


@pytest.mark.parametrize("name", ["x" * 300, "x" * 300 + "/y", "a\x00b", "a\ud800", "", "a/" * 3000])
def test_a_name_that_no_folder_can_have_is_no_aligner(folder, name):
    for given in (name, f"one={name}", Path(name)):
        with pytest.raises(ConceptAlignError):
            evaluate(given, folder / "store", langs=["et"], shots=[0], bootstrap=100)
