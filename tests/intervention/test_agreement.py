"""Minimal pairs: a twin is another form of the same lemma, and surely wrong where it stands."""

import numpy as np
import pytest
from toy_conllu import word

from concept_align.errors import UsageError
from concept_align.intervention.agreement import KINDS, AgreementRules, agreement_pairs
from concept_align.treebanks import conllu
from concept_align.treebanks.corpus import Corpus
from concept_align.treebanks.discover import find_treebanks

EASY = AgreementRules(observed=1, found=1)
MANY = "Number=Plur"
ONE = "Number=Sing"


def sentence(text: str, *words: str) -> str:
    return "\n".join([f"# sent_id = {text}", f"# text = {text}", *words]) + "\n"


def noun(form: str, number: str, lemma: str = "hundo", head: int = 2, deprel: str = "nsubj") -> str:
    return word(1, form, "NOUN", head, lemma=lemma, feats=number, deprel=deprel)


def verb(form: str, number: str, lemma: str = "boji", **more: str) -> str:
    return word(2, form, "VERB", 0, lemma=lemma, feats=f"{number}|VerbForm=Fin", **more)


def two(subject: str, subject_number: str, form: str, number: str, **more: str) -> str:
    return sentence(f"{subject} {form}", noun(subject, subject_number), verb(form, number, **more))


TRAIN = [two("hundo", ONE, "bojas", ONE), two("hundoj", MANY, "bojaj", MANY)]


def corpus(sentences: list[str], split: str) -> Corpus:
    return Corpus.from_conllu("\n".join(sentences) + "\n", treebank="toy", language="xx", split=split)


def pairs(test: list[str], train: list[str] = TRAIN, rules: AgreementRules = EASY, **more: object):
    return agreement_pairs([corpus(train, "train"), corpus(test, "test")], rules=rules, **more)


def test_a_verb_gets_the_attested_form_of_the_other_number():
    found = pairs([two("hundo", ONE, "bojas", ONE), two("hundoj", MANY, "bojaj", MANY)])
    assert found.frame().to_dict("list") == {
        "sentence": [0, 1],
        "word": [1, 1],
        "form": ["bojas", "bojaj"],
        "twin": ["bojaj", "bojas"],
        "relation": ["subject-verb"] * 2,
        "feature": ["Number"] * 2,
        "value": ["Sing", "Plur"],
        "twin_value": ["Plur", "Sing"],
    }
    assert found.twin_texts == ("hundo bojaj", "hundoj bojas")
    assert set(found.kinds) == {"subject-verb Number"} <= {*KINDS}


def test_twins_stand_where_the_form_stood_and_later_words_move():
    longer = sentence(
        "Hundo boj.", noun("Hundo", ONE), verb("boj", ONE, misc="SpaceAfter=No"),
        word(3, ".", "PUNCT", 2, deprel="punct"),
    )  # fmt: skip
    found = pairs([longer], [*TRAIN, two("hundo", ONE, "boj", ONE)])
    assert found.twin_texts == ("Hundo bojaj.",)
    (spans,), (text,) = found.twin_spans, found.twin_texts
    assert [text[a:b] for a, b in spans.tolist()] == ["Hundo", "bojaj", "."]
    assert [found.texts[0][a:b] for a, b in found.spans[0].tolist()] == ["Hundo", "boj", "."]


@pytest.mark.parametrize(
    ("form", "twin"), [("bojas", "bojaj"), ("Bojas", "Bojaj"), ("BOJAS", "BOJAJ"), ("bOjas", None)]
)
def test_a_twin_is_cased_as_the_form(form, twin):
    assert pairs([two("hundo", ONE, form, ONE)]).twin == ((twin,) if twin else ())


@pytest.mark.parametrize(
    "doubt",
    [
        two("hundo", ONE, "bojaj", ONE),  # the twin is attested with the value that is due
        two("hundoj", MANY, "bojas", MANY),  # the form with that of the twin
        two("hundo", MANY, "saltaj", MANY),  # the controller with another number
        sentence("hundo bojaj", noun("hundo", ONE), verb("bojaj", "Mood=Ind")),  # a form lacks the feature
    ],
)
def test_what_may_be_right_is_left_out(doubt):
    test = [two("hundo", ONE, "bojas", ONE)]
    assert len(pairs(test)) == 1
    assert len(pairs(test, [*TRAIN, doubt], AgreementRules(share=0, observed=1, found=1))) == 0


def test_a_form_of_another_tense_is_no_twin():
    past = [two("hundo", ONE, "bojas", ONE), two("hundoj", MANY, "bojis", f"{MANY}|Tense=Past")]
    assert len(pairs([two("hundo", ONE, "bojas", ONE)], past)) == 0


