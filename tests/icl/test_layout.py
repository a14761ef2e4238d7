"""Prompts as pieces: what is concatenated is what a tokenizer makes of the whole text."""

from dataclasses import replace

import pytest
from naive_scorer import NaiveScorer
from tiny_models import TOKENIZERS
from tiny_prompts import CONCEPTS, demonstrations, long_labels, made_up, queries, tiny_causal

from concept_align.errors import ModelError
from concept_align.icl.base import ROOT, Item
from concept_align.icl.layout import Layout, build_trie
from concept_align.icl.prompting import filled
from concept_align.icl.wording import TEMPLATES, LabelSet, Template, label_set
from concept_align.models.pieces import PieceCutter


def layout(name, template=TEMPLATES["tagged"]):
    tokenizer = TOKENIZERS[name]()
    return Layout(PieceCutter(tokenizer, name), template), tokenizer.backend_tokenizer


def text_of(sentence, names):
    label = {item.word: "_" + names[item.label] for item in sentence.items}
    tagged = "".join(f" {word}{label.get(place, '')}" for place, word in enumerate(sentence.words))
    return f"Context: {' '.join(sentence.words)}\nTagged:{tagged}"


@pytest.mark.parametrize("name", ["byte_level", "byte_level_nfc", "byte_fallback", "byte_fallback_prefixed"])
def test_parts_together_are_the_pieces_of_the_whole_text(name):
    laid, backend = layout(name)
    labels, found = long_labels(), []
    pieces = laid.trie(labels).pieces
    sentences = [*demonstrations(3), made_up(4, 6, asked=0.5)]
    for number, sentence in enumerate(sentences):
        own = laid.lay(sentence, first=not number)
        found += filled(own, [pieces[item.label] for item in sentence.items])[0] + list(own.tail)
    whole = "\n\n".join(text_of(sentence, labels.names) for sentence in sentences)
    assert backend.decode(found, skip_special_tokens=False) == backend.decode(
        backend.encode(whole, add_special_tokens=False).ids, skip_special_tokens=False
    )
    assert found == backend.encode(whole, add_special_tokens=False).ids


def test_places_are_the_last_pieces_before_the_labels():
    scorer, labels = NaiveScorer(tiny_causal("gemma3")), long_labels()
    pieces = scorer.layout.trie(labels).pieces
    for sentence in demonstrations(3):
        laid = scorer.layout.lay(sentence, first=False)
        ids, places = filled(laid, [pieces[label] for label in laid.labels])
        assert len(places) == len(sentence.items)
        for place, item in zip(places, sentence.items, strict=True):
            assert tuple(ids[place + 1 :][: len(pieces[item.label])]) == pieces[item.label]


def test_room_is_enough_whatever_the_labels():
    scorer, labels = NaiveScorer(tiny_causal("gemma3")), long_labels()
    for query in queries(1, 4, 7):
        longest = max(scorer.layout.trie(labels).pieces, key=len)
        for first in (True, False):
            ids, _ = filled(scorer.layout.lay(query, first=first), [longest] * len(query.items))
            assert len(ids) <= scorer.room(query, labels)


def test_relations_name_the_word_and_its_head():
    laid, backend = layout("byte_level")
    query = replace(made_up(1, 2), words=("sa", "ta"), items=(Item(0, 1, 0), Item(1, ROOT, 1)))
    leads = [backend.decode(list(lead)) for lead in laid.lay(query, first=True).leads]
    assert leads == ["Context: sa ta\nTagged: sa<ta_", " ta<ROOT_"]


def test_what_is_behind_a_label_and_words_not_asked_about_stand_in_the_text():
    laid, backend = layout("byte_level", Template("t", word=" {word}[", unasked=" ({word})", behind="]"))
    query = replace(made_up(1, 3), words=("a", "b", "c"), items=(Item(0, -2, 0), Item(2, -2, 1)))
    own = laid.lay(query, first=True)
    assert [backend.decode(list(lead)) for lead in own.leads] == [
        "Context: a b c\nTagged: a[", "] (b) c["
    ]  # fmt: skip
    assert backend.decode(list(own.tail)) == "]"


def test_the_trie_holds_each_beginning_once_and_is_the_same_in_any_order():
    labels = label_set("tags", ("a", "b", "c", "d"))
    pieces = [(1, 2, 3), (1, 2), (1, 4), (5,)]
    trie = build_trie(labels, pieces, "m")
    assert trie.nodes == ((1,), (1, 2))
    assert trie.ancestors.tolist() == [[True, False], [True, True]]
    assert build_trie(labels, pieces[::-1], "m").nodes == trie.nodes


def test_labels_that_a_tokenizer_cannot_tell_apart_are_refused():
    labels = LabelSet("tags", CONCEPTS[:2], CONCEPTS[:2])
    with pytest.raises(ModelError, match="'ADP' is the same as 'ADJ'"):
        build_trie(labels, [(1,), (1,)], "m")
    with pytest.raises(ModelError, match="'ADJ' is nothing"):
        build_trie(labels, [(), (1,)], "m")
