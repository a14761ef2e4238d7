"""Names of the concepts in plain words, for prompts: in English all, in some languages the word classes."""

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


def word_classes(language: str) -> dict[str, str] | None:
    """The 17 word classes in the words of ``language`` (ISO code); None where there are none."""
    if language == "en":
        return {concept: ENGLISH[concept] for concept in _ORDER}
    words = _WORDS.get(language)
    if words is None:
        return None
    return {concept: word.replace("_", " ") for concept, word in zip(_ORDER, words.split(), strict=True)}


LANGUAGES: tuple[str, ...] = ("en", *_WORDS)
