"""Losses and preferences are those of the model's own logits, token by token, whatever the batch."""

import numpy as np
import pytest
import torch

from concept_align.errors import ModelError, UsageError
from concept_align.intervention.agreement import KINDS, AgreementRules, agreement_pairs
from concept_align.intervention.losses import LossReadOut, loss_of
from concept_align.intervention.preferences import AgreementReadOut, agreement_of
from concept_align.intervention.probes import ProbeReadOut, fitted_probe
from concept_align.intervention.readouts import Change, Tally, measured
from concept_align.intervention.texts import NO_CONCEPT
from concept_align.models.edits import Shift
from concept_align.models.load import load_model
from concept_align.tuning.language import text_loss
from concept_align.tuning.model import open_tunable

EASY = AgreementRules(observed=5, found=1)


def said(model, ids: list[int]) -> torch.Tensor:
    """[tokens, vocabulary] log-probabilities of the whole model, in double precision."""
    with torch.no_grad():
        return model.module(torch.tensor([ids])).logits[0].double().log_softmax(-1)


def untouched(read, readout, **how) -> dict[str, Tally]:
    (found,) = measured(read.rerun, [readout], [Change()], **how)["untouched"]
    return dict(found)


def of_kinds(read, name: str, corpora) -> LossReadOut | AgreementReadOut | ProbeReadOut:
    text = read.text()
    if name == "loss":
        return loss_of(read.model, text)
    if name == "agreement":
        return agreement_of(read.model, agreement_pairs(corpora, rules=EASY))
    return ProbeReadOut.of(text, fitted_probe(read.source(), ["de", "en"]), read.source())


def test_the_loss_of_a_decoder_is_that_of_plain_text(decoder, corpora):
    text = decoder.text(most=1000)
    found = untouched(decoder, loss_of(decoder.model, text))["nats"]
    by_id = dict(zip(corpora[-1].sent_ids, corpora[-1].texts, strict=True))
    expected = text_loss(open_tunable("mini-decoder", device="cpu"), {"es": [by_id[i] for i in text.ids]})[
        "es"
    ]
    np.testing.assert_allclose(found.above.sum(1), expected.nats, rtol=1e-4)
    np.testing.assert_array_equal(found.below.sum(1), expected.tokens)


def test_tokens_count_for_the_concept_of_their_first_word(decoder):
    text = decoder.text()
    found = untouched(decoder, loss_of(decoder.model, text))["nats"]
    assert found.concepts == (*text.task.concepts, NO_CONCEPT)
    place = 0
    ids, tokens = text.pieces[place].ids.tolist(), text.pieces[place]
    own = said(decoder.model, ids)
    expected = np.zeros(len(found.concepts))
    seen = set()
    for word, code in enumerate(text.rows.classes[place].tolist()):
        for at in range(tokens.begin[word], tokens.end[word]):
            if at not in seen:
                expected[code] -= float(own[at - 1, ids[at]])
                seen.add(at)
    np.testing.assert_allclose(found.above[place], expected, atol=1e-3)


def test_the_loss_of_an_encoder_is_that_of_masked_tokens(encoder):
    text = encoder.text()
    readout = loss_of(encoder.model, text, seed=3)
    found = untouched(encoder, readout)["nats"]
    mask = encoder.model.tokenizer.mask_token_id
    for place in range(3):
        ids, changed = text.pieces[place].ids, readout.rows.pieces[place].ids
        at = np.flatnonzero(ids != changed)
        content = int((~text.special[place]).sum())
        assert len(at) == max(1, round(0.15 * content)) == found.below[place].sum()
        assert set(changed[at].tolist()) == {mask} and not text.special[place][at].any()
        own = said(encoder.model, changed.tolist())
        assert found.above[place].sum() == pytest.approx(
            -sum(float(own[i, ids[i]]) for i in at.tolist()), abs=1e-3
        )


def test_masks_depend_on_the_sentence_and_the_seed_alone(encoder):
    def masked(text, seed):
        rows = loss_of(encoder.model, text, seed=seed).rows
        return {name: own.ids.tolist() for name, own in zip(text.ids, rows.pieces, strict=True)}

    few, all_ = encoder.text(most=4), encoder.text()
    whole = masked(all_, 0)
    assert all(whole[name] == ids for name, ids in masked(few, 0).items())
    assert whole != masked(all_, 1)


