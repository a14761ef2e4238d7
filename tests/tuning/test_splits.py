import pytest

from concept_align.errors import LearningError, UsageError
from concept_align.tuning.parallel import Parallel, normalised
from concept_align.tuning.splits import split, texts_of


def many(count=60, per_document=3, **more):
    texts = {code: {str(n): f"{code} sentence {n}" for n in range(count)} for code in ("en", "de", "fi")}
    for code, own in more.items():
        texts[code] |= own
    return Parallel.of(texts, documents={str(n): f"d{n // per_document}" for n in range(count)})


def test_ids_documents_and_texts_of_both_parts_are_disjoint():
    parallel = many(de={"0": "Same  Text", "1": "same text", "40": "SAME text", "59": "ｓａｍｅ text"})
    for seed in range(20):
        found = split(parallel, held_out=0.3, seen=["en", "de"], seed=seed)
        assert set(found.train).isdisjoint(found.held_out)
        documents = [{parallel.documents[one] for one in part} for part in (found.train, found.held_out)]
        assert documents[0].isdisjoint(documents[1])
        assert texts_of(parallel, found.train).isdisjoint(texts_of(parallel, found.held_out))
        assert sorted((*found.train, *found.held_out, *found.left_out), key=int) == list(parallel.ids)
        assert 18 <= len(found.held_out) <= 20


def test_a_text_that_is_held_out_in_another_language_is_not_trained_on():
    texts = {"en": {"1": "OK", "2": "Yes", "3": "Rain"}, "de": {"1": "Gut", "2": "OK", "3": "Regen"}}
    parallel = Parallel.of(texts)
    for seed in range(10):
        found = split(parallel, held_out=0.3, seen=["en", "de"], seed=seed)
        held = "3" if "3" in found.held_out else found.held_out[0]
        assert (found.train, found.left_out) == (
            (("1", "2"), ()) if held == "3" else (("3",), ({"1": "2", "2": "1"}[held],))
        )


def test_documents_keep_their_turn_when_others_join():
    few, more = many(60), many(90)
    one = split(few, held_out=0.2, seen=["en", "de"], seed=1)
    two = split(more, held_out=0.2, seen=["en", "de"], seed=1)
    turn = [few.documents[i] for i in one.held_out]
    late = {more.documents[i] for i in two.held_out} - set(turn)
    assert all(int(name[1:]) >= 20 for name in late) or len(two.held_out) > len(one.held_out)
    assert split(few, held_out=0.2, seen=["de", "en"], seed=1).held_out == one.held_out
    assert split(few, held_out=0.2, seen=["en", "de"], seed=2).held_out != one.held_out


def test_languages_that_are_not_tuned_on_are_unseen():
    found = split(many(), held_out=0.0, seen=["de", "en"], seed=0)
    assert (found.seen, found.unseen, found.held_out) == (("de", "en"), ("fi",), ())


@pytest.mark.parametrize(
    ("wrong", "option"),
    [
        ({"held_out": 1.0}, "held_out"),
        ({"held_out": -0.1}, "held_out"),
        ({"held_out": float("nan")}, "held_out"),
        ({"seen": ["en", "en"]}, "langs"),
        ({"seen": []}, "langs"),
        ({"seen": ["en", "sv"]}, "langs"),
    ],
)
def test_impossible_divisions_are_refused(wrong, option):
    with pytest.raises(UsageError) as caught:
        split(many(), **({"held_out": 0.3, "seen": ["en", "de"], "seed": 0} | wrong))
    assert caught.value.option == option


def test_one_document_cannot_be_divided():
    with pytest.raises(LearningError, match="1 documents leave 0 meanings to train on"):
        split(many(30, per_document=30), held_out=0.3, seen=["en", "de"], seed=0)


def test_texts_are_compared_without_case_width_and_spacing():
    assert normalised("Ｓtraße  eins") == normalised("STRASSE eins ")
    assert normalised("eins") != normalised("zwei")
