"""Greedy texts: as transformers writes them, alone as in batches, confined to a trie."""

import copy

import numpy as np
import pytest
import torch
from tiny_prompts import tiny_causal

from concept_align.errors import ModelError, UsageError
from concept_align.icl.causal import load_causal
from concept_align.icl.tasks.choosing import choice_scores
from concept_align.icl.tasks.generating import AnswerTrie, FreeWriting, line_ends, written
from concept_align.icl.tasks.texts import TextReader

SHOWN = "The young man sold his old car in London. The woman reads a book in the garden. "
BEGINNINGS = [SHOWN + end for end in ("Der junge Mann verkaufte sein", "She opened the", "The", "La casa è")]


@pytest.fixture(scope="module")
def reader():
    return TextReader(load_causal("mini-decoder"))


def test_a_text_is_what_transformers_writes_greedily(reader):
    model = reader.model
    for beginning, text in zip(BEGINNINGS, written(reader, BEGINNINGS, max_tokens=10), strict=True):
        (ids,) = reader.beginnings([beginning])
        with model.running():
            out = model.module.generate(
                torch.tensor([ids]), do_sample=False, max_new_tokens=10, use_cache=True
            )
        assert model.tokenizer.decode(out[0][len(ids) :], skip_special_tokens=True).strip() == text


def test_batches_write_what_is_written_alone_and_without_a_cache(reader):
    together = written(reader, BEGINNINGS, max_tokens=8)
    assert together == [written(reader, [one], max_tokens=8)[0] for one in BEGINNINGS]
    anew = copy.copy(reader)
    anew.shares = False
    assert together == written(anew, BEGINNINGS, max_tokens=8)
    assert len(set(together)) > 1


def test_candidates_of_one_token_are_chosen_as_by_their_likelihood(reader):
    candidates = [" man", " car", " not", " you"]
    for one in candidates:
        assert len(reader.model.cutter.inside(one)) == 1
    scores = choice_scores(reader, BEGINNINGS, [candidates] * len(BEGINNINGS))
    best = [candidates[int(np.argmax(own))] for own in scores]
    assert written(reader, BEGINNINGS, max_tokens=8, candidates=candidates) == best


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_candidates_of_several_tokens_are_followed_greedily_token_by_token(name):
    reader = TextReader(tiny_causal(name))
    model = reader.model
    candidates = [" abd", " abei", " de", " dab", " i"]
    beginnings = ["abd", "eiab", "dd ab"]
    tokens = {one: model.cutter.inside(one) for one in candidates}
    for beginning, chosen in zip(
        beginnings, written(reader, beginnings, max_tokens=4, candidates=candidates), strict=True
    ):
        (ids,) = reader.beginnings([beginning])
        said: tuple[int, ...] = ()
        while said not in tokens.values():
            with model.running():
                logits = model.module(torch.tensor([[*ids, *said]])).logits[0, -1]
            after = {own[len(said)] for own in tokens.values() if own[: len(said)] == said}
            said = (*said, max(after, key=lambda token: float(logits[token])))
        assert tokens[chosen] == said


def test_an_answer_that_begins_another_can_end(reader):
    trie = AnswerTrie.of(reader.model, [" house", " house in the garden"])
    assert trie.depth() > 1
    found = written(reader, BEGINNINGS, max_tokens=8, candidates=[" house", " house in the garden"])
    assert set(found) <= {" house", " house in the garden"}
    assert reader.model.tokenizer.eos_token_id in line_ends(reader.model)


def test_a_text_ends_with_its_line():
    class Letters:
        eos_token_id = 9

        def decode(self, ids, skip_special_tokens=False):
            return "".join("abc\n"[one] for one in ids)

    class Lettered:
        module, tokenizer = None, Letters()

    one = FreeWriting(Lettered(), most=8)
    for token in (0, 1, 3):
        assert not one.over
        one.next(torch.nn.functional.one_hot(torch.tensor(token), 10).float())
    assert (one.text, one.over) == ("ab", True)
    other = FreeWriting(Lettered(), most=8)
    other.next(torch.nn.functional.one_hot(torch.tensor(9), 10).float())
    assert (other.text, other.over) == ("", True)


def test_what_does_not_fit_and_an_empty_set_are_refused(reader):
    with pytest.raises(ModelError, match="context length"):
        written(reader, ["The house"], max_tokens=reader.model.max_pieces)
    with pytest.raises(UsageError, match="no answer to choose from"):
        written(reader, ["The house"], max_tokens=4, candidates=[])
