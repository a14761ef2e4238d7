import random
from collections import Counter

import numpy as np
import pytest

from concept_align.errors import LearningError, UsageError
from concept_align.tuning.controls import derangement, halves
from concept_align.tuning.parallel import Parallel
from concept_align.tuning.sampling import PairRow, PairSampler, TextSampler, hard_negatives, training_texts
from concept_align.tuning.splits import Split, split

LANGUAGES = ("en", "de", "fi", "zh")


def parallel(count=60):
    texts = {code: {str(n): f"{code} word {n} more words" for n in range(count)} for code in LANGUAGES}
    del texts["de"]["3"], texts["fi"]["4"], texts["en"]["5"]
    return Parallel.of(texts, documents={str(n): f"d{n // 4}" for n in range(count)})


def sampler(seen=("en", "de", "fi"), held_out=0.2, **options):
    found = parallel()
    return PairSampler(found, split(found, held_out=held_out, seen=seen, seed=0), **({"seed": 0} | options))


def test_a_step_is_a_function_of_seed_and_step_alone():
    one, two = sampler(), sampler()
    backwards = [two.rows(step, 8) for step in reversed(range(5))][::-1]
    assert [one.rows(step, 8) for step in range(5)] == backwards
    assert one.rows(0, 8) != one.rows(1, 8)
    assert one.rows(0, 8) != sampler(seed=1).rows(0, 8)


def test_each_id_is_once_in_a_batch_and_nothing_held_out_or_unseen_is_ever_drawn():
    found = parallel()
    parts = split(found, held_out=0.2, seen=("en", "de", "fi"), seed=0)
    for control in ("none", "shuffled", "same-language"):
        drawn = PairSampler(found, parts, control=control, seed=0)
        for step in range(30):
            rows = drawn.rows(step, 30)
            assert len({row.id_a for row in rows}) == 30
            assert {i for row in rows for i in (row.id_a, row.id_b)} <= set(parts.train)
            assert {c for row in rows for c in (row.language_a, row.language_b)} <= set(parts.seen)
            first, second = drawn.texts(rows)
            assert all(first) and all(second)


def test_both_languages_are_drawn_anew_in_each_step():
    drawn = sampler()
    seen = Counter((row.language_a, row.language_b) for step in range(200) for row in drawn.rows(step, 10))
    assert set(seen) == {(a, b) for a in ("en", "de", "fi") for b in ("en", "de", "fi") if a != b}
    assert min(seen.values()) > 250  # of 2,000 in 6 kinds
    of_one = {(r.language_a, r.language_b) for s in range(50) for r in drawn.rows(s, 40) if r.id_a == "7"}
    assert len(of_one) != 1


def test_pivot_pairs_have_english_first_and_fixed_ones_never_change():
    assert {row.language_a for row in sampler(pairing="pivot").rows(0, 30)} == {"en"}
    fixed = sampler(pairing="fixed")
    kinds = {}
    for step in range(30):
        for row in fixed.rows(step, 30):
            assert kinds.setdefault(row.id_a, row) == row
    assert len({(row.language_a, row.language_b) for row in kinds.values()}) == 6
    with pytest.raises(UsageError, match="pairs with en"):
        sampler(seen=("de", "fi"), pairing="pivot")


def test_shuffled_pairs_are_always_the_same_wrong_ones():
    drawn = sampler(control="shuffled")
    partner = {}
    for step in range(60):
        for row in drawn.rows(step, 30):
            assert row.id_a != row.id_b and row.language_a != row.language_b
            assert partner.setdefault((row.id_a, row.language_b), row.id_b) == row.id_b
    for language in ("en", "de", "fi"):
        others = [other for (_, code), other in partner.items() if code == language]
        assert len(set(others)) == len(others)
    ids = [str(n) for n in range(9)]
    found = derangement(ids, 0, "de")
    assert sorted(found.values()) == ids and all(a != b for a, b in found.items())
    with pytest.raises(LearningError, match="one training sentence"):
        derangement(["1"], 0, "de")


def test_same_language_pairs_are_the_halves_of_a_sentence():
    drawn = sampler(control="same-language")
    rows = drawn.rows(0, 10)
    assert all(row.id_a == row.id_b and row.language_a == row.language_b for row in rows)
    whole = parallel().texts
    for row, a, b in zip(rows, *drawn.texts(rows), strict=True):
        assert f"{a} {b}" == whole[row.language_a][row.id_a]


def test_halves_are_made_of_whole_letters_and_none_is_empty():
    assert halves("a b c d") == ("a b", "c d")
    assert halves("नमस्तेदुनिया") is not None
    for text in ("नमस्तेदुनिया", "สวัสดีชาวโลก", "e\u0301e\u0301e\u0301", "👩‍👩‍👧x👩‍👩‍👧y"):
        first, second = halves(text)
        assert first + second == text
        assert not second.startswith(("\u0301", "\u200d", "् ", "ी"))
    for short in ("", "a", "a.", "- -", "Hello !"):
        assert halves(short) is None


