"""Names of concepts: all different, in the concepts' order, and wrong on purpose where asked."""

import pytest

from concept_align.errors import UsageError
from concept_align.icl.wording import ENGLISH, LANGUAGES, label_set, word_classes
from concept_align.treebanks.concepts import RELATIONS, UPOS


@pytest.mark.parametrize("kind", ["tags", "english", "symbols", "shuffled"])
@pytest.mark.parametrize("concepts", [UPOS, RELATIONS])
def test_no_two_concepts_have_the_same_name(kind, concepts):
    labels = label_set(kind, concepts, seed=3)
    assert labels.concepts == concepts
    assert len({name.casefold() if kind == "english" else name for name in labels.names}) == len(concepts)
    assert all(name.strip() == name and name for name in labels.names)


@pytest.mark.parametrize("language", LANGUAGES)
def test_word_classes_have_different_names_in_each_language(language):
    names = label_set("language", UPOS, language=language).names
    assert len(set(names)) == len(UPOS)
    assert not set(names) & set(UPOS)


def test_the_languages_that_demonstrations_are_often_in_have_words():
    assert {"en", "de", "fr", "es", "ru", "tr", "zh", "hi", "ar", "ja", "fi", "id"} <= set(LANGUAGES)
    assert word_classes("fr")["PROPN"] == "nom propre"


def test_english_words_differ_over_both_tasks():
    assert set(ENGLISH) == {*UPOS, *RELATIONS}
    assert len(set(ENGLISH.values())) == len(ENGLISH)


@pytest.mark.parametrize("concepts", [UPOS, RELATIONS, ("a", "b")])
def test_shuffled_labels_leave_no_concept_its_own_name(concepts):
    drawn = {label_set("shuffled", concepts, seed=seed).names for seed in range(30)}
    for names in drawn:
        assert sorted(names) == sorted(concepts)
        assert all(name != concept for name, concept in zip(names, concepts, strict=True))
    assert len(drawn) > 20 or len(concepts) == 2


def test_the_seed_decides_symbols():
    assert label_set("symbols", UPOS, seed=1) == label_set("symbols", UPOS, seed=1)
    assert label_set("symbols", UPOS, seed=1) != label_set("symbols", UPOS, seed=2)
    assert len(set(label_set("symbols", [f"c{i}" for i in range(200)]).names)) == 200


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "language", "concepts": UPOS}, "need one"),
        ({"kind": "language", "concepts": UPOS, "language": "cy"}, "no words for word classes in 'cy'"),
        ({"kind": "language", "concepts": RELATIONS, "language": "de"}, "no word for 'acl' in de"),
        ({"kind": "english", "concepts": ("Nom",)}, "no word for 'Nom'"),
        ({"kind": "tag", "concepts": UPOS}, "no labels are called 'tag'"),
        ({"kind": "shuffled", "concepts": ("a",)}, "single label"),
        ({"kind": "tags", "concepts": ("a", "a")}, "different"),
    ],
)
def test_labels_that_cannot_be_had_are_refused(given, message):
    with pytest.raises(UsageError, match=message):
        label_set(**given)
