"""A step's losses are those of their equations, on the rows that are drawn, and reach what they may reach."""

from dataclasses import replace

import pytest
import tiny_tuning
import torch

from concept_align.config import from_mapping
from concept_align.tuning.adapters import learn
from concept_align.tuning.contrast import contrast
from concept_align.tuning.model import open_tunable
from concept_align.tuning.objectives import losses
from concept_align.tuning.plan import TunePlan
from concept_align.tuning.prepare import measured_standard, neighbours
from concept_align.tuning.retrieval import sentence_vectors
from concept_align.tuning.settings import TuneConfig


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tiny")


@pytest.fixture(scope="module")
def given(folder):
    torch.set_num_threads(1)
    return tiny_tuning.tiny_run(folder)


def opened(given, **options):
    plan = TunePlan.of(from_mapping(TuneConfig, {**given, "train": "full", **options}))
    model = open_tunable(given["model"], device="cpu")
    standard = measured_standard(plan, model, plan.config.layer)
    learning = learn(model, "full")
    made, _ = losses(plan, learning, standard, plan.config.layer)
    return plan, learning, {loss.name: loss for loss, _ in made}, standard


def gradients(learning):
    found = {name: one.grad for name, one in learning.parameters()}
    for _, one in learning.parameters():
        one.grad = None
    return found


@pytest.mark.parametrize("standard", ["language", "none"])
@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_the_contrast_is_of_the_vectors_that_retrieval_sees(given, standard, pooling):
    plan, learning, made, scales = opened(given, standard=standard, pooling=pooling)
    told = made["contrast"].backward(3, 1.0)
    rows = plan.pairs.rows(3, plan.config.batch)
    sides = []
    for texts, codes in zip(
        plan.pairs.texts(rows), ([r.language_a for r in rows], [r.language_b for r in rows]), strict=True
    ):
        own = sentence_vectors(learning.model, {"x": texts}, [3], pooling=pooling, length=64)[3]["x"]
        sides.append(own if scales is None else scales.applied(own, codes))
    expected = contrast(*sides, excluded=torch.from_numpy(plan.pairs.false_negatives(rows)))
    assert told["contrast"] == pytest.approx(float(expected.loss), rel=1e-4)
    assert told["accuracy"] == float(expected.accuracy)


def test_the_contrast_reaches_the_blocks_below_its_layer_and_none_above(given):
    _, learning, made, _ = opened(given, layer=2)
    made["contrast"].backward(0, 1.0)
    found = gradients(learning)
    for block in range(4):
        own = [one for name, one in found.items() if f"layers.{block}." in name]
        assert own and all((one is not None) == (block < 2) for one in own)


def test_weights_scale_gradients_and_not_what_is_told(given):
    _, learning, made, _ = opened(given)
    for loss in made.values():
        told = [loss.backward(1, 1.0)]
        one = gradients(learning)
        told.append(loss.backward(1, 3.0))
        three = gradients(learning)
        assert told[0] == told[1]
        for name, gradient in one.items():
            if gradient is not None:
                torch.testing.assert_close(three[name], 3 * gradient, rtol=1e-3, atol=1e-6)


def test_answers_are_scored_as_by_the_whole_model(given):
    plan, learning, made, _ = opened(given)
    told = made["answers"].backward(2, 1.0)
    rows = plan.instructions.rows(2, plan.config.answers)
    batch, left_out = made["answers"].tokens.instructions(rows, 128, 64)
    with torch.no_grad():
        logits = learning.model.module(batch.ids, attention_mask=batch.mask).logits.log_softmax(-1)
    said = logits[:, :-1].gather(2, batch.ids[:, 1:, None])[..., 0][batch.answer[:, 1:]]
    assert not left_out and told["answers"] == pytest.approx(float(-said.mean()), rel=1e-4)


def test_nothing_is_lost_before_anything_is_learned_and_something_after(given):
    _, learning, made, _ = opened(given)
    assert made["retention"].backward(0, 1.0)["retention"] == pytest.approx(0, abs=1e-5)
    small = [one for one in gradients(learning).values() if one is not None]
    assert max(float(one.abs().max()) for one in small) < 1e-4
    with torch.no_grad():
        for _, one in learning.parameters():
            one.mul_(1.05)
    assert made["retention"].backward(0, 1.0)["retention"] > 1e-3


def test_hard_negatives_are_the_nearest_and_say_nothing_that_the_pair_says(given):
    plan, learning, made, scales = opened(given, negatives="hard:3")
    near = neighbours(plan, learning.model, 3, scales)
    assert set(near) == set(plan.split.train)
    assert all(one not in others and len(set(others)) == len(others) for one, others in near.items())
    rows = plan.pairs.rows(0, plan.config.batch)
    (texts, languages), left_out = made["contrast"]._hard(rows, 0)
    assert len(texts) == len(languages) == 3 * len(rows) and left_out.shape == (len(rows), 3 * len(rows))
    assert languages == [row.language_b for row in rows for _ in range(3)]
    a, b = plan.pairs.texts(rows)
    for place, text in enumerate(texts):
        assert text not in (a[place // 3], b[place // 3])
        for row in range(len(rows)):
            if text in (a[row], b[row]):
                assert bool(left_out[row, place])


def test_hard_negatives_without_a_model_are_those_of_any_sentence(given):
    plan, _, made, _ = opened(given, negatives="hard:2")
    plain = replace(made["contrast"], nearest=None)
    (texts, _), _ = plain._hard(plan.pairs.rows(1, 4), 1)
    assert len(texts) == 8
