"""From treebanks and a model to a selector, and into a study."""

from dataclasses import replace

import fake_treebank
import numpy as np
import pytest

import concept_align as ca
from concept_align.errors import LearningError, UsageError

FEW = {"queries": 4, "candidates": 8, "ranks": (0,), "penalties": (0.1,), "max_words": 12}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("select") / "selector"
    found = ca.select.fit(
        "mini-decoder", "mini", langs="fr,ru", demo_langs=["en", "de"], out=folder, pairs="mini", **FEW
    )
    return found, folder


def test_the_selector_knows_what_it_was_made_from_and_a_second_run_gives_the_same_bytes(fitted):
    found, folder = fitted
    about = found.about
    assert (about["langs"], about["demo_langs"], about["queries"], about["candidates"]) == (
        ["fr", "ru"], ["de", "en"], 4, 8,
    )  # fmt: skip
    assert about["layer"] == 2 and about["model"] == "mini-decoder" and about["translations"] > 1
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    langs = {"langs": ["fr", "ru"], "demo_langs": ["en", "de"]}
    again = ca.select.fit("mini-decoder", "mini", out=folder, pairs="mini", **langs, **FEW)
    assert again.made_from == found.made_from
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    with pytest.raises(LearningError, match=r"gains\.jsonl"):
        ca.select.fit("mini-decoder", "mini", out=folder, **langs, **{**FEW, "queries": 3})


def test_the_teacher_self_looks_at_no_label_of_the_queries(monkeypatch):
    from concept_align.icl import select

    plain, shuffled = select._Sentences.drawn, []

    def relabelled(self, files, most, *, asked=False):
        found = plain(self, files, most, asked=asked)
        if not asked:
            return found
        changed = [replace(one, items=tuple(replace(item, label=0) for item in one.items)) for one in found]
        shuffled.append(changed)
        return changed

    settings = {"langs": ["fr"], "teacher": "self", **FEW}
    found = ca.select.fit("mini-decoder", "mini", **settings)
    monkeypatch.setattr(select._Sentences, "drawn", relabelled)
    again = ca.select.fit("mini-decoder", "mini", **settings)
    assert shuffled and again.made_from == found.made_from
    assert np.abs(found.head.u).max() > 0


def test_a_study_takes_the_selector_and_refuses_targets_that_it_learned_from(fitted):
    folder = fitted[1]
    few = {"k": [2], "demo_draws": 1, "queries": 2, "candidates": 10, "bootstrap": 100, "labels": ["tags"]}
    selectors = {"learned": ca.LearnedSelector.from_pretrained(folder)}
    study = ca.icl_study("mini-decoder", "mini", langs=["tr"], selectors=selectors, **few)
    assert "icl-tags-learned" in set(study.frame()["learner"])
    with pytest.raises(LearningError, match="queries in fr"):
        ca.icl_study("mini-decoder", "mini", langs=["fr", "tr"], selectors=selectors, **few)
    with pytest.raises(UsageError, match="fitted with layer 2, asked with 1"):
        ca.icl_study("mini-decoder", "mini", langs=["tr"], selectors=selectors, select_layer=1, **few)


def test_impossible_options_are_told():
    for options, said in [
        ({"queries": 0}, "queries"), ({"task": "feature:Case"}, "task"), ({"labels": "language"}, "labels"),
        ({"teacher": "mine"}, "teacher"), ({"pool": "joint"}, "pool"), ({"unknown": 1}, "unknown"),
    ]:  # fmt: skip
        with pytest.raises(UsageError, match=said):
            ca.select.fit("mini-decoder", "mini", langs=["fr"], **options)


def test_equal_ids_alone_make_no_translations(tmp_path):
    lengths = np.random.default_rng(0).integers(3, 11, size=(2, 120)).tolist()
    given = {"langs": ["fr", "ru"], **FEW}
    for folder, own in (("same", lengths[0]), ("other", lengths[1])):
        for code, of in (("de", lengths[0]), ("fi", own)):
            fake_treebank.write(tmp_path / folder, code, "train", of)
    given |= {"pair_langs": ["de", "fi"], "translations": 10}
    found = ca.select.fit("mini-decoder", "mini", pairs=tmp_path / "same", **given)
    assert found.about["translations"] == 10
    with pytest.raises(UsageError, match="de and fi have ids in common, and are no translations"):
        ca.select.fit("mini-decoder", "mini", pairs=tmp_path / "other", **given)


@pytest.fixture(scope="module")
def aligner(tmp_path_factory):
    """A word-class aligner of layer 2 of the mini decoder, learned from German and English."""
    folder = tmp_path_factory.mktemp("aligner")
    store = ca.extract(
        "mini-decoder", ca.mini_treebanks(), folder / "store", langs=["de", "en", "et"], layers=[2]
    )
    ca.meta_train(store, layers=[2], learner="source-probe", out=folder / "probe")
    return folder / "probe"


def test_an_aligner_says_what_queries_are_made_of_in_fit_and_in_a_study(aligner):
    given = {"langs": ["fr"], "demo_langs": ["de"], **FEW}
    found = ca.select.fit("mini-decoder", "mini", aligner=aligner, teacher="self", layer=2, **given)
    plain = ca.select.fit("mini-decoder", "mini", teacher="self", layer=2, **given)
    assert found.about["aligner"] and not plain.about["aligner"]
    assert found.made_from != plain.made_from
    few = {"k": [2], "demo_draws": 1, "queries": 2, "candidates": 10, "bootstrap": 100, "labels": ["tags"]}
    study = ca.icl_study(
        "mini-decoder", "mini", langs=["tr"], demo_langs="de", selectors="nearest-concept",
        select_aligner=aligner, **few,
    )  # fmt: skip
    assert "icl-tags-nearest-concept" in set(study.frame()["learner"])


@pytest.mark.parametrize(
    ("changes", "option", "said"),
    [({"task": "relation"}, "aligner", "an aligner of upos"), ({"layer": 1}, "aligner", "in layer,")],
)
def test_an_aligner_of_something_else_is_refused_under_the_name_of_the_option(aligner, changes, option, said):
    with pytest.raises(UsageError) as refused:
        ca.select.fit("mini-decoder", "mini", langs=["fr"], aligner=aligner, **{**FEW, **changes})
    assert refused.value.option == option
    assert said in str(refused.value)
