import warnings

import pytest

import concept_align as ca
from concept_align.errors import UsageError

QUICK = {"learner": "source-probe", "shots": [0], "task": "upos"}


def test_a_run_learns_from_the_languages_asked_for_whatever_its_store_holds(tmp_path):
    treebanks = ca.mini_treebanks()
    with pytest.raises(UsageError, match="none can be set aside"):
        ca.run("mini-encoder", treebanks, langs=["de", "tr"], out=tmp_path / "run", **QUICK)
    assert not (tmp_path / "run").exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ca.extract("mini-encoder", treebanks, tmp_path / "run" / "store", layers=[2], langs=["fi", "de"])
    found = ca.run("mini-encoder", "mini", langs=["en", "de", "tr"], out=tmp_path / "run", **QUICK)
    assert found.languages == {"train": ("de", "en"), "validation": (), "targets": ("tr",)}
    assert {*found.scores.frame()["source"], *found.scores.frame()["target"]} == {"de", "en", "tr"}


def test_shots_that_no_language_has_are_refused(tmp_path):
    options = {"langs": ["en", "de", "tr"], "out": tmp_path / "run"}
    with pytest.raises(UsageError, match="nothing can be tested: tr: 24 training sentences for 100 shots"):
        ca.run("mini-encoder", "mini", **options, **QUICK | {"shots": [100]})
