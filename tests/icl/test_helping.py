"""What demonstrations do for queries: the equation, invariances, what is kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_scorer import FakeScorer, sentences
from tiny_prompts import long_labels, made_up, queries, short_labels, tiny_causal

from concept_align.errors import LearningError, StoreError, UsageError
from concept_align.icl.causal import load_causal
from concept_align.icl.scoring import CausalScorer
from concept_align.icl.selectors.helping import LINES, QUANTITIES, Gains, measure_gains
from concept_align.icl.wording import label_set

EN = sentences("en", 4, 5, seed=0, words=4)
GA = sentences("ga", 4, 3, seed=1, words=4)
FOUR = label_set("tags", ("A", "B", "C", "D"))


def values(gains):
    return np.stack([getattr(gains, name) for name in QUANTITIES])


def said(model, scorer, sentences, labels):
    """Scores of all labels [items, labels] in the last of ``sentences``, a pass of the model for each."""
    trie, start = scorer.layout.trie(labels), list(scorer.layout.start)
    ids, rows = start, []
    for number, sentence in enumerate(sentences):
        laid = scorer.layout.lay(sentence, first=number == 0)
        for lead, gold in zip(laid.leads, laid.labels, strict=True):
            ids = ids + list(lead)
            if number == len(sentences) - 1:
                found = []
                for label in trie.pieces:
                    with torch.inference_mode():
                        logits = model.module(torch.tensor([[*ids, *label]]), use_cache=False).logits[0]
                    logp = logits[-len(label) - 1 : -1].double().log_softmax(1)
                    found.append(float(logp.gather(1, torch.tensor(label)[:, None]).mean()))
                rows.append(found)
            ids = ids + list(trie.pieces[gold])
        ids = ids + list(laid.tail)
    return np.array(rows)


def by_hand(model, scorer, query, candidate, labels):
    """gain, gain_pieces, influence, correct."""
    gold = [item.label for item in query.items]
    raw = [said(model, scorer, some, labels) for some in ([candidate, query], [query])]
    p, q = (one - np.logaddexp.reduce(one, axis=1, keepdims=True) for one in raw)
    at = np.arange(len(gold)), gold
    influence = (np.exp(p) * (p - q)).sum(1).mean()
    right = np.mean(raw[0].argmax(1) == gold)
    return (p[at] - q[at]).mean(), (raw[0][at] - raw[1][at]).mean(), influence, right


@pytest.mark.parametrize("name", ["gpt2", "gemma2"])
@pytest.mark.parametrize("kind", [long_labels, short_labels])
def test_quantities_are_those_of_whole_prompts_read_label_by_label(name, kind):
    model, labels = tiny_causal(name), kind()
    scorer, some, candidates = CausalScorer(model), queries(), [made_up(1, 2), made_up(2, 3)]
    gains = measure_gains(scorer, labels, some, candidates)
    for row, query in enumerate(some):
        for column, candidate in enumerate(candidates):
            expected = by_hand(model, scorer, query, candidate, labels)
            np.testing.assert_allclose(values(gains)[:, row, column], expected, atol=1e-4)
    assert np.abs(gains.gain).min() > 1e-4


def test_quantities_of_the_mini_decoder_are_those_of_whole_prompts():
    model = load_causal("mini-decoder", device="cpu", dtype="float32")
    scorer, query, candidate = CausalScorer(model), made_up(101, 3), made_up(1, 3)
    gains = measure_gains(scorer, long_labels(), [query], [candidate])
    expected = by_hand(model, scorer, query, candidate, long_labels())
    np.testing.assert_allclose(values(gains)[:, 0, 0], expected, atol=1e-4)


def test_orders_and_batches_change_nothing():
    some, candidates = queries(5, 1, 2, 4), [made_up(1, 2), made_up(2, 3)]
    gains = measure_gains(CausalScorer(tiny_causal("gemma2")), long_labels(), some, candidates)
    small = CausalScorer(tiny_causal("gemma2"), batch_pieces=60)
    turned = measure_gains(small, long_labels(), some[::-1], candidates[::-1])
    np.testing.assert_allclose(values(turned)[:, ::-1, ::-1], values(gains), atol=1e-5)
    np.testing.assert_allclose(turned.without[::-1], gains.without, atol=1e-5)


def test_influence_is_never_negative_and_nothing_where_a_candidate_changes_nothing():
    gains = measure_gains(FakeScorer(), FOUR, GA, EN)
    assert gains.influence.min() > -1e-12
    strange = replace(EN[0], words=("a", "b", "c", "d"))
    nothing = measure_gains(FakeScorer(), FOUR, GA, [strange])
    assert np.abs(nothing.influence).max() == np.abs(nothing.gain).max() == 0


def test_what_shows_the_querys_words_with_their_labels_gains():
    query = GA[0]
    same = replace(query, language="en", words=(*query.words, "more"))
    wrong = tuple(replace(item, label=(item.label + 1) % 4) for item in query.items)
    gains = measure_gains(FakeScorer(), FOUR, [query], [same, replace(same, items=wrong)])
    assert gains.gain[0, 0] > 0.5 > 0 > gains.gain[0, 1]
    assert gains.correct[0].tolist() == [1.0, 0.0]


def test_a_query_before_itself_is_nan_and_is_no_misfit():
    other = replace(EN[0], treebank="UD_Other", language="ga", number=9)
    gains = measure_gains(FakeScorer(), FOUR, [other, GA[0]], EN)
    assert np.isnan(values(gains)[:, 0, 0]).all()
    assert np.isnan(values(gains)).sum() == len(QUANTITIES)
    assert np.isfinite(gains.without).all() and gains.misfits == 0


def test_pairs_that_the_context_does_not_hold_are_nan_and_counted():
    """Of 24 tokens, queries take 8 and 18, candidates 8, 16 and 40."""
    wide = [replace(one, words=one.words * times) for one, times in ((GA[1], 2), (EN[1], 2), (EN[2], 5))]
    longer = replace(wide[0], words=(*wide[0].words, "more"))
    gains = measure_gains(FakeScorer(24), FOUR, [GA[0], longer], [EN[0], *wide[1:]])
    np.testing.assert_array_equal(np.isnan(gains.gain), [[False, False, True], [True, True, True]])
    assert gains.misfits == 4
    assert np.isfinite(gains.without).all()


def test_a_query_that_is_too_long_alone_is_refused():
    scorer = CausalScorer(tiny_causal("gemma2"))
    scorer.context_length = 40
    with pytest.raises(UsageError, match="the model's context length is"):
        measure_gains(scorer, long_labels(), [made_up(1, 40)], [made_up(2, 2)])


class Killed(BaseException):
    pass


class Dying(FakeScorer):
    """Is killed at its ``last`` call."""

    def __init__(self, last):
        super().__init__()
        self.left = last

    def score(self, *given, **options):
        self.left -= 1
        if self.left < 0:
            raise Killed
        return super().score(*given, **options)


@pytest.mark.parametrize("last", range(6))
def test_a_killed_run_resumes_and_ends_with_the_same_bytes(tmp_path, last):
    whole = measure_gains(FakeScorer(), FOUR, GA, EN, folder=tmp_path / "whole")
    with pytest.raises(Killed):
        measure_gains(Dying(last), FOUR, GA, EN, folder=tmp_path / "killed")
    scorer = FakeScorer()
    resumed = measure_gains(scorer, FOUR, GA, EN, folder=tmp_path / "killed")
    assert scorer.asked == len(GA) * (1 + len(EN) - last)
    assert (tmp_path / "killed" / LINES).read_bytes() == (tmp_path / "whole" / LINES).read_bytes()
    np.testing.assert_array_equal(values(resumed), values(whole))
    finished = measure_gains(Dying(0), FOUR, GA, EN[::-1], folder=tmp_path / "whole")  # asks nothing
    np.testing.assert_array_equal(finished.gain[:, ::-1], whole.gain)


def test_other_candidates_of_the_same_queries_are_added(tmp_path):
    measure_gains(FakeScorer(), FOUR, GA, EN[:3], folder=tmp_path)
    scorer = FakeScorer()
    more = measure_gains(scorer, FOUR, GA, EN[2:], folder=tmp_path)
    assert scorer.asked == len(GA) * 2
    np.testing.assert_array_equal(values(more), values(measure_gains(FakeScorer(), FOUR, GA, EN[2:])))


def test_a_candidate_with_other_labels_is_another(tmp_path):
    measure_gains(FakeScorer(), FOUR, GA, EN[:1], folder=tmp_path)
    other = replace(EN[0], items=tuple(replace(item, label=0) for item in EN[0].items))
    scorer = FakeScorer()
    measure_gains(scorer, FOUR, GA, [other], folder=tmp_path)
    assert scorer.asked == len(GA)


@pytest.mark.parametrize("cut", [1, 20])
def test_torn_and_damaged_lines_are_measured_again(tmp_path, cut):
    whole = measure_gains(FakeScorer(), FOUR, GA, EN, folder=tmp_path)
    path = tmp_path / LINES
    data = path.read_bytes()
    path.write_bytes(data[:-cut])
    measure_gains(FakeScorer(), FOUR, GA, EN, folder=tmp_path)
    assert path.read_bytes() == data
    lines = data.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], lines[3][:40] + b"A" + lines[3][41:], *lines[4:]]))
    again = measure_gains(FakeScorer(), FOUR, GA, EN, folder=tmp_path)
    np.testing.assert_array_equal(values(again), values(whole))
    assert path.read_bytes() == data


def test_gains_of_another_model_labels_or_queries_are_refused_with_what_differs(tmp_path):
    measure_gains(FakeScorer(), FOUR, GA, EN, folder=tmp_path)
    before = (tmp_path / LINES).read_bytes()
    scorer = FakeScorer()
    scorer.name = "another"
    relabelled = replace(GA[0], items=tuple(replace(item, label=0) for item in GA[0].items))
    shuffled = label_set("shuffled", FOUR.concepts)
    for given, differs in (
        ((scorer, FOUR, GA), "model is 'fake', not 'another'"),
        ((FakeScorer(), shuffled, GA), "labels is"),
        ((FakeScorer(), FOUR, GA[:2]), "queries is"),
        ((FakeScorer(), FOUR, [relabelled, *GA[1:]]), "queries is"),
    ):
        with pytest.raises(LearningError, match=differs):
            measure_gains(*given, EN, folder=tmp_path)
    assert (tmp_path / LINES).read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"my notes\n", b"[1]\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path, data):
    (tmp_path / LINES).write_bytes(data)
    with pytest.raises(LearningError, match=LINES.replace(".", r"\.")):
        measure_gains(FakeScorer(), FOUR, GA, EN, folder=tmp_path)
    assert (tmp_path / LINES).read_bytes() == data


def test_saved_gains_are_loaded_as_they_were(tmp_path):
    gains = measure_gains(FakeScorer(), FOUR, [EN[0], *GA], EN)
    gains.save(tmp_path)
    loaded = Gains.load(tmp_path)
    assert (loaded.queries, loaded.candidates) == (gains.queries, gains.candidates)
    np.testing.assert_array_equal(values(loaded), values(gains))
    np.testing.assert_array_equal(loaded.without, gains.without)
    (tmp_path / "gains.safetensors").write_bytes(b"")
    with pytest.raises(StoreError):
        Gains.load(tmp_path)


def test_the_frame_has_a_row_a_pair():
    gains = measure_gains(FakeScorer(), FOUR, GA, EN)
    frame = gains.frame()
    assert len(frame) == len(GA) * len(EN)
    row = frame[(frame["query"] == 2) & (frame["candidate"] == 1)].iloc[0]
    assert row["gain"] == gains.gain[2, 1] and row["without"] == gains.without[2]
    assert (row["query_language"], row["candidate_language"]) == ("ga", "en")


def test_nothing_to_measure_is_refused():
    for some, candidates, match in (([], EN, "0 queries"), (GA, [], "0 candidates")):
        with pytest.raises(UsageError, match=match):
            measure_gains(FakeScorer(), FOUR, some, candidates)
    with pytest.raises(UsageError, match="nothing is asked"):
        measure_gains(FakeScorer(), FOUR, [replace(GA[0], items=())], EN)
