"""How prompts call the concepts: tags, words, arbitrary symbols, or the tags in the wrong places.

What a model gains from the meaning of labels shows against ``symbols`` (no meaning) and ``shuffled`` (the
wrong meaning; Blevins et al. 2023, arXiv 2211.07830, section 5, ask the same of their label forms).
"""

import string
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from ..errors import UsageError
from ..registration import suggest
from ..seeding import stream
from .base import LabelSet

LabelKind = Literal["tags", "english", "language", "symbols", "shuffled"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)

ENGLISH: dict[str, str] = {
    "ADJ": "adjective", "ADP": "adposition", "ADV": "adverb", "AUX": "auxiliary", "CCONJ": "coordinator",
    "DET": "determiner", "INTJ": "interjection", "NOUN": "noun", "NUM": "numeral", "PART": "particle",
    "PRON": "pronoun", "PROPN": "name", "PUNCT": "punctuation", "SCONJ": "subordinator", "SYM": "symbol",
    "VERB": "verb", "X": "other",
    "acl": "adnominal clause", "advcl": "adverbial clause", "advmod": "adverbial",
    "amod": "adjectival modifier", "appos": "apposition", "aux": "auxiliary verb", "case": "case marker",
    "cc": "coordinating word", "ccomp": "clausal complement", "clf": "classifier", "compound": "compound",
    "conj": "conjunct", "cop": "copula", "csubj": "clausal subject", "dep": "unspecified",
    "det": "article", "discourse": "discourse element", "dislocated": "dislocated",
    "expl": "expletive", "fixed": "fixed expression", "flat": "flat name", "goeswith": "word part",
    "iobj": "indirect object", "list": "list", "mark": "marker", "nmod": "nominal modifier",
    "nsubj": "subject", "nummod": "numeric modifier", "obj": "object", "obl": "oblique",
    "orphan": "orphan", "parataxis": "parataxis", "punct": "punctuation mark",
    "reparandum": "repair", "root": "root", "vocative": "vocative", "xcomp": "open complement",
}  # fmt: skip

_ORDER = ("ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM",
          "PART", "PRON", "PROPN", "PUNCT", "SCONJ", "SYM", "VERB", "X")  # fmt: skip

# The customary school terms; where a language has one term for two classes, a longer one tells them apart.
_WORDS: dict[str, str] = {
    "de": "Adjektiv Adposition Adverb Hilfsverb Konjunktion Artikelwort Interjektion Substantiv Zahlwort "
    "Partikel Pronomen Eigenname Satzzeichen Subjunktion Symbol Verb Sonstiges",
    "fr": "adjectif adposition adverbe auxiliaire coordonnant déterminant interjection nom numéral "
    "particule pronom nom_propre ponctuation subordonnant symbole verbe autre",
    "es": "adjetivo adposición adverbio auxiliar coordinante determinante interjección sustantivo numeral "
    "partícula pronombre nombre_propio puntuación subordinante símbolo verbo otro",
    "it": "aggettivo adposizione avverbio ausiliare coordinante determinante interiezione sostantivo "
    "numerale particella pronome nome_proprio punteggiatura subordinante simbolo verbo altro",
    "pt": "adjetivo adposição advérbio auxiliar coordenante determinante interjeição substantivo numeral "
    "partícula pronome nome_próprio pontuação subordinante símbolo verbo outro",
    "ru": "прилагательное предлог наречие вспомогательный союз определитель междометие существительное "
    "числительное частица местоимение имя пунктуация подчинительный символ глагол другое",
    "tr": "sıfat ilgeç zarf yardımcı bağlaç belirteç ünlem ad sayı parçacık zamir özel_ad noktalama "
    "yan_bağlaç simge eylem diğer",
    "zh": "形容词 介词 副词 助动词 并列连词 限定词 叹词 名词 数词 "
    "助词 代词 专有名词 标点 从属连词 符号 动词 其他",
    "hi": "विशेषण परसर्ग क्रियाविशेषण सहायक समुच्चयबोधक निर्धारक विस्मयादिबोधक संज्ञा संख्या निपात सर्वनाम "
    "व्यक्तिवाचक विराम अधीनस्थ प्रतीक क्रिया अन्य",
    "ar": "صفة حرف_جر ظرف فعل_مساعد حرف_عطف محدد تعجب اسم عدد أداة ضمير اسم_علم ترقيم حرف_ربط رمز فعل آخر",
    "ja": "形容詞 接置詞 副詞 助動詞 等位接続詞 限定詞 感動詞 "
    "名詞 数詞 助詞 代名詞 固有名詞 句読点 従属接続詞 記号 動詞 その他",
    "fi": "adjektiivi adpositio adverbi apuverbi rinnastuskonjunktio määrite huudahdus substantiivi lukusana "
    "partikkeli pronomini erisnimi välimerkki alistuskonjunktio symboli verbi muu",
    "id": "adjektiva adposisi adverbia kata_bantu konjungsi penentu interjeksi nomina numeralia partikel "
    "pronomina nama tanda_baca subordinator simbol verba lainnya",
}

