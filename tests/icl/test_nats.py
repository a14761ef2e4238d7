"""Nats of the correct label: what is kept, what is compared, what resumes."""

from dataclasses import replace

import fake_scorer
import numpy as np
import pytest
import torch

from concept_align.icl.nats import NOTHING, gold_nats
from concept_align.icl.selectors.simple import CoverageSelector, FixedSelector, RandomSelector
from concept_align.icl.session import stacked
from concept_align.icl.study import run

FEW = {"feedback": "gold", "labels": ("tags",), "calibrate": False, "k": (0, 1, 2),
       "sources": ("en",), "queries": 8}  # fmt: skip
NAME, COVER = "icl-tags-gold-feedback", "icl-tags-coverage-gold-feedback"


def session_of(plan):
    chosen = {"random": RandomSelector(), "fixed": FixedSelector(), "coverage": CoverageSelector()}
    return replace(fake_scorer.make_session(plan), selectors=chosen)


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    plan = fake_scorer.make_plan(selectors=("random", "fixed", "coverage"), **FEW)
    session, folder = session_of(plan), tmp_path_factory.mktemp("nats")
    return plan, session, folder, run(session, folder)


def rows(found, **wanted):
    for name, value in wanted.items():
        found = found[found[name] == value]
    return found


def test_nats_are_the_mean_log_probability_of_gold_labels_over_the_label_set():
    plan = fake_scorer.make_plan(**FEW)
    session = session_of(plan)
    queries = session.queries("ga")[:3]
    trial = next(trial for trial in plan.trials() if trial.language == "ga" and trial.k == 2)
    answers = session.answers(trial, queries)
    gold = torch.tensor([item.label for one in queries for item in one.items])
    by_item = -torch.nn.functional.cross_entropy(stacked(answers), gold, reduction="none")
    by_query = by_item.split([len(one.items) for one in queries])
    assert gold_nats(answers, queries) == pytest.approx([float(one.mean()) for one in by_query], abs=1e-6)
    shifted = [replace(one, scores=one.scores + 7) for one in answers]  # of more mass on any label
    assert gold_nats(shifted, queries) == pytest.approx(gold_nats(answers, queries), abs=1e-6)


def test_gains_are_differences_of_the_same_queries_and_means_are_over_targets(studied):
    plan, _, _, found = studied
    nats = found.nats
    plain = rows(nats, source="en", language="ga", against="")
    value = {(one.learner, one.shots): one.value for one in plain.itertuples()}
    gain = rows(nats, source="en", language="ga", learner=NAME, shots=2, against=NOTHING)
    # Without demonstrations nothing is chosen: the first selector's answers are those of all.
    assert gain["value"].item() == pytest.approx(value[NAME, 2] - value[NAME, 0], abs=1e-9)
    assert gain["low"].item() <= gain["value"].item() <= gain["high"].item()
    assert gain["value"].item() > 0.1
    over = rows(nats, source="en", language="ga", learner=COVER, shots=1, against="random")
    difference = value[COVER, 1] - value[NAME, 1]
    assert over["value"].item() == pytest.approx(difference, abs=1e-9)
    assert rows(nats, learner=NAME, against="random").empty
    mean = rows(
        nats, source="en", language="mean", learner="icl-tags-fixed-gold-feedback", shots=2, against="random"
    )
    parts = rows(nats, source="en", learner="icl-tags-fixed-gold-feedback", shots=2, against="random")
    parts = parts[parts["language"] != "mean"]
    assert mean["value"].item() == pytest.approx(parts["value"].mean(), abs=1e-12)
    assert mean["n"].item() == len(plan.targets) == len(parts)
    assert np.isnan(mean["low"].item())  # of two languages: no interval
    assert set(parts["n"]) == {plan.config.queries}


def test_nats_are_kept_and_only_where_the_gold_labels_are_fed_back(studied, tmp_path):
    plan, session, folder, first = studied
    asked = session.scorers["tagged"].asked
    assert run(session, folder).nats.equals(first.nats)
    assert session.scorers["tagged"].asked == asked
    other = replace(plan, config=replace(plan.config, feedback="predicted"))
    assert run(session_of(other), tmp_path).nats is None
    # An earlier release kept none: they are asked for, and nothing else.
    for path in (folder / "units").glob("*-nats"):
        for one in path.iterdir():
            one.unlink()
    assert run(session, folder).nats.equals(first.nats)