def test_words_of_multiword_tokens_are_left_out():
    fused = sentence(
        "hundobojas", word("1-2", "hundobojas", "_", "_", deprel="_"), noun("hundo", ONE), verb("bojas", ONE)
    )
    assert len(pairs([fused])) == 0


def test_coordinated_subjects_and_those_in_another_case_do_not_count():
    both = [
        noun("hundo", ONE, head=2), verb("bojas", ONE),
        word(3, "katoj", "NOUN", 1, lemma="kato", feats=MANY, deprel="conj"),
    ]  # fmt: skip
    assert len(pairs([sentence("hundo bojas katoj", *both)])) == 0
    partitive = sentence("hundo bojas", noun("hundo", f"Case=Par|{ONE}"), verb("bojas", ONE))
    assert len(pairs([partitive], [*TRAIN, partitive])) == 0


def test_a_copula_agrees_with_the_subject_of_its_predicate():
    def nominal(subject, copula, number):
        be = word(2, copula, "AUX", 3, lemma="esti", feats=f"{number}|VerbForm=Fin", deprel="cop")
        return sentence(
            f"{subject} {copula} besto", noun(subject, number, head=3), be, word(3, "besto", "NOUN", 0)
        )

    train = [nominal("hundo", "estas", ONE), nominal("hundoj", "estaj", MANY)]
    assert pairs([nominal("hundo", "estas", ONE)], train).twin == ("estaj",)


def russian(adjective: str, noun: str, feats: str, of_noun: str) -> str:
    one = word(1, adjective, "ADJ", 2, lemma="новый", feats=feats, deprel="amod")
    return sentence(f"{adjective} {noun}", one, word(2, noun, "NOUN", 0, lemma=noun, feats=of_noun))


def test_plurals_may_lack_gender_and_get_that_of_their_noun():
    train = [
        russian("новый", "дом", "Gender=Masc|Number=Sing", "Gender=Masc|Number=Sing"),
        russian("новая", "книга", "Gender=Fem|Number=Sing", "Gender=Fem|Number=Sing"),
        russian("новые", "книги", "Number=Plur", "Gender=Fem|Number=Plur"),
    ]
    found = pairs(train, train).frame()
    number = found[found.feature == "Number"]
    assert [*zip(number.form, number.twin, strict=True)] == [
        ("новый", "новые"), ("новая", "новые"), ("новые", "новая"),
    ]  # fmt: skip
    gender = found[found.feature == "Gender"]
    assert [*zip(gender.form, gender.twin, strict=True)] == [("новый", "новая"), ("новая", "новый")]


def test_a_relation_that_does_not_hold_is_not_used_and_says_so():
    train = [*TRAIN, two("hundoj", MANY, "saltas", ONE)]
    found = pairs([two("hundo", ONE, "bojas", ONE)], train)
    (count,) = [one for one in found.counts if one.relation == "subject-verb" and one.feature == "Number"]
    assert (count.observed, count.agreeing, len(found)) == (3, 2, 0)
    assert count.why_not == "2 of 3 pairs of words agree in training, less than 95%"


def test_draws_are_capped_repeatable_and_differ_by_seed():
    test = [two("hundo", ONE, "bojas", ONE)] * 40
    rules = AgreementRules(observed=1, found=40, most=10)
    one, again, other = (pairs(test, rules=rules, seed=seed).sentence for seed in (0, 0, 1))
    assert len(one) == 10
    np.testing.assert_array_equal(one, again)
    assert one.tolist() == sorted(one) != other.tolist()
    assert len(pairs(test, rules=AgreementRules(observed=1, found=41))) == 0


def test_only_the_sentences_asked_for_are_drawn_from():
    test = [two("hundo", ONE, "bojas", ONE)] * 5
    assert pairs(test, sentences=[3, 1]).sentence.tolist() == [1, 3]
    assert pairs(test, sentences=np.arange(5) == 2).sentence.tolist() == [2]
    with pytest.raises(UsageError, match=r"sentences 5\.\.5 of a corpus of 5"):
        pairs(test, sentences=[5])


def test_the_split_must_be_there_once():
    train = corpus(TRAIN, "train")
    with pytest.raises(UsageError, match="0 corpora of the split test"):
        agreement_pairs([train])
    with pytest.raises(UsageError, match="splits train, train"):
        agreement_pairs([train, train], split="train")


def test_mini_treebanks_give_pairs_that_differ_in_one_word():
    for language in ("es", "pt", "fi"):
        corpora = [conllu.read(file.path) for file in find_treebanks("mini", [language])]
        found = agreement_pairs(corpora, rules=EASY)
        assert len(found)
        for place in range(len(found)):
            begin, end = found.spans[place][found.word[place]]
            text, twin = found.texts[place], found.twin_texts[place]
            assert text[begin:end] == found.form[place] != found.twin[place]
            assert twin == text[:begin] + found.twin[place] + text[end:]