LANGUAGES: tuple[str, ...] = ("en", *_WORDS)


def label_set(kind: str, concepts: Sequence[str], *, language: str | None = None, seed: int = 0) -> LabelSet:
    """Names for ``concepts``, in their order.

    ``tags`` are the concepts' own names, ``english`` words for word classes and relations, ``language`` words
    for word classes in ``language`` (ISO code), ``symbols`` arbitrary letters and ``shuffled`` the tags such
    that none stands for its own concept, both drawn from ``seed``. UsageError where there are no such names.
    """
    concepts = tuple(concepts)
    if len(set(concepts)) != len(concepts) or not concepts:
        raise UsageError("the concepts of a label set must be different, and at least one")
    if kind == "tags":
        names = concepts
    elif kind == "english":
        names = _words(ENGLISH, concepts, "English")
    elif kind == "language":
        names = _words(_of_language(language), concepts, str(language))
    elif kind == "symbols":
        names = _symbols(len(concepts), seed)
    elif kind == "shuffled":
        names = _shuffled(concepts, seed)
    else:
        raise UsageError(f"no labels are called {kind!r}", option="labels", remedy=suggest(kind, LABEL_KINDS))
    return LabelSet(kind, concepts, names)


def _of_language(language: str | None) -> Mapping[str, str]:
    if language is None:
        raise UsageError(
            "labels in the words of a language need one",
            option="labels",
            remedy="name the language",
        )
    words = word_classes(language)
    if words is None:
        raise UsageError(
            f"there are no words for word classes in {language!r}",
            option="labels",
            remedy=f"use english or tags; languages with words: {', '.join(LANGUAGES)}",
        )
    return words


def _words(words: Mapping[str, str], concepts: tuple[str, ...], language: str) -> tuple[str, ...]:
    for concept in concepts:
        if concept not in words:
            raise UsageError(
                f"there is no word for {concept!r} in {language}",
                option="labels",
                remedy="use tags or symbols (words in other languages are of word classes only)",
            )
    return tuple(words[concept] for concept in concepts)


def _symbols(count: int, seed: int) -> tuple[str, ...]:
    """Letters while they last, else pairs of a letter and a digit: short, so that most are one token."""
    pool = list(string.ascii_letters)
    if count > len(pool):
        pool = [letter + digit for letter in string.ascii_letters for digit in string.digits]
    if count > len(pool):
        raise UsageError(f"there are {len(pool)} symbols for {count} concepts", option="labels")
    chosen = stream(seed, "icl-symbols", count).permutation(len(pool))[:count]
    return tuple(pool[place] for place in chosen.tolist())


def _shuffled(concepts: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """A derangement, all equally likely: permutations are drawn until one leaves nothing in its place."""
    if len(concepts) < 2:
        raise UsageError("a single label cannot be shuffled", option="labels")
    rng = stream(seed, "icl-shuffled", len(concepts))
    while True:
        order = rng.permutation(len(concepts)).tolist()
        if all(place != other for place, other in enumerate(order)):
            return tuple(concepts[place] for place in order)


def word_classes(language: str) -> dict[str, str] | None:
    """The 17 word classes in the words of ``language`` (ISO code); None where there are none."""
    if language == "en":
        return {concept: ENGLISH[concept] for concept in _ORDER}
    words = _WORDS.get(language)
    if words is None:
        return None
    return {concept: word.replace("_", " ") for concept, word in zip(_ORDER, words.split(), strict=True)}
