"""Studies: what is asked, what is kept, what learners make of states in prompts."""

from dataclasses import replace

import fake_scorer
import numpy as np
import pandas as pd
import pytest
import torch

from concept_align.correspondence.table import COLUMNS
from concept_align.errors import UsageError
from concept_align.icl.config import ANY, NONE, OWN, ICLConfig
from concept_align.icl.plan import Trial, Variant, plan
from concept_align.icl.selectors.simple import FixedSelector
from concept_align.icl.session import calibrated
from concept_align.icl.study import icl_study, open_session, run
from concept_align.treebanks.discover import mini_treebanks

QUICK = {"hidden": 0, "epochs": 30, "lr": 0.03, "batch": 64, "adapts": "none", "least": 1}


@pytest.fixture
def planned():
    return fake_scorer.make_plan


@pytest.fixture
def sessions():
    return fake_scorer.make_session


def means(studied):
    return {
        (row.source, row.layer, row.learner, row.shots): row.value
        for row in studied.evaluation.frame().itertuples()
        if row.language == "mean" and row.metric == "accuracy"
    }


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    plan = fake_scorer.make_plan(layers=(2,), options=QUICK)
    session = fake_scorer.make_session(plan)
    folder = tmp_path_factory.mktemp("study")
    return plan, session, folder, run(session, folder)


def test_demonstrations_help_under_their_own_names_and_not_under_others(aligned):
    found = means(aligned[3])
    for source in ("en", "de"):
        assert found[source, "output", "icl-tags", 2] > found[source, "output", "icl-tags", 0] + 0.2
        assert found[source, "output", "icl-shuffled", 2] < found[source, "output", "icl-tags", 2] - 0.2


def test_what_is_asked_without_demonstrations_is_the_same_for_every_source(aligned):
    found = means(aligned[3])
    assert found["en", "output", "icl-tags", 0] == found["de", "output", "icl-tags", 0]


def test_learners_find_planted_states_that_the_prompt_does_not_say(aligned):
    found = means(aligned[3])
    assert found["en", "2", "probe-pooled", 0] > 0.9
    assert found["en", "2", "aligned-pooled", 2] > 0.9
    compared = aligned[3].evaluation.comparisons().query("layer == '2' and source == 'en'")
    pairs = set(zip(compared.a, compared.b, compared.shots, strict=True))
    assert ("aligned-pooled", "icl-tags", 2) in pairs
    assert ("aligned-pooled", "probe-pooled", 2) in pairs
    assert ("probe-pooled", "icl-tags", 0) in pairs


def test_comparisons_hold_demonstrations_against_none(aligned):
    (pair,) = [
        one
        for one in aligned[3].evaluation.comparisons().query("layer == 'output'").itertuples()
        if one.source == aligned[0].sources[0]
        and (one.a, one.b) == ("icl-tags", "icl-tags@0")
        and one.metric == "accuracy"
    ]
    assert pair.shots == 2
    assert pair.difference > 0.1 and np.isnan(pair.low)  # of two languages: no interval
    assert pair.better_in == 2
    assert pair.p_holm >= pair.p_sign_flip


def test_a_finished_study_asks_nothing_again(aligned):
    _, session, folder, first = aligned
    asked = session.scorers["tagged"].asked
    again = run(session, folder)
    assert session.scorers["tagged"].asked == asked
    assert means(again) == means(first)


