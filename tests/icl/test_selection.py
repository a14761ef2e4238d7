"""Selectors that learn in a study: from which sentences, what they choose, what is kept."""

from dataclasses import replace

import fake_scorer
import numpy as np
import pytest
import torch

from concept_align.errors import LearningError, UsageError
from concept_align.icl.config import ANY, OWN, ICLConfig
from concept_align.icl.plan import Trial, Variant, plan
from concept_align.icl.selection import Selection
from concept_align.icl.selectors import SelectorInputs, create
from concept_align.icl.selectors.shared_head import LearnedSelector
from concept_align.icl.selectors.simple import RandomSelector
from concept_align.icl.selectors.trained import BestOnTrainSelector
from concept_align.icl.study import icl_study, run
from concept_align.report.icl import lead
from concept_align.treebanks.discover import mini_treebanks

FEW = {"feedback": "gold", "labels": ("tags",), "calibrate": False, "k": (0, 1, 3), "queries": 6,
       "select_queries": 6, "select_candidates": 20, "selectors": ("random", "best-on-train")}  # fmt: skip
BEST = Variant("tags", "best-on-train", feedback="gold")


def session_of(planned, folder=None):
    session = fake_scorer.make_session(planned)
    training = Selection(session, folder)
    inputs = SelectorInputs(
        planned.task.concepts, session.pools, lambda some: torch.zeros(0, 2), 2, training=training
    )
    best = BestOnTrainSelector.from_inputs(inputs)
    return replace(session, selectors={"random": RandomSelector(), "best-on-train": best}), training


@pytest.fixture
def planned():
    return fake_scorer.make_plan(**FEW, select=("fr", "et"))


def test_learning_queries_are_training_sentences_with_no_querys_words(planned):
    session, _ = session_of(planned)
    asked = {one.words for target in planned.targets for one in session.queries(target)}
    # A treebank whose training sentences repeat the targets' queries.
    (some, *_) = session.queries("ga")
    read = lambda language, split: [  # noqa: E731
        *(replace(some, language=language) for _ in range(3) if language == "fr"),
        *fake_scorer.read(language, split),
    ]
    session = replace(session, read=read, _kept={})
    found = {code: session.learning_queries(code) for code in planned.select}
    assert [len(own) for own in found.values()] == [3, 3]
    assert not asked & {one.words for own in found.values() for one in own}
    train = {one.words for one in fake_scorer.read("fr", "train")}
    assert {one.words for one in found["fr"]} <= train
    assert found["fr"] in session.pools("fr")


def test_candidates_are_taken_in_turn_from_each_language(planned):
    _, training = session_of(planned)
    assert [one.language for one in training.candidates] == ["en", "de"] * 10
    assert len({one.words for one in training.candidates}) == 20


def test_best_on_train_is_the_best_mean_gain_in_other_languages_and_nested_in_k(planned):
    session, training = session_of(planned)
    gains = training.gains("gain")
    means = np.nanmean(gains.gain, axis=0)
    english = [place for place, one in enumerate(gains.candidates) if one.language == "en"]
    best = gains.candidates[max(english, key=lambda place: means[place])]
    chosen = [session.demonstrations(Trial("en", "ga", BEST, k, 0)) for k in (1, 2, 3)]
    assert chosen[0] == [best]
    assert chosen[1] == chosen[2][1:] and chosen[0] == chosen[1][1:]
    everywhere = gains.candidates[int(means.argmax())]
    assert session.demonstrations(Trial(ANY, "ga", BEST, 1, 0)) == [everywhere]
    with pytest.raises(UsageError, match=r"11 demonstrations are asked for, and there are 10 \(tried in"):
        session.demonstrations(Trial("en", "ga", BEST, 11, 0))