def test_rows_that_say_the_same_are_no_negatives_of_each_other():
    texts = {
        "en": {"1": "Yes.", "2": "yes. ", "3": "No.", "4": "Well."},
        "de": {"1": "Ja.", "2": "Doch.", "3": "Nein.", "4": "JA."},
    }
    ids = tuple("1234")
    drawn = PairSampler(Parallel.of(texts), Split(ids, (), ("en", "de"), ()), seed=0)
    rows = [PairRow(one, "en", one, "de") for one in ids]
    expected = np.zeros((4, 4), bool)
    expected[0, 1] = expected[1, 0] = True  # equal in English
    expected[0, 3] = expected[3, 0] = True  # equal in German
    assert (drawn.false_negatives(rows) == expected).all()
    mixed = [PairRow("1", "de", "1", "en"), *rows[1:]]
    assert (drawn.false_negatives(mixed) == expected).all()


def test_a_shuffled_pair_is_not_told_from_its_true_translation():
    texts = {code: {one: f"{code} {one}" for one in "123"} for code in ("en", "de")}
    found = Parallel.of(texts)
    drawn = PairSampler(found, Split(tuple("123"), (), ("en", "de"), ()), control="shuffled", seed=0)
    mask = drawn.false_negatives(
        [PairRow("1", "en", "2", "de"), PairRow("2", "en", "3", "de"), PairRow("3", "en", "1", "de")]
    )
    assert (mask == ~np.eye(3, dtype=bool)).all()


def test_hard_negatives_are_of_the_same_document_first_and_then_the_nearest():
    drawn = sampler(negatives="hard:5")
    rows = drawn.rows(0, 10)
    documents, texts = parallel().documents, parallel().texts
    nearest = {row.id_b: list(drawn.ids[-9:]) for row in rows}
    for row, found in zip(rows, drawn.hard(rows, 0, nearest), strict=True):
        assert len(set(found)) == 5 and row.id_b not in found
        assert all(one in texts[row.language_b] for one in found)
        same = [one for one in drawn.ids if documents[one] == documents[row.id_b] and one != row.id_b]
        same = [one for one in same if one in texts[row.language_b]]
        assert set(found[: len(same)]) == set(same)
        assert set(found[len(same) :]) <= set(drawn.ids[-9:]) | set(same)
    assert drawn.hard(rows, 0) == drawn.hard(rows, 0)
    with pytest.raises(LearningError, match="hard negatives, but"):
        sampler(negatives="hard:500").hard(rows, 0)
    assert [hard_negatives(kind) for kind in ("other", "both", "hard:12")] == [0, 0, 12]
    for wrong in ("hard", "hard:", "hard:0", "hard:-1", "hard:x", "hard:²", "all"):
        with pytest.raises(UsageError, match="negatives"):
            hard_negatives(wrong)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(LearningError, match=r"batches of 100 pairs, but \d+ training sentences"):
        sampler().rows(0, 100)
    with pytest.raises(LearningError, match="makes a pair in en"):
        sampler(seen=("en",))
    for option in ("pairing", "control"):
        with pytest.raises(UsageError, match=f"{option}: 'x' is unknown"):
            sampler(**{option: "x"})


def test_texts_of_every_language_are_drawn_as_often_as_others():
    drawn = TextSampler({"en": ["a"], "de": ["b"] * 1000}, seed=0)
    rows = [row for step in range(100) for row in drawn.rows(step, 10)]
    assert 420 < Counter(rows)[("en", "a")] < 580
    assert drawn.rows(3, 10) == TextSampler({"en": ["a"], "de": ["b"] * 1000}, seed=0).rows(3, 10)
    for wrong in ({}, {"en": []}):
        with pytest.raises(LearningError, match="no texts"):
            TextSampler(wrong, seed=0)


def test_texts_to_be_kept_in_mind_are_training_texts_of_seen_languages():
    found = parallel()
    parts = split(found, held_out=0.2, seen=("en", "de"), seed=0)
    texts = training_texts(found, parts)
    assert set(texts) == {"en", "de"}
    assert set(texts["de"]) == {found.texts["de"][one] for one in parts.train if one in found.texts["de"]}


def test_drawing_leaves_the_generators_of_other_code_alone_and_gives_exactly_what_is_asked_for():
    before = random.getstate(), np.random.get_state()[1].tolist()  # noqa: NPY002
    drawn, texts = sampler(), TextSampler({"en": ["a", "b"]}, seed=0)
    for count in (1, 7, len(drawn.ids)):
        assert len(drawn.rows(0, count)) == len(texts.rows(0, count)) == count
    assert before == (random.getstate(), np.random.get_state()[1].tolist())  # noqa: NPY002