def test_a_torn_line_costs_its_own_test_alone(aligned):
    plan, session, folder, first = aligned
    (path,) = (folder / "units" / "icl-tags-output").glob("en-ga.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    asked = session.scorers["tagged"].asked
    assert means(run(session, folder)) == means(first)
    assert session.scorers["tagged"].asked == asked + plan.config.queries
    assert path.read_bytes() == whole


def test_another_configuration_is_refused_in_the_same_folder(aligned, sessions):
    plan, _, folder, _ = aligned
    other = replace(plan, config=replace(plan.config, queries=5))
    with pytest.raises(UsageError, match=r"another queries \(12, now 5\)"):
        run(sessions(other), folder)


def test_effects_on_spaces_are_measured_once_where_they_are_asked_for(planned, sessions, tmp_path):
    plan = planned(
        layers=(2,), options=QUICK, effects=True, sources=("en",), labels=("tags",), calibrate=False
    )
    session = sessions(plan)
    found = run(session, tmp_path).effects
    assert set(found.accuracy["language"]) == {"ga", "tr", "mean"}
    assert set(found.accuracy["demonstrations"]) == {"en"}
    # The planted states are the same with demonstrations and without.
    assert (found.accuracy["value"] == 0).all()
    asked = session.scorers["tagged"].asked
    again = run(session, tmp_path).effects
    assert session.scorers["tagged"].asked == asked
    assert again.accuracy.equals(found.accuracy)
    assert run(sessions(plan), None).effects.accuracy.equals(found.accuracy)  # without a folder, too


def test_the_order_of_languages_changes_no_answer(planned, sessions, tmp_path):
    one, other = planned(("ga", "tr")), planned(("tr", "ga"))
    assert means(run(sessions(one), tmp_path / "a")) == means(run(sessions(other), tmp_path / "b"))


def test_draws_that_cannot_differ_are_asked_once(planned, sessions, tmp_path):
    plan = planned(k=(2,), demo_draws=3, selectors=("fixed",), labels=("tags", "shuffled"))
    session = replace(sessions(plan), selectors={"fixed": FixedSelector()})
    studied = run(session, tmp_path)
    draws = {"icl-tags-fixed": set(), "icl-shuffled-fixed": set()}
    for row in studied.evaluation.frame().itertuples():
        if row.metric == "accuracy" and row.learner in draws and row.draw >= 0 and row.language == "ga":
            draws[row.learner].add(row.draw)
    assert set(map(len, draws.values())) == {3}
    scorer = session.scorers["tagged"]
    asked = len(plan.targets) * len(plan.sources) * len(session.queries("ga"))
    assert scorer.asked == asked * (1 + 3)  # the names that shuffled labels have are drawn


def test_own_demonstrations_never_are_the_query(planned, sessions):
    plan = planned(sources=(OWN,), k=(3,), candidates=60)
    session = sessions(plan)
    repeated = replace(
        session, read=lambda language, split: fake_scorer.sentences(language, 4, 20, seed=0, words=2)
    )
    test = Trial(OWN, "ga", Variant("tags"), 3, 0)
    queries = {one.words for one in repeated.queries("ga")}
    assert not queries & {one.words for one in repeated.demonstrations(test)}


def test_sentences_taught_are_no_demonstrations(aligned):
    plan, session, folder, _ = aligned
    from concept_align.icl.state_learners import StateLearners

    parts = StateLearners(session, (2,), folder, {})._parts("en", "en", 2)
    shown = {one.words for test, _ in parts for one in session.demonstrations(test)}
    assert not shown & {one.words for _, part in parts for one in part}
    assert sum(len(part) for _, part in parts) == plan.config.align_sentences
    assert {test.source for test, _ in StateLearners(session, (2,), folder, {})._parts("en", "fr", 0)} == {
        NONE
    }


def test_a_prompt_longer_than_the_context_is_reported(planned, sessions, tmp_path):
    plan = planned(labels=("tags",), k=(5,))
    studied = run(sessions(plan, fake_scorer.FakeScorer(context_length=60)), tmp_path)
    assert any("did not fit the model's context of 60 tokens" in notice for notice in studied.notices)


def test_queries_longer_than_the_context_are_left_out_or_refused(planned, sessions, tmp_path):
    plan = planned()
    with pytest.raises(UsageError, match="no labelled sentence"):
        run(sessions(plan, fake_scorer.FakeScorer(context_length=3)), tmp_path)


def test_calibration_takes_off_what_a_label_always_gets():
    scores = torch.log_softmax(torch.eye(4).repeat(3, 1) + torch.tensor([5.0, 0, 0, 0]), 1)
    assert (scores.argmax(1) == 0).all()
    assert calibrated(scores).argmax(1).tolist() == [0, 1, 2, 3] * 3
    assert np.allclose(calibrated(scores).mean(0).numpy(), 0, atol=1e-6)


@pytest.fixture(scope="module")
def mini():
    """Options of small studies of the shipped model."""
    return {
        "treebanks": mini_treebanks(), "langs": ["ga", "tr"], "demo_langs": ["en", "de", "any"], "k": 2,
        "demo_draws": 1, "queries": 3, "candidates": 30, "labels": "tags", "calibrate": False,
        "bootstrap": 100,
    }  # fmt: skip


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """Where a table of alignability lies: German is nearest to Irish, English to Turkish."""
    about = {"task": "upos", "layer": "2", "measure": "cka", "against": ""}
    values = {("de", "ga"): 0.9, ("en", "ga"): 0.1, ("de", "tr"): 0.1, ("en", "tr"): 0.9}
    rows = [about | {"source": a, "target": b, "value": value} for (a, b), value in values.items()]
    folder = tmp_path_factory.mktemp("scores")
    pd.DataFrame(rows).reindex(columns=COLUMNS).to_parquet(folder / "alignability.parquet")
    return folder


def test_every_selector_can_be_named_and_chooses_before_a_real_model(mini, scores):
    names = ["random", "random-per-query", "nearest-state", "nearest-state:raw", "nearest-concept",
             "nearest-concept-gold", "alignability"]  # fmt: skip
    options = mini | {"k": [0, 1], "langs": "ga", "queries": 2}
    found = icl_study("mini-decoder", selectors=names, alignability=scores, revision=None, **options)
    frame = found.frame()
    learners = {"icl-tags"} | {f"icl-tags-{name}".replace(":", "-") for name in names[1:]}
    assert learners | {"majority"} == set(frame["learner"])
    chosen = frame[(frame["learner"] == "icl-tags-alignability") & (frame["shots"] == 1)]
    assert set(chosen["source"]) == {"any"}
    assert set(found.comparisons().columns) >= {"source", "layer", "a", "b", "p_holm"}
    assert set(found.gains().columns) >= {"source", "learner", "reference", "value"}


def test_the_selector_alignability_takes_the_nearest_language(mini, scores):
    config = ICLConfig("mini-decoder", mini["treebanks"], langs=("ga", "tr"),
                       demo_langs=("en", "de", "any"), k=(2,), queries=2,
                       selectors=("alignability",), alignability=scores)  # fmt: skip
    session = open_session(plan(config))
    for target, nearest in (("ga", "de"), ("tr", "en")):
        trial = Trial("any", target, Variant("tags", "alignability"), 2, 0)
        shown = session.demonstrations(trial, session.queries(target)[0])
        assert {one.language for one in shown} == {nearest}


def test_a_loaded_model_and_a_selector_of_ones_own_give_what_their_names_give(mini, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from concept_align.models.shipped import shipped_model

    folder = str(shipped_model("mini-decoder"))
    pair = (AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder))
    given = icl_study(pair, selectors={"fixed": FixedSelector()}, out=tmp_path, **mini)
    named = icl_study("mini-decoder", selectors="fixed", **mini)
    kept = [name for name in named.frame() if name not in ("model", "revision")]
    assert given.frame()[kept].equals(named.frame()[kept])
    assert given.facts["revision"].startswith("weights:")
    again = icl_study(pair, selectors={"fixed": FixedSelector()}, out=tmp_path, **mini)
    assert again.frame().equals(given.frame())


def test_states_of_another_layer_are_another_choice_and_further_selectors_are_none(mini, tmp_path):
    options = mini | {"demo_langs": "en", "langs": "ga", "queries": 2}
    icl_study("mini-decoder", out=tmp_path, selectors="nearest-state", **options)
    (path,) = (tmp_path / "units").rglob("en-ga.jsonl")
    before = path.read_bytes()
    icl_study("mini-decoder", out=tmp_path, selectors=["random", "nearest-state"], **options)
    icl_study("mini-decoder", out=tmp_path, selectors="nearest-state", **options)
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match=r"layer \(2, now 0\) of the selector nearest-state"):
        icl_study("mini-decoder", out=tmp_path, selectors="nearest-state", select_layer=0, **options)
    with pytest.raises(UsageError, match=r"another pool \(None, now joint\)"):
        icl_study("mini-decoder", out=tmp_path, selectors="nearest-state", pool="joint", **options)
    assert path.read_bytes() == before