def test_a_margin_is_the_difference_of_the_log_probabilities_of_two_sentences(decoder, corpora):
    pairs = agreement_pairs(corpora, rules=EASY)
    readout = agreement_of(decoder.model, pairs)
    found = untouched(decoder, readout)
    expected = []
    for text, twin in zip(pairs.texts, pairs.twin_texts, strict=True):
        sums = []
        for one in (text, twin):
            ids = decoder.model.cutter.ids(one)
            own = said(decoder.model, ids)
            sums.append(sum(float(own[at - 1, ids[at]]) for at in range(1, len(ids))))
        expected.append(sums[0] - sums[1])
    assert found["margin"].above.sum() == pytest.approx(sum(expected), rel=1e-3)
    assert found["preference"].above.sum() == sum(margin > 0 for margin in expected)
    assert found["margin"].below.sum() == len(pairs)
    by_kind = {kind: pairs.kinds.count(kind) for kind in KINDS}
    np.testing.assert_array_equal(found["margin"].below.sum(0), [by_kind[kind] for kind in KINDS])
    assert len(found["margin"].below) == len(set(pairs.sentence.tolist()))


def test_an_encoder_masks_a_token_with_those_of_its_word_after_it(encoder, corpora):
    pairs = agreement_pairs(corpora, rules=EASY)
    found = untouched(encoder, agreement_of(encoder.model, pairs))
    mask, expected = encoder.model.tokenizer.mask_token_id, 0.0
    for place in range(len(pairs)):
        for sign, text, spans in (
            (1, pairs.texts[place], pairs.spans[place]),
            (-1, pairs.twin_texts[place], pairs.twin_spans[place]),
        ):
            pieces = encoder.model.cutter.cut(text, spans)
            begin, end = pieces.begin[pairs.word[place]], pieces.end[pairs.word[place]]
            for at in range(begin, end):
                ids = pieces.ids.tolist()
                ids[at:end] = [mask] * (end - at)
                expected += sign * float(said(encoder.model, ids)[at, pieces.ids[at]])
    assert found["margin"].above.sum() == pytest.approx(expected, abs=1e-2)


@pytest.mark.parametrize("name", ["probe", "loss", "agreement"])
def test_a_change_that_changes_nothing_changes_no_number(read, corpora, name):
    readout = of_kinds(read, name, corpora)
    nothing = Shift(torch.zeros(read.model.dim))
    found = measured(read.rerun, [readout], [Change(), Change("nothing", {2: nothing})])
    for measure, tally in found["untouched"][0].items():
        np.testing.assert_array_equal(tally.above, found["nothing"][0][measure].above)
        np.testing.assert_array_equal(tally.below, found["nothing"][0][measure].below)


@pytest.mark.parametrize("name", ["probe", "loss", "agreement"])
def test_numbers_are_those_of_any_batch_and_of_any_company(read, corpora, name):
    readout = of_kinds(read, name, corpora)
    moved = Change("moved", {2: Shift(torch.ones(read.model.dim))}, "words")
    one = measured(read.rerun, [readout], [moved], batch_tokens=1)["moved"][0]
    company = [of_kinds(read, other, corpora) for other in ("loss", "agreement", "probe")]
    many = measured(read.rerun, [*company, readout], [Change(), moved], batch_tokens=4096)["moved"][-1]
    for measure, tally in one.items():
        np.testing.assert_allclose(tally.above, many[measure].above, rtol=1e-3, atol=1e-3)
        np.testing.assert_array_equal(tally.below, many[measure].below)


def test_a_change_of_all_states_costs_more_than_none(read):
    noise = torch.randn(read.model.dim, generator=torch.Generator().manual_seed(0))
    changes = [Change(), Change("noise", {2: Shift(20 * noise)})]
    found = measured(read.rerun, [loss_of(read.model, read.text())], changes)
    assert found["noise"][0]["nats"].value > found["untouched"][0]["nats"].value + 0.1


def test_what_needs_a_head_says_so_where_there_is_none(decoder, corpora):
    base = load_model("mini-decoder", device="cpu")
    with pytest.raises(ModelError, match="loss needs a language-model head"):
        loss_of(base, decoder.text())
    with pytest.raises(ModelError, match="agreement needs a language-model head"):
        agreement_of(base, agreement_pairs(corpora, rules=EASY))


def test_the_loss_of_text_that_is_read_twice_is_refused(decoder):
    with pytest.raises(UsageError, match="that of a copy"):
        loss_of(decoder.model, decoder.text(read="twice"))


def test_equal_names_and_layers_that_nothing_reaches_are_refused(decoder):
    probe = ProbeReadOut.of(
        decoder.text(), fitted_probe(decoder.source(layer=2), ["de"]), decoder.source(layer=2)
    )
    with pytest.raises(UsageError, match="equal names: untouched, untouched"):
        measured(decoder.rerun, [probe], [Change(), Change()])
    with pytest.raises(UsageError, match="probe reads layer 2, and states are changed from layer 3 on"):
        measured(decoder.rerun, [probe], [Change("late", {3: Shift(torch.zeros(decoder.model.dim))})])
