import pytest

from concept_align.errors import ConceptAlignError, UsageError
from concept_align.tuning.parallel import Parallel


def three() -> Parallel:
    texts = {
        "en": {"1": "Dogs bark.", "2": "It rains.", "3": " "},
        "de": {"2": "Es regnet.", "1": "Hunde bellen."},
        "fi": {"3": "Kissa nukkuu.", "2": "Sataa."},
    }
    return Parallel.of(texts, documents={"1": "a", "2": "a"})


def test_a_missing_translation_is_absent_and_never_empty():
    found = three()
    assert "3" not in found.texts["en"]
    assert all(text for own in found.texts.values() for text in own.values())
    assert found.pairs("en", "fi") == ("2",)
    assert found.pairs("de", "fi") == found.pairs("fi", "de") == ("2",)


def test_texts_are_in_normal_form_c_without_white_space_around_them():
    found = Parallel.of({"fr": {"1": " e\u0301te\u0301\u3000"}, "en": {"1": "\u00a0summer\n"}})
    assert (found.texts["fr"]["1"], found.texts["en"]["1"]) == ("été", "summer")


def test_what_cannot_be_seen_is_no_text():
    found = Parallel.of({"fr": {"1": "été", "2": "\u200b\ufeff"}, "en": {"1": "summer", "2": "x"}})
    assert found.pairs("fr", "en") == ("1",)


def test_the_digest_knows_texts_documents_and_the_order_of_ids():
    a = Parallel.of({"en": {"1": "a", "2": "b"}, "de": {"1": "c", "2": "d"}})
    b = Parallel.of({"de": {"1": "c", "2": "d"}, "en": {"2": "b", "1": "a"}}, source="elsewhere")
    assert a.digest == b.digest
    turned = Parallel.of({"en": {"2": "b", "1": "a"}, "de": {"1": "c", "2": "d"}})
    assert turned.digest != a.digest  # other pairs would be drawn
    other_text = Parallel.of({"en": {"1": "a", "2": "b"}, "de": {"1": "c", "2": "e"}})
    other_document = Parallel.of(
        {"en": {"1": "a", "2": "b"}, "de": {"1": "c", "2": "d"}}, documents={"1": "x", "2": "x"}
    )
    assert len({a.digest, other_text.digest, other_document.digest}) == 3


def test_languages_can_be_chosen():
    found = three().only(["fi", "en"])
    assert found.languages == ("fi", "en")
    assert found.ids == ("1", "2", "3")
    assert three().only(["de"]).ids == ("1", "2")
    assert found.documents == {"1": "a", "2": "a", "3": "3"}
    with pytest.raises(UsageError, match="no texts in 'sv'"):
        found.only(["sv"])


def test_texts_that_share_no_id_and_halves_of_characters_are_refused():
    with pytest.raises(UsageError, match="in two languages"):
        Parallel.of({"en": {"1": "a"}, "de": {"2": "b"}})
    with pytest.raises(UsageError, match="half of a character"):
        Parallel.of({"en": {"1": "a\ud800"}, "de": {"1": "b"}})


def test_errors_name_the_place():
    with pytest.raises(ConceptAlignError, match=r"table\.tsv"):
        Parallel.of({"en": {"1": "a"}}, source="table.tsv")