def test_what_is_fitted_for_a_fixed_pool_chooses_among_what_was_tried(planned, tmp_path):
    session, training = session_of(planned, tmp_path)
    states = lambda some: torch.tensor([[len(word), ord(word[0]) % 7] for one in some for word in one.words])  # noqa: E731
    inputs = SelectorInputs(
        planned.task.concepts, session.pools, lambda some: states(some).float(), 2, training=training
    )
    fixed, usual = create("learned:gain:pool", inputs), create("learned:gain", inputs)
    candidates, (query, *_) = session.candidates("en"), session.queries("ga")
    tried = {place for place, one in enumerate(candidates) if one in training.candidates}
    assert len(tried) == 10 < len(candidates)
    assert {*fixed.select(query, candidates, 10, seed=0)} == tried
    assert len(usual.select(query, candidates, 11, seed=0)) == 11
    with pytest.raises(UsageError, match=r"11 demonstrations are asked for, and there are 10 \(tried in"):
        fixed.select(query, candidates, 11, seed=0)
    assert fixed.made_from == {**usual.made_from, "pool": "fixed"}
    saved = {path.name: LearnedSelector.from_pretrained(path) for path in tmp_path.glob("selector/*")}
    assert {name: one.about["pool"] for name, one in saved.items()} == {
        "learned": "open", "learned-pool": "fixed",
    }  # fmt: skip
    cards = {name: (tmp_path / "selector" / name / "README.md").read_text() for name in saved}
    assert "all candidates known" in cards["learned-pool"] and "candidates left out" in cards["learned"]


def test_gains_are_kept_in_the_study_and_measured_once(tmp_path):
    planned = fake_scorer.make_plan(("ga",), **FEW, select=("fr", "et"), sources=("en",), demo_draws=1)
    session, _ = session_of(planned, tmp_path)
    first = run(session, tmp_path)
    (path,) = tmp_path.glob("selection/*/gains.jsonl")
    lines = path.read_bytes()
    assert len(lines.splitlines()) == 2 + len(session_of(planned)[1].candidates)  # header, nothing shown
    again, _ = session_of(planned, tmp_path)
    assert run(again, tmp_path).nats.equals(first.nats)
    assert again.scorers["tagged"].asked == 0
    assert path.read_bytes() == lines
    for unit in (tmp_path / "units").rglob("*.jsonl"):
        unit.unlink()
    torn, _ = session_of(planned, tmp_path)
    path.write_bytes(lines[:-10])
    assert run(torn, tmp_path).nats.equals(first.nats)
    assert path.read_bytes() == lines
    other = replace(planned, select=("et",))
    with pytest.raises(
        UsageError, match=r"select_langs \(\['fr', 'et'\], now \['et'\]\) of the selector best"
    ):
        run(session_of(other, tmp_path)[0], tmp_path)


def config(**options):
    usual = {"langs": ("ga", "tr"), "demo_langs": ("en",), "selectors": ("random", "best-on-train")}
    return ICLConfig("no-such-model", mini_treebanks(), **{**usual, **options})