def test_names_of_the_last_release_are_read_with_a_warning(mini):
    few = mini | {"demo_langs": "en", "langs": "ga", "queries": 1, "k": 1}
    with pytest.warns(DeprecationWarning, match="nearest is now called nearest-state|selector_layer is now"):
        found = icl_study("mini-decoder", selectors="nearest", selector_layer=0, **few)
    assert "icl-tags-nearest-state" in set(found.frame()["learner"])
    assert found.plan.config.select_layer == 0


def test_a_joint_pool_holds_the_candidates_of_all_languages_but_the_targets_own(mini):
    config = ICLConfig("mini-decoder", mini["treebanks"], langs=("ga", "de"), demo_langs=("en", "de"),
                       k=(4,), queries=2, candidates=20, pool="joint")  # fmt: skip
    joint = plan(config)
    assert joint.asked == (ANY,)
    assert {trial.source for trial in joint.trials()} == {ANY}
    session = open_session(joint)
    shown = session.demonstrations(Trial(ANY, "ga", Variant("tags"), 4, 0))
    assert {one.language for one in shown} == {"en", "de"}
    assert {one.language for one in session.demonstrations(Trial(ANY, "de", Variant("tags"), 4, 0))} == {"en"}
    with pytest.raises(UsageError, match="a joint pool has several"):
        plan(replace(config, layers=(2,)))
