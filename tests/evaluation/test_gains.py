import numpy as np
import pytest
import torch

from concept_align.evaluation.protocol import Protocol
from concept_align.evaluation.results import table
from concept_align.evaluation.run import measure
from concept_align.evaluation.summary import pairs, references

PROTOCOL = Protocol(shots=(0,), bootstrap=300)


def run(toy, aligners, **options):
    return measure(aligners, toy.load, toy.languages, setting=toy.setting, protocol=PROTOCOL, **options)


def spoilt(toy, concept, far=8.0):
    """An aligner whose centre of one concept lies nowhere near its words."""
    centres = toy.centres.clone()
    centres[concept] = far
    return toy.Nearest(centres)


def test_gains_are_differences_and_their_reference_gains_nothing(toy):
    evaluation = run(toy, [("good", toy.nearest), ("pooled", spoilt(toy, 1))])
    frame = table(evaluation.results)
    gains = [gain for gain in evaluation.gains if gain.metric == "accuracy"]
    assert {(gain.learner, gain.reference) for gain in gains} == {("good", "pooled")}
    for gain in gains:
        values = frame[(frame.language == gain.language) & (frame.metric == "accuracy")]
        by = values[values.draw == -1].set_index("learner")["value"]
        assert gain.value == pytest.approx(by["good"] - by["pooled"])
        assert gain.low <= gain.value <= gain.high


def test_a_gain_in_one_concept_is_found_there(toy):
    evaluation = run(toy, [("good", toy.nearest), ("pooled", spoilt(toy, 1))])
    gains = {gain.metric: gain for gain in evaluation.gains if gain.language == "mean"}
    assert set(gains) == {f"f1:{concept}" for concept in toy.concepts}
    assert gains["f1:verb"].value > 0.3
    assert gains["f1:verb"].low > 0.2
    assert max(gains, key=lambda metric: gains[metric].value) == "f1:verb"
    assert gains["f1:verb"].n == len(toy.languages)


def test_equal_learners_gain_nothing_in_any_language_or_concept(toy):
    evaluation = run(toy, [("same", toy.Nearest(toy.centres)), ("pooled", toy.nearest)])
    assert evaluation.gains
    assert {(gain.value, gain.low, gain.high) for gain in evaluation.gains} == {(0.0, 0.0, 0.0)}


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
    (gain,) = [gain for gain in evaluation.gains if gain.metric == "f1:particle"]
    assert gain.n == len(toy.languages) - 1
    found = [row for row in evaluation.results if row.metric == "f1:particle" and row.language == "t1"]
    assert found == []


def test_without_a_reference_there_are_no_gains(toy):
    assert run(toy, [("one", toy.nearest), ("two", spoilt(toy, 1))]).gains == []


def test_learners_are_compared_with_those_named_alone(toy):
    aligners = [(name, toy.Nearest(toy.centres + 0.1 * i)) for i, name in enumerate("abcd")]
    everything = run(toy, aligners)
    assert len({(pair.a, pair.b) for pair in everything.comparisons}) == 6
    named = run(toy, aligners, against=("b", "c"))
    found = [(pair.a, pair.b) for pair in named.comparisons if pair.metric == "accuracy"]
    assert found == [("a", "b"), ("c", "b"), ("d", "b"), ("a", "c"), ("d", "c")]
    assert named.references == ("b", "c")
    smallest = min(
        (pair for pair in named.comparisons if pair.metric == "accuracy"), key=lambda pair: pair.p_sign_flip
    )
    assert smallest.p_holm == pytest.approx(min(1, 5 * smallest.p_sign_flip))
    alike = {(p.metric, p.a, p.b): p.p_sign_flip for p in everything.comparisons}
    for pair in named.comparisons:
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
