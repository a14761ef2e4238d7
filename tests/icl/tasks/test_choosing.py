"""Choices by likelihood: means over the choice alone, whatever is read once; what calibration takes off."""

import copy
import math

import numpy as np
import pytest
import torch
from tiny_prompts import tiny_causal

from concept_align.errors import ModelError
from concept_align.icl.tasks.choosing import choice_scores, information, without_means
from concept_align.icl.tasks.texts import TextReader

BEGINNINGS = ["abdei", "abdedi", "abdeddi"]
CHOICES = [(" ab", " deiabd"), (" ab", " deiabd"), (" d", " abdab")]
LONG = "abd eia bde iab " * 6  # before all: read once


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("before", ["", LONG])
def test_a_score_is_the_mean_log_probability_of_the_choices_tokens(name, before):
    model = tiny_causal(name)
    beginnings = [before + one for one in BEGINNINGS]
    scores = choice_scores(TextReader(model), beginnings, CHOICES)
    for beginning, choices, found in zip(beginnings, CHOICES, scores, strict=True):
        for choice, score in zip(choices, found, strict=True):
            text = beginning + choice
            cut = model.cutter.cut(text, np.array([[len(beginning), len(text)]], dtype=np.int32))
            ids = torch.tensor([cut.ids.tolist()])
            with model.running():
                said = model.module(ids).logits[0].double().log_softmax(-1)
            begin, end = int(cut.begin[0]), int(cut.end[0])
            each = [float(said[place - 1, ids[0, place]]) for place in range(begin, end)]
            assert score == pytest.approx(sum(each) / len(each), abs=1e-4)


def test_scores_do_not_depend_on_the_batch_nor_on_what_is_read_once():
    reader = TextReader(tiny_causal("llama"), batch_tokens=64)
    alone = copy.copy(reader)
    alone.shares = False
    beginnings = [LONG + "ab" * (1 + n) for n in range(4)]
    choices = [(" ab", " d" * (1 + 7 * n)) for n in range(4)]
    assert reader.shared(reader.beginnings(beginnings), 99) > 16
    together = choice_scores(reader, beginnings, choices)
    for found, other in zip(together, choice_scores(alone, beginnings, choices), strict=True):
        np.testing.assert_allclose(found, other, atol=1e-5)
    for place, found in enumerate(together):
        (single,) = choice_scores(reader, [beginnings[place]], [choices[place]])
        np.testing.assert_allclose(single, found, atol=1e-5)


def test_a_repeated_choice_is_not_worse_for_its_length():
    """A model that gives every token the same probability finds all choices alike; a sum would not."""
    flat = copy.copy(tiny_causal("llama"))
    flat.logits = lambda states: torch.zeros(len(states), flat.cutter.vocabulary)
    (scores,) = choice_scores(TextReader(flat), ["abde"], [(" ab", " abdeiabdeiabdei")])
    np.testing.assert_allclose(scores, -math.log(flat.cutter.vocabulary), atol=1e-5)


def test_a_text_longer_than_the_context_is_refused():
    model = copy.copy(tiny_causal("gpt2"))
    model.max_pieces = 4
    with pytest.raises(ModelError, match="the context length is 4"):
        choice_scores(TextReader(model), ["abdeiabdei"], [(" ab",)])


def test_batch_calibration_takes_off_a_preference_that_all_questions_share():
    random = np.random.default_rng(3)
    answers = np.arange(200) % 2
    signal = np.where(np.arange(2) == answers[:, None], 1.0, 0.0) + 0.1 * random.normal(size=(200, 2))
    biased = list(signal + np.array([5.0, 0.0]))
    assert np.mean([one.argmax() == answer for one, answer in zip(biased, answers, strict=True)]) == 0.5
    free = without_means(biased)
    assert np.mean([one.argmax() == answer for one, answer in zip(free, answers, strict=True)]) == 1.0


def test_information_is_nought_where_the_question_is_its_own_domain_and_else_the_difference_of_sums():
    reader = TextReader(tiny_causal("llama"))
    for own in information(reader, BEGINNINGS, BEGINNINGS, CHOICES):
        np.testing.assert_allclose(own, 0, atol=1e-6)
    domains = ["abd"] * 3
    found = information(reader, BEGINNINGS, domains, CHOICES)
    after, before = (choice_scores(reader, texts, CHOICES) for texts in (BEGINNINGS, domains))
    for place, choices in enumerate(CHOICES):
        tokens = [len(reader.cut([BEGINNINGS[place]], [one])[0][0]) for one in choices]
        begins = [int(reader.cut([BEGINNINGS[place]], [one])[1][0]) for one in choices]
        counts = np.array(tokens) - begins
        np.testing.assert_allclose(found[place], counts * (after[place] - before[place]), atol=1e-4)
