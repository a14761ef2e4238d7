"""Shared and batched scores are those of the plain way, whatever is beside them."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
import zoo
from naive_scorer import NaiveScorer
from tiny_prompts import CONCEPTS, demonstrations, long_labels, made_up, queries, short_labels, tiny_causal

from concept_align.errors import UsageError
from concept_align.icl import scoring
from concept_align.icl.causal import load_causal
from concept_align.icl.config import Feedback
from concept_align.icl.scoring import CachedLoop, CausalScorer
from concept_align.icl.wording import LabelSet

LAYERS = (0, 2, 4)
FEEDBACKS = get_args(Feedback)


def close(ours, theirs, tolerance=1e-5):
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.scores, other.scores, atol=tolerance, rtol=0)
        np.testing.assert_array_equal(mine.predicted, other.predicted)
        assert mine.states.keys() == other.states.keys()
        for layer, states in mine.states.items():
            torch.testing.assert_close(states, other.states[layer], atol=tolerance, rtol=1e-5)


def prompt_of(scorer, some, labels, demos=None):
    demos = demonstrations() if demos is None else demos
    return scorer.prompt(demos, labels, room=max(scorer.room(query, labels) for query in some))


@pytest.mark.parametrize("name", ["gpt2", "qwen2", "gemma2", "gemma3"])
@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_scores_and_states_are_those_of_the_plain_way(name, feedback):
    scorer, some = CausalScorer(tiny_causal(name)), queries()
    assert not scorer.notes
    prompt = prompt_of(scorer, some, long_labels())
    answer = scorer.score(prompt, some, feedback=feedback, layers=LAYERS)
    plain = NaiveScorer(tiny_causal(name)).score(prompt, some, feedback=feedback, layers=LAYERS)
    close(answer, plain)
    assert torch.cat([one.scores for one in answer]).std(1).min() > 1e-3  # labels do differ


@pytest.mark.parametrize("feedback", FEEDBACKS)
@pytest.mark.parametrize("kind", [long_labels, short_labels])
def test_a_loop_with_a_cache_gives_the_same_scores(feedback, kind):
    model, some, labels = tiny_causal("gemma3"), queries(), kind()
    scorer = CausalScorer(model)
    prompt = prompt_of(scorer, some, labels)
    answer = scorer.score(prompt, some, feedback=feedback, layers=LAYERS)
    close(answer, CachedLoop(model).score(prompt, some, feedback=feedback, layers=LAYERS))
    close(answer, NaiveScorer(model).score(prompt, some, feedback=feedback, layers=LAYERS))


def test_a_model_whose_attention_cannot_be_taken_over_is_run_one_query_at_a_time():
    scorer, some = CausalScorer(tiny_causal("bloom")), queries()
    assert "one at a time" in scorer.notes[0]
    prompt = prompt_of(scorer, some, long_labels())
    close(scorer.score(prompt, some), NaiveScorer(tiny_causal("bloom")).score(prompt, some))


@pytest.mark.parametrize("feedback", FEEDBACKS)
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("openai-gpt", "whole prompt"),
        ("mamba", "whole prompt"),
        ("lfm2", "one at a time"),
        ("bloom", "one at a time"),
        ("qwen3_moe", ""),
        ("gemma3", ""),
        ("opt-350m", ""),
    ],
)
def test_a_model_of_any_kind_is_scored_as_in_the_plain_way(name, says, feedback):
    """Without a cache, recurrent, hybrid; experts, images and a projection before the head."""
    model, some = zoo.causal(name), queries(2, 1)
    scorer, layers = CausalScorer(model), (1, model.layers)
    assert (says in scorer.notes[-1]) if says else not any("prompt" in note for note in scorer.notes)
    prompt = prompt_of(scorer, some, long_labels())
    answer = scorer.score(prompt, some, feedback=feedback, layers=layers)
    close(answer, NaiveScorer(model).score(prompt, some, feedback=feedback, layers=layers))
    # The plain way itself is what the whole model says.
    pieces = scorer.layout.trie(prompt.labels).pieces[0]
    one = [*prompt.ids, *scorer.layout.lay(some[0], first=False).leads[0], *pieces]
    with torch.inference_mode():
        logp = model.module(input_ids=torch.tensor([one]), use_cache=False).logits[0].log_softmax(1)
    said = [float(logp[len(one) - len(pieces) + depth - 1, piece]) for depth, piece in enumerate(pieces)]
    assert float(answer[0].scores[0, 0]) == pytest.approx(np.mean(said), abs=1e-4)


@pytest.mark.parametrize("name", ["gpt2", "gemma3"])
@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_without_demonstrations_scores_are_those_of_the_plain_way(name, feedback):
    scorer, some = CausalScorer(tiny_causal(name)), queries(2, 1)
    prompt = prompt_of(scorer, some, long_labels(), demos=[])
    assert prompt.ids == scorer.layout.start
    plain = NaiveScorer(tiny_causal(name)).score(prompt, some, feedback=feedback)
    close(scorer.score(prompt, some, feedback=feedback), plain)
    close(CachedLoop(tiny_causal(name)).score(prompt, some, feedback=feedback), plain)


@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_batches_and_the_order_of_queries_change_nothing(feedback):
    some = queries(5, 1, 2, 7, 3)
    whole = CausalScorer(tiny_causal("gemma3"), batch_pieces=100_000)
    prompt = prompt_of(whole, some, long_labels())
    answer = whole.score(prompt, some, feedback=feedback, layers=LAYERS)
    for pieces in (1, 90, 250):
        few = CausalScorer(tiny_causal("gemma3"), batch_pieces=pieces)
        close(few.score(prompt, some, feedback=feedback, layers=LAYERS), answer)
        close(few.score(prompt, some[::-1], feedback=feedback, layers=LAYERS)[::-1], answer)


@pytest.mark.parametrize("feedback", FEEDBACKS)
def test_the_order_of_labels_changes_nothing(feedback):
    scorer, some, order = CausalScorer(tiny_causal("gemma3")), queries(), [2, 0, 3, 1]
    back = np.argsort(order)

    def other(sentence):
        items = tuple(replace(item, label=int(back[item.label])) for item in sentence.items)
        return replace(sentence, items=items)

    labels = long_labels()
    permuted = LabelSet("tags", *(tuple(CONCEPTS[i] for i in order),) * 2)
    answer = scorer.score(prompt_of(scorer, some, labels), some, feedback=feedback)
    demos = [other(sentence) for sentence in demonstrations()]
    turned = [other(query) for query in some]
    moved = scorer.score(prompt_of(scorer, turned, permuted, demos), turned, feedback=feedback)
    for one, two in zip(answer, moved, strict=True):
        torch.testing.assert_close(one.scores[:, order], two.scores, atol=1e-6, rtol=0)
        np.testing.assert_array_equal(one.predicted, np.array(order)[two.predicted])


def test_of_equal_scores_the_choice_does_not_depend_on_the_order_of_labels():
    trie = CausalScorer(tiny_causal("gemma3")).layout.trie(long_labels())
    turned = type(trie)(trie.pieces[::-1], trie.nodes)
    tied = torch.zeros(1, len(CONCEPTS))
    assert trie.pieces[int(trie.best(tied))] == turned.pieces[int(turned.best(tied))]


def test_gold_labels_fed_back_are_what_later_words_see():
    scorer, query = CausalScorer(tiny_causal("gemma3")), made_up(1, 4, asked=1)
    other = replace(
        query, items=(replace(query.items[0], label=(query.items[0].label + 1) % 4), *query.items[1:])
    )
    prompt = prompt_of(scorer, [query], long_labels())
    first, second = scorer.score(prompt, [query, other], feedback="gold")
    torch.testing.assert_close(first.scores[0], second.scores[0], atol=1e-6, rtol=0)
    assert (first.scores[1:] - second.scores[1:]).abs().max() > 1e-3
    chosen, same = scorer.score(prompt, [query, other])
    close([chosen], [same], 1e-6)  # right labels are not looked at
    own = replace(
        query,
        items=tuple(
            replace(item, label=int(label)) for item, label in zip(query.items, chosen.predicted, strict=True)
        ),
    )
    close(scorer.score(prompt, [own], feedback="gold"), [chosen])


def test_relations_are_scored_as_in_the_plain_way():
    model, some = tiny_causal("gemma3"), queries(3, 2, relational=True)
    scorer = CausalScorer(model)
    prompt = prompt_of(scorer, some, short_labels(), demonstrations(relational=True))
    close(scorer.score(prompt, some), NaiveScorer(model).score(prompt, some))


def test_a_score_is_the_mean_log_probability_of_the_labels_pieces():
    model, labels = tiny_causal("gemma3"), long_labels()
    scorer, query = CausalScorer(model), made_up(1, 1)
    prompt = prompt_of(scorer, [query], labels)
    (answer,) = scorer.score(prompt, [query])
    before = [*prompt.ids, *scorer.layout.lay(query, first=False).leads[0]]
    for label, pieces in enumerate(scorer.layout.trie(labels).pieces):
        with torch.inference_mode():
            logp = model.module(torch.tensor([[*before, *pieces]])).logits[0].log_softmax(1)
        own = [float(logp[len(before) + depth - 1, piece]) for depth, piece in enumerate(pieces)]
        assert float(answer.scores[0, label]) == pytest.approx(np.mean(own), abs=1e-5)


def test_states_are_the_models_own_hidden_states():
    model, query = tiny_causal("gemma2"), made_up(1, 2)
    scorer = CausalScorer(model)
    prompt = prompt_of(scorer, [query], long_labels())
    (answer,) = scorer.score(prompt, [query], layers=range(model.layers + 1))
    ids = [*prompt.ids, *scorer.layout.lay(query, first=False).leads[0]]
    with torch.inference_mode():
        hidden = model.module(torch.tensor([ids]), output_hidden_states=True).hidden_states
    for layer, states in answer.states.items():
        torch.testing.assert_close(states[0], hidden[layer][0, -1], atol=1e-5, rtol=1e-5)


def test_a_prompt_is_read_once_and_never_copied(monkeypatch):
    scorer, some = CausalScorer(tiny_causal("gemma3"), batch_pieces=40), queries()
    prompt, read, reads = prompt_of(scorer, some, long_labels()), scoring.read_prefix, []
    monkeypatch.setattr(scoring, "read_prefix", lambda *given: reads.append(read(*given)) or reads[-1])
    for feedback in FEEDBACKS:
        scorer.score(prompt, some, feedback=feedback)
    assert len(reads) == 1
    for layer in reads[0]._layers:
        assert reads[0].held(layer)[0].shape[1] == len(prompt.ids)
        assert reads[0]._layers[layer][0].shape[0] == 1


def test_a_model_is_left_as_it_was():
    model, some = tiny_causal("gemma3"), queries()
    ids, scorer = torch.tensor([[5, 6, 7]]), CausalScorer(model)
    with torch.inference_mode():
        before, attention = model.module(ids).logits, model.module.config._attn_implementation
        scorer.score(prompt_of(scorer, some, long_labels()), some)
        assert model.module.config._attn_implementation == attention
        assert torch.equal(model.module(ids).logits, before)


def test_demonstrations_that_do_not_fit_are_dropped_and_counted():
    scorer, query, labels = CausalScorer(tiny_causal("gemma3")), made_up(9, 2), long_labels()
    demos = [made_up(1, 2), made_up(2, 40), made_up(3, 2)]
    room = scorer.room(query, labels)
    scorer.context_length = room + 150
    prompt = scorer.prompt(demos, labels, room=room)
    assert [kept.number for kept in prompt.sentences] == [1, 3]
    assert prompt.dropped == 1
    assert len(prompt.ids) + room <= scorer.context_length
    scorer.score(prompt, [query])
    with pytest.raises(UsageError, match="context length is"):
        scorer.score(prompt, [made_up(9, 40)])


def test_the_demonstrations_that_stand_next_to_the_query_are_the_ones_that_are_kept():
    scorer, query, labels = CausalScorer(tiny_causal("gemma3")), made_up(9, 2), long_labels()
    demos = [made_up(number, 3) for number in range(6)]
    room = scorer.room(query, labels)
    scorer.context_length = room + len(scorer.prompt(demos[3:], labels, room=room).ids) + 3
    prompt = scorer.prompt(demos, labels, room=room)
    assert [kept.number for kept in prompt.sentences] == [3, 4, 5]
    assert prompt.dropped == 3


def test_a_query_that_asks_nothing_has_no_answers():
    scorer, query = CausalScorer(tiny_causal("gemma3")), replace(made_up(1, 2), items=())
    prompt = prompt_of(scorer, [query], long_labels())
    nothing, something = scorer.score(prompt, [query, made_up(2, 1)], layers=(1,))
    assert nothing.scores.shape == (0, 4)
    assert nothing.states[1].shape == (0, scorer.dim)
    assert len(something.predicted) == 1
    assert scorer.score(prompt, []) == []


def test_a_layer_the_model_does_not_have_is_refused():
    scorer = CausalScorer(tiny_causal("gemma3"))
    with pytest.raises(UsageError, match="no layer 9"):
        scorer.score(prompt_of(scorer, [made_up(1, 1)], long_labels()), [made_up(1, 1)], layers=(9,))


def test_the_mini_decoder_scores_by_its_tied_head():
    scorer = CausalScorer(load_causal("mini-decoder", device="cpu"))
    assert not scorer.notes
    some = queries(3, 2)
    prompt = prompt_of(scorer, some, long_labels())
    close(scorer.score(prompt, some), CachedLoop(scorer.model).score(prompt, some), 1e-4)
