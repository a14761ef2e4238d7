"""Items of prompts are the items of the features of the same corpus."""

from pathlib import Path

import numpy as np
import pytest

from concept_align.icl.base import NO_HEAD, ROOT, tagged_sentences
from concept_align.spaces.represent import START, select_items
from concept_align.treebanks.concepts import parse_task
from concept_align.treebanks.conllu import read

FRENCH = Path(__file__).parents[2] / "ud_data" / "mini" / "UD_French-Mini" / "fr_mini-ud-test.conllu"


@pytest.fixture(scope="module")
def corpus():
    return read(FRENCH)


@pytest.mark.parametrize("task", ["upos", "relation", "feature:Number"])
@pytest.mark.parametrize("mwt", ["share", "first", "skip"])
def test_items_agree_with_those_of_features(corpus, task, mwt):
    asked = parse_task(task, corpus)
    items = select_items(corpus, asked, root="start", mwt=mwt)
    sentences = tagged_sentences(corpus, asked, mwt=mwt)
    first = [int(corpus.offsets[sentence.number]) for sentence in sentences for _ in sentence.items]
    found = [item for sentence in sentences for item in sentence.items]
    np.testing.assert_array_equal(np.add(first, [item.word for item in found]), items.rows)
    np.testing.assert_array_equal([item.label for item in found], items.y)
    if asked.relational:
        own = [START if item.head == ROOT else at + item.head for at, item in zip(first, found, strict=True)]
        np.testing.assert_array_equal(own, items.heads)
        assert any(item.head == ROOT for item in found)
    else:
        assert {item.head for item in found} == {NO_HEAD}


def test_sentences_are_those_of_the_treebank(corpus):
    sentence = tagged_sentences(corpus, parse_task("upos"))[1]
    assert (sentence.treebank, sentence.language) == ("UD_French-Mini", "fr")
    assert sentence.words == corpus.sentence(sentence.number).forms


def test_long_sentences_and_those_beyond_the_limit_are_left_out(corpus):
    task = parse_task("upos")
    every = tagged_sentences(corpus, task)
    longest = sorted(len(sentence.words) for sentence in every)[len(every) // 2]
    short = tagged_sentences(corpus, task, longest=longest)
    assert short == [sentence for sentence in every if len(sentence.words) <= longest]
    assert tagged_sentences(corpus, task, longest=longest, limit=2) == short[:2]


def test_roots_can_be_left_out(corpus):
    sentences = tagged_sentences(corpus, parse_task("relation"), root="exclude")
    assert all(item.head != ROOT for sentence in sentences for item in sentence.items)
