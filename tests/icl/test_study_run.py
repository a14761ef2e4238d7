"""Studies: what is asked, what is kept, what learners make of states in prompts."""

from dataclasses import replace

import fake_scorer
import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.icl.asking import calibrated
from concept_align.icl.plan import NONE, OWN, Test, Variant
from concept_align.icl.run import run
from concept_align.icl.selectors.fixed import Fixed

QUICK = {"hidden": 0, "epochs": 30, "lr": 0.03, "batch": 64, "adapts": "none", "least": 1}


@pytest.fixture
def planned():
    return fake_scorer.make_plan


@pytest.fixture
def asks():
    return fake_scorer.make_ask


def means(studied):
    return {
        (row.source, row.layer, row.learner, row.shots): row.value
        for row in studied.evaluation.frame().itertuples()
        if row.language == "mean" and row.metric == "accuracy"
    }


@pytest.fixture(scope="module")
def aligned(tmp_path_factory):
    plan = fake_scorer.make_plan(layers="2", options=QUICK)
    ask = fake_scorer.make_ask(plan)
    folder = tmp_path_factory.mktemp("study")
    return plan, ask, folder, run(plan, ask, folder, layers=(2,))


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
    assert pair.low > 0.1
    assert pair.better_in == 2
    assert pair.p_holm >= pair.p_sign_flip


def test_a_finished_study_asks_nothing_again(aligned):
    plan, ask, folder, first = aligned
    asked = ask.scorers["tagged"].asked
    again = run(plan, ask, folder, layers=(2,))
    assert ask.scorers["tagged"].asked == asked
    assert means(again) == means(first)


def test_a_torn_line_costs_its_own_test_alone(aligned):
    plan, ask, folder, first = aligned
    (path,) = (folder / "units" / "icl-tags-output").glob("en-ga.jsonl")
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    asked = ask.scorers["tagged"].asked
    assert means(run(plan, ask, folder, layers=(2,))) == means(first)
    assert ask.scorers["tagged"].asked == asked + plan.config.queries
    assert path.read_bytes() == whole


def test_another_configuration_is_refused_in_the_same_folder(aligned, asks):
    plan, _, folder, _ = aligned
    other = replace(plan, config=replace(plan.config, queries=5))
    with pytest.raises(UsageError, match=r"another queries \(12, now 5\)"):
        run(other, asks(other), folder)


def test_effects_on_spaces_are_measured_once_where_they_are_asked_for(planned, asks, tmp_path):
    plan = planned(
        layers="2", options=QUICK, effects=True, sources=("en",), labels=("tags",), calibrate=False
    )
    ask = asks(plan)
    found = run(plan, ask, tmp_path, layers=(2,)).effects
    assert set(found.accuracy["language"]) == {"ga", "tr", "mean"}
    assert set(found.accuracy["demonstrations"]) == {"en"}
    # The planted states are the same with demonstrations and without.
    assert (found.accuracy["value"] == 0).all()
    asked = ask.scorers["tagged"].asked
    again = run(plan, ask, tmp_path, layers=(2,)).effects
    assert ask.scorers["tagged"].asked == asked
    assert again.accuracy.equals(found.accuracy)


def test_the_order_of_languages_changes_no_answer(planned, asks, tmp_path):
    one, other = planned(("ga", "tr")), planned(("tr", "ga"))
    assert means(run(one, asks(one), tmp_path / "a")) == means(run(other, asks(other), tmp_path / "b"))


def test_draws_that_cannot_differ_are_asked_once(planned, asks, tmp_path):
    plan = planned(k=(2,), draws=3, selectors=("fixed",), labels=("tags", "shuffled"))
    ask = replace(asks(plan), selectors={"fixed": Fixed()})
    studied = run(plan, ask, tmp_path)
    draws = {"icl-tags-fixed": set(), "icl-shuffled-fixed": set()}
    for row in studied.evaluation.frame().itertuples():
        if row.metric == "accuracy" and row.learner in draws and row.draw >= 0 and row.language == "ga":
            draws[row.learner].add(row.draw)
    assert set(map(len, draws.values())) == {3}
    scorer = ask.scorers["tagged"]
    asked = len(plan.targets) * len(plan.sources) * len(ask.queries("ga"))
    assert scorer.asked == asked * (1 + 3)  # the names that shuffled labels have are drawn


def test_own_demonstrations_never_are_the_query(planned, asks):
    plan = planned(sources=(OWN,), k=(3,), candidates=60)
    ask = asks(plan)
    repeated = replace(
        ask, read=lambda language, split: fake_scorer.sentences(language, 4, 20, seed=0, words=2)
    )
    test = Test(OWN, "ga", Variant("tags"), 3, 0)
    queries = {one.words for one in repeated.queries("ga")}
    assert not queries & {one.words for one in repeated.demonstrations(test)}


def test_sentences_taught_are_no_demonstrations(aligned):
    plan, ask, folder, _ = aligned
    from concept_align.icl.aligned import Aligned

    parts = Aligned(ask, (2,), folder, {})._parts("en", "en", 2)
    shown = {one.words for test, _ in parts for one in ask.demonstrations(test)}
    assert not shown & {one.words for _, part in parts for one in part}
    assert sum(len(part) for _, part in parts) == plan.config.align_sentences
    assert {test.source for test, _ in Aligned(ask, (2,), folder, {})._parts("en", "fr", 0)} == {NONE}


def test_a_prompt_longer_than_the_window_is_reported(planned, asks, tmp_path):
    plan = planned(labels=("tags",), k=(5,))
    studied = run(plan, asks(plan, fake_scorer.FakeScorer(window=60)), tmp_path)
    assert any("did not fit the model's window of 60 pieces" in notice for notice in studied.notices)


def test_queries_longer_than_the_window_are_left_out_or_refused(planned, asks, tmp_path):
    plan = planned()
    with pytest.raises(UsageError, match="no labelled sentence"):
        run(plan, asks(plan, fake_scorer.FakeScorer(window=3)), tmp_path)


def test_calibration_takes_off_what_a_label_always_gets():
    scores = torch.log_softmax(torch.eye(4).repeat(3, 1) + torch.tensor([5.0, 0, 0, 0]), 1)
    assert (scores.argmax(1) == 0).all()
    assert calibrated(scores).argmax(1).tolist() == [0, 1, 2, 3] * 3
    assert np.allclose(calibrated(scores).mean(0).numpy(), 0, atol=1e-6)