def test_learning_languages_are_no_targets_and_by_default_five():
    found = plan(config())
    assert len(found.select) == 5
    assert not {*found.select} & {"ga", "tr", "en"}
    assert plan(config(selectors=("random",))).select == ()
    assert plan(config(select_langs=("fr", "en"))).select == ("fr", "en")
    with pytest.raises(UsageError, match="tr among the languages that selectors learn from and the targets"):
        plan(config(select_langs=("fr", "tr")))
    with pytest.raises(UsageError, match="in languages that are named"):
        plan(config(demo_langs=(OWN,)))
    own = plan(config(demo_langs=("en", OWN)))
    assert {trial.variant.selector for trial in own.trials() if trial.source == OWN} == {"random"}


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A small study of the shipped model with all that learns, and its options."""
    options = {"treebanks": mini_treebanks(), "langs": "ga", "demo_langs": "en", "k": (0, 1),
               "demo_draws": 1, "queries": 3, "candidates": 12, "max_words": 10, "labels": "symbols",
               "select_langs": ("fr", "et"), "select_queries": 6, "select_candidates": 8,
               "feedback": "gold", "calibrate": False, "bootstrap": 100}  # fmt: skip
    folder = tmp_path_factory.mktemp("learned") / "study"
    names = ["random", "best-on-train", "learned", "learned:self:pool"]
    return options, folder, icl_study("mini-decoder", selectors=names, out=folder, **options)


def nats_of(studied, learner):
    rows = studied.nats.query("language == 'ga' and shots == 1 and against == ''")
    return rows[rows["learner"] == f"icl-symbols-{learner}gold-feedback"]["value"].item()


def test_what_was_learned_is_kept_and_chooses_the_same_when_it_is_named(learned):
    options, folder, first = learned
    assert {"learned", "learned-self-pool"} == {path.name for path in (folder / "selector").iterdir()}
    assert {"gold", "predicted"} == {path.name for path in (folder / "selection").iterdir()}
    assert set(first.nats["against"]) == {"", "no demonstrations", "random", "best-on-train"}
    told = " ".join(lead(first))
    assert "training sentences in French, Estonian; no label of a target" in told
    assert "predicted the labels that were learned from" in told
    saved = folder / "selector" / "learned"
    again = icl_study("mini-decoder", selectors=f"learned:{saved}", **options)
    (name,) = {row for row in again.nats["learner"] if "learned" in row}
    own = again.nats.query("language == 'ga' and shots == 1 and against == ''")
    assert own[own["learner"] == name]["value"].item() == nats_of(first, "learned-")
    with pytest.raises(LearningError, match="learned from queries in fr"):
        icl_study("mini-decoder", selectors=f"learned:{saved}", **options | {"langs": "fr"})


def test_nothing_is_measured_again_and_another_teacher_or_aligner_is_refused(learned):
    options, folder, first = learned
    kept = {path: path.read_bytes() for path in folder.rglob("*.jsonl")}
    names = ["random", "best-on-train", "learned", "learned:self:pool"]
    assert icl_study("mini-decoder", selectors=names, out=folder, **options).nats.equals(first.nats)
    assert {path: path.read_bytes() for path in kept} == kept
    with pytest.raises(UsageError, match=r"teacher \(gain, now influence\) of the selector learned"):
        icl_study("mini-decoder", selectors="learned", out=folder, select_teacher="influence", **options)
    with pytest.raises(UsageError, match=r"diversity \(None, now 0.3\) of the selector learned"):
        icl_study("mini-decoder", selectors="learned", out=folder, diversity=0.3, **options)


def test_no_correct_label_is_looked_at_where_labels_are_predicted(planned):
    """Neither of what is learned from nor of the targets: other labels change nothing measured."""
    session, training = session_of(planned)
    wrong = lambda language, split: [  # noqa: E731
        one
        if language in planned.named
        else replace(one, items=tuple(replace(item, label=0) for item in one.items))
        for one in fake_scorer.read(language, split)
    ]
    blind = Selection(replace(session, read=wrong, _kept={}))
    classify = lambda some: torch.eye(4)[[len(word) % 4 for one in some for word in one.words]].log()  # noqa: E731
    found, other = (replace(one, classify=classify, _gains={}).gains("self") for one in (training, blind))
    assert np.array_equal(found.gain, other.gain)
    assert not np.array_equal(found.gain, training.gains("gain").gain)


def test_a_teacher_that_there_is_not_is_refused_before_anything_is_loaded():
    with pytest.raises(UsageError, match=r"'gian' is no teacher, and no folder") as found:
        icl_study("no-such-model", mini_treebanks(), langs="ga", selectors="learned:gian")
    assert "'gain'" in found.value.remedy
    with pytest.raises(UsageError, match="learns from gains"):
        create("learned:self", SelectorInputs(("a",), lambda _: [], lambda some: torch.zeros(0, 2), 2))
