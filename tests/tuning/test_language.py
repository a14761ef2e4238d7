"""What plain text costs a decoder: every token given those before it, whatever the batch."""

import copy
import math

import numpy as np
import pytest
import torch

from concept_align.errors import UsageError
from concept_align.tuning.language import text_loss
from concept_align.tuning.model import open_tunable

TEXTS = {
    "en": ["The dog sleeps.", "Two cats run to the old house by the river.", "Rain."],
    "ru": ["Кошка спит."],
}


@pytest.fixture(scope="module")
def model():
    return open_tunable("mini-decoder", device="cpu")


def test_the_loss_is_that_of_the_models_own_logits(model):
    found = text_loss(model, TEXTS)["en"]
    for place, text in enumerate(TEXTS["en"]):
        encoded = model.tokenizer(text)
        ids = torch.tensor([encoded["input_ids"]])
        special = set(model.tokenizer.all_special_ids)
        with torch.no_grad():
            said = model.module(ids).logits[0].double().log_softmax(-1)
        asked = [at for at in range(1, ids.shape[1]) if int(ids[0, at]) not in special]
        nats = -sum(float(said[at - 1, ids[0, at]]) for at in asked)
        assert found.tokens[place] == len(asked)
        assert found.nats[place] == pytest.approx(nats, abs=1e-3)
        assert found.bytes[place] == len(text.encode())


def test_a_sentence_costs_the_same_alone_and_in_any_batch(model):
    together = text_loss(model, {"en": TEXTS["en"] * 40})["en"]
    alone = [text_loss(model, {"en": [text]})["en"].nats[0] for text in TEXTS["en"]]
    np.testing.assert_allclose(together.nats, np.tile(alone, 40), rtol=1e-5)


def test_a_head_that_knows_nothing_costs_the_logarithm_of_the_vocabulary(model):
    flat = copy.copy(model)
    flat.logits = lambda states: torch.zeros(len(states), 500)
    ids = {"en": ["a"], "de": ["b b b"]}
    for loss in text_loss(flat, {key: ["the dog"] for key in ids}).values():
        assert loss.nats.sum() / loss.tokens.sum() == pytest.approx(math.log(500), abs=1e-5)


def test_sentences_that_are_too_long_are_left_out_and_counted(model):
    found = text_loss(model, TEXTS, length=12)["en"]
    assert (len(found.nats), found.left_out) == (2, 1)
    with pytest.raises(UsageError, match="no sentence of en has 2 to 2 tokens"):
        text_loss(model, {"en": TEXTS["en"]}, length=2)


def test_an_encoder_is_refused():
    with pytest.raises(UsageError, match="predicts no next token"):
        text_loss(open_tunable("mini-encoder", device="cpu"), TEXTS)
