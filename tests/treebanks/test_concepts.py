"""Tasks and the labels they give to words."""

import numpy as np
import pytest

from concept_align.errors import UsageError
from concept_align.treebanks.concepts import RELATIONS, UPOS, Task, check_task, labels, parse_task, relabel
from concept_align.treebanks.corpus import Corpus

WORDS = [["Dogs", "bark", "."]]
TASKS = (
    "feature:Number",
    "column:XPOS",
    "column:MISC:Gloss",
    "column:LEMMA",
    "column:FEATS",
    "column:DEPREL",
)


@pytest.fixture
def corpus() -> Corpus:
    return Corpus.from_token_lists(
        WORDS,
        upos=[["NOUN", "VERB", "PUNCT"]],
        lemma=[["dog", "bark", "."]],
        xpos=[["NNS", "VBP", None]],
        feats=[["Case=Nom|Number=Plur", "Number=Plur", None]],
        head=[[2, 0, 2]],
        deprel=[["nsubj:pass", "root", "punct"]],
        misc=[["Gloss=Hunde", None, "X=1"]],
    )


@pytest.mark.parametrize(
    ("name", "concepts", "codes"),
    [
        ("upos", UPOS, [7, 15, 12]),
        ("relation", RELATIONS, [26, 34, 32]),
        ("feature:Case", ("Nom",), [0, -1, -1]),
        ("column:XPOS", ("NNS", "VBP"), [0, 1, -1]),
        ("column:MISC:Gloss", ("Hunde",), [0, -1, -1]),
        ("column:FEATS", ("Case=Nom|Number=Plur", "Number=Plur"), [0, 1, -1]),
        ("column:DEPREL", ("nsubj:pass", "punct", "root"), [0, 2, 1]),
        ("column:FORM", (".", "Dogs", "bark"), [1, 2, 0]),
    ],
)
def test_a_task_has_its_concepts_and_gives_words_their_labels(corpus, name, concepts, codes):
    task = parse_task(name, corpus)
    assert task.concepts == concepts
    assert labels(corpus, task).tolist() == codes
    if name in ("upos", "relation"):
        assert parse_task(name) == task


def test_more_concepts_than_sixteen_bits_hold():
    forms = [f"w{n}" for n in range(40_000)]
    corpus = Corpus.from_token_lists([forms])
    task = parse_task("column:FORM", corpus)
    assert [task.concepts[code] for code in labels(corpus, task)] == forms


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("upso", "upos"),
        ("Relation", "relation"),
        ("feature:", "feature:Case"),
        ("column:xpos", "column:XPOS"),
        ("column:HEAD", "column:"),
        ("column:misc:Gloss", "column:MISC:Gloss"),
        ("column:XPOS:a", "column:XPOS"),
        ("column:MISC:a|b", "KEY"),
        ("lemma", "column:LEMMA"),
    ],
)
def test_what_is_no_task_is_refused_with_what_was_meant(name, meant):
    with pytest.raises(UsageError, match="unknown task") as caught:
        check_task(name)
    assert meant in (caught.value.remedy or "")
    assert caught.value.option == "task"


def test_tasks_without_an_inventory_need_the_words():
    with pytest.raises(UsageError, match="those of the data"):
        parse_task("feature:Case")


@pytest.mark.parametrize("name", TASKS)
def test_other_labels_take_their_place_and_nothing_else_changes(corpus, name):
    task = Task(name, ("A", "B"))
    changed = relabel(corpus, task, np.array([1, -1, 0]))
    assert labels(changed, task).tolist() == [1, -1, 0]
    for other in TASKS:
        if other != name and {other, name} != {"feature:Number", "column:FEATS"}:
            same = parse_task(other, corpus)
            assert labels(changed, same).tolist() == labels(corpus, same).tolist()
    assert labels(changed, parse_task("feature:Case", corpus)).tolist() == [0, -1, -1]


def test_labels_that_a_user_gives_are_written(corpus):
    named = corpus.with_labels("column:MISC:NER", ["ANIMAL", None, None])
    assert named.rows(0)[1][9] == "Gloss=Hunde|NER=ANIMAL"
    assert named.rows(0)[3][9] == "X=1"
    again = Corpus.from_conllu(named.to_conllu())
    assert labels(again, parse_task("column:MISC:NER", again)).tolist() == [0, -1, -1]
    assert corpus.with_labels("upos", [None, "X", "X"]).upos.tolist() == [-1, 16, 16]
    with pytest.raises(UsageError, match="2 labels for 3 words"):
        corpus.with_labels("upos", ["X", "X"])
    with pytest.raises(UsageError, match="upos has no 'Noun'"):
        corpus.with_labels("upos", ["Noun", None, None])


def test_a_corpus_says_in_a_line_what_it_is(corpus):
    assert repr(corpus) == "<Corpus token lists, und test: 1 sentences, 3 words>"
