import numpy as np
import pytest
import torch

from concept_align.evaluation.comparisons import pairs, references
from concept_align.evaluation.config import Protocol
from concept_align.evaluation.evaluate import measure

PROTOCOL = Protocol(shots=(0,), bootstrap=300)


def run(toy, aligners, **options):
    return measure(aligners, toy.load, toy.languages, condition=toy.condition, protocol=PROTOCOL, **options)


def spoilt(toy, concept, far=8.0):
    """An aligner whose centre of one concept lies nowhere near its words."""
    centres = toy.centres.clone()
    centres[concept] = far
    return toy.Nearest(centres)


def test_gains_are_differences_and_their_reference_gains_nothing(toy):
    evaluation = run(toy, [("good", toy.nearest), ("pooled", spoilt(toy, 1))])
    frame, gains = evaluation.frame(), evaluation.gains().query("metric == 'accuracy'")
    assert set(zip(gains.learner, gains.reference, strict=True)) == {("good", "pooled")}
    for gain in gains.itertuples():
        values = frame[(frame.language == gain.language) & (frame.metric == "accuracy")]
        by = values[values.draw == -1].set_index("learner")["value"]
        assert gain.value == pytest.approx(by["good"] - by["pooled"])
        assert gain.low <= gain.value <= gain.high


def test_a_gain_in_one_concept_is_found_there(toy):
    evaluation = run(toy, [("good", toy.nearest), ("pooled", spoilt(toy, 1))])
    gains = evaluation.gains().query("language == 'mean'").set_index("metric")
    assert set(gains.index) == {f"f1:{concept}" for concept in toy.concepts}
    verb = gains.loc["f1:verb"]
    assert verb["value"] > 0.3
    assert verb["low"] > 0.2
    assert gains["value"].idxmax() == "f1:verb"
    assert verb["n"] == len(toy.languages)


def test_equal_learners_gain_nothing_in_any_language_or_concept(toy):
    evaluation = run(toy, [("same", toy.Nearest(toy.centres)), ("pooled", toy.nearest)])
    gains = evaluation.gains()
    assert len(gains)
    assert (gains[["value", "low", "high"]] == 0).all(axis=None)


def test_a_concept_is_averaged_over_the_languages_that_have_it(toy):
    load = toy.load

    def without(language, split):
        features = load(language, split)
        if (language, split) != ("t1", "test"):
            return features
        y = torch.where(features.y == 3, 0, features.y)
        return type(features)(language, features.concepts, features.x, y, features.offsets)

    toy.load = without
    evaluation = run(toy, [("good", toy.nearest), ("pooled", spoilt(toy, 3))])
    (languages,) = evaluation.gains().query("metric == 'f1:particle'")["n"]
    assert languages == len(toy.languages) - 1
    assert evaluation.frame().query("metric == 'f1:particle' and language == 't1'").empty


def test_without_a_reference_there_are_no_gains(toy):
    assert run(toy, [("one", toy.nearest), ("two", spoilt(toy, 1))]).gains().empty


def test_learners_are_compared_with_those_named_alone(toy):
    aligners = [(name, toy.Nearest(toy.centres + 0.1 * i)) for i, name in enumerate("abcd")]
    everything = run(toy, aligners).comparisons()
    assert everything.groupby(["a", "b"]).ngroups == 6
    evaluation = run(toy, aligners, against=("b", "c"))
    named = evaluation.comparisons()
    accuracy = named[named.metric == "accuracy"]
    assert list(zip(accuracy.a, accuracy.b, strict=True)) == [
        ("a", "b"), ("c", "b"), ("d", "b"), ("a", "c"), ("d", "c"),
    ]  # fmt: skip
    assert evaluation.conditions[0].references == ("b", "c")
    smallest = accuracy.loc[accuracy.p_sign_flip.idxmin()]
    assert smallest.p_holm == pytest.approx(min(1, 5 * smallest.p_sign_flip))
    alike = {(p.metric, p.a, p.b): p.p_sign_flip for p in everything.itertuples()}
    for pair in named.itertuples():
        turned = alike.get((pair.metric, pair.a, pair.b)) or alike[pair.metric, pair.b, pair.a]
        assert pair.p_sign_flip == turned


def test_many_learners_are_held_against_the_baselines_among_them():
    few, many = tuple("abcde"), (*"abcdef", "pooled", "proto")
    assert references((*few, "pooled", "majority")) == ()
    assert references(many) == ("pooled", "proto")
    assert references(many, ("a", "elsewhere")) == ("a",)
    assert len(pairs(many, references(many))) == 7 + 6
    assert len(pairs(few)) == 10
    assert np.unique([frozenset(pair) for pair in pairs(many, ("pooled", "proto"))]).size == 13
