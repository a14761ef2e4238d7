"""Which words of a treebank agree with which, and which forms its lemmas have.

A verb agrees with the subject of its clause, a determiner and an adjective with the noun they describe.
Forms are those that the treebank attests, in small letters.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..treebanks.concepts import RELATIONS, UPOS
from ..treebanks.corpus import Corpus

# What agrees with what: the word that changes is named second.
SUBJECT, DETERMINER, ADJECTIVE = "subject-verb", "noun-determiner", "noun-adjective"
FEATURES = ("Number", "Gender")
# Features that a form may lack where its twin has them: Russian plurals have no gender.
_MAY_LACK = ("Gender", "Animacy")
_CHANGING = ("VERB", "AUX", "DET", "ADJ")
_ELIDED = "'’ʼ"  # what stands for letters that the next word takes away: another form goes with another word
Feats = Mapping[str, str]


@dataclass(frozen=True, eq=False)
class TreebankWords:
    """What is asked of a corpus: its forms in small letters, its lemmas, its features taken apart."""

    corpus: Corpus
    small: list[str]
    feats: list[Feats]  # of feats_names
    sentence: NDArray[np.int64]
    head: NDArray[np.int64]  # its place in the corpus, -1 where there is none
    lemmas: list[str]

    @classmethod
    def of(cls, corpus: Corpus) -> "TreebankWords":
        lengths = np.diff(corpus.offsets)
        sentence = np.repeat(np.arange(corpus.sents), lengths)
        head = np.where(corpus.heads > 0, corpus.offsets[sentence] + corpus.heads - 1, -1)
        feats: list[Feats] = [
            dict(pair.split("=", 1) for pair in names.split("|") if "=" in pair)
            for names in corpus.feats_names
        ]
        column = corpus.column("LEMMA")
        lemmas = [column.names[code] for code in column.codes.tolist()]
        small = [form.lower() for form in corpus.forms]
        return cls(corpus, small, feats, sentence, head.astype(np.int64), lemmas)

    def value(self, word: int, feature: str) -> str:
        """Its value, "" where it has none or several at once."""
        found = self.feats[int(self.corpus.feats[word])].get(feature, "")
        return "" if "," in found else found

    def controllers(self, relation: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The words that agree in ``relation``, and the word that each agrees with.

        Controllers with a conjunct are left out (*Anna and Tom sleep*), and subjects that have a case which
        is not the nominative: Finnish partitives and Hindi ergatives agree with no verb.
        """
        corpus, head = self.corpus, self.head
        upos, label = corpus.upos, corpus.relations
        has_conjunct = np.zeros(corpus.words, bool)
        has_conjunct[head[(label == RELATIONS.index("conj")) & (head >= 0)]] = True
        if relation == SUBJECT:
            subjects = np.flatnonzero((label == RELATIONS.index("nsubj")) & (head >= 0) & self._inner())
            nominative = self._says("Case", "Nom")[subjects]
            number = np.bincount(head[subjects], minlength=corpus.words)
            controller = np.full(corpus.words, -1)
            controller[head[subjects]] = subjects
            controller[number != 1] = -1
            controller[head[subjects[~nominative]]] = -1
            helping = np.isin(label, [RELATIONS.index("aux"), RELATIONS.index("cop")]) & (head >= 0)
            # Participles may agree with an object.
            verbal = np.isin(upos, [UPOS.index("VERB"), UPOS.index("AUX")]) & self._says("VerbForm", "Fin")
            # An auxiliary and a copula stand below the predicate that has the subject.
            agreed = np.where(helping, controller[head], controller)
        else:
            name, word_class = ("det", "DET") if relation == DETERMINER else ("amod", "ADJ")
            nominal = np.isin(upos, [UPOS.index("NOUN"), UPOS.index("PROPN")])
            verbal = (label == RELATIONS.index(name)) & (upos == UPOS.index(word_class)) & (head >= 0)
            agreed = np.where(verbal & nominal[head], head, -1)
        words = np.flatnonzero(verbal & (agreed >= 0) & ~has_conjunct[agreed])
        return words, agreed[words]

    def _inner(self) -> NDArray[np.bool_]:
        outer = [code for code, name in enumerate(self.corpus.subtype_names) if name == "outer"]
        return ~np.isin(self.corpus.subtypes, outer)

    def _says(self, feature: str, value: str) -> NDArray[np.bool_]:
        """[words] where the ``feature`` is ``value``, or is not annotated."""
        fits = np.array([own.get(feature, value) == value for own in self.feats])
        return np.asarray(fits[self.corpus.feats])


@dataclass(frozen=True, eq=False)
class AttestedForms:
    """Which forms a treebank attests, in small letters.

    ``paradigm`` holds the forms of each lemma and word class with their features, the most frequent first.
    """

    values: Mapping[str, Mapping[str, set[str]]]  # by feature and form
    bare: Mapping[str, set[tuple[str, str, int]]]  # by feature: (form, lemma, word class) without it
    paradigm: Mapping[tuple[str, int], list[tuple[str, Feats]]]

    @classmethod
    def of(cls, corpora: Iterable[TreebankWords]) -> "AttestedForms":
        values: dict[str, dict[str, set[str]]] = {name: defaultdict(set) for name in FEATURES}
        bare: dict[str, set[tuple[str, str, int]]] = {name: set() for name in FEATURES}
        counted: dict[tuple[str, int], Counter[tuple[str, tuple[tuple[str, str], ...]]]] = defaultdict(
            Counter
        )
        changing = {UPOS.index(name) for name in _CHANGING}
        for words in corpora:
            corpus = words.corpus
            keys = zip(words.small, words.lemmas, corpus.upos.tolist(), corpus.feats.tolist(), strict=True)
            for (form, lemma, upos, code), times in Counter(keys).items():
                own = words.feats[code]
                for name in FEATURES:
                    if name in own:
                        values[name][form].update(own[name].split(","))
                    else:
                        bare[name].add((form, lemma, upos))
                if upos in changing and lemma and own:
                    counted[lemma, upos][form, tuple(sorted(own.items()))] += times
        paradigm: dict[tuple[str, int], list[tuple[str, Feats]]] = {
            key: [(form, dict(own)) for (form, own), _ in sorted(of.items(), key=lambda e: (-e[1], e[0]))]
            for key, of in counted.items()
        }
        return cls(values, bare, paradigm)

    def twin(
        self, form: str, lemma: str, upos: int, own: Feats, controller: Feats, feature: str
    ) -> tuple[str, str]:
        """(twin, its value) of ``form``; two empty strings where there is none that is surely wrong."""
        value = own[feature]
        if (form, lemma, upos) in self.bare[feature]:
            return "", ""
        for other, feats in self.paradigm.get((lemma, upos), ()):
            wrong = feats.get(feature, "")
            if (
                wrong not in ("", value)
                and "," not in wrong
                and other != form
                and value not in self.values[feature][other]
                and wrong not in self.values[feature][form]
                and (other, lemma, upos) not in self.bare[feature]
                and _all_else_equal(own, feats, controller, feature)
                and not set(_ELIDED) & set(form + other)
                and _scripts(form) == _scripts(other)
            ):
                return other, wrong
        return "", ""


def _all_else_equal(own: Feats, twin: Feats, controller: Feats, feature: str) -> bool:
    """Whether the features are the same but for ``feature``; what only the twin has is its controller's."""
    for name in (own.keys() | twin.keys()) - {feature}:
        if own.get(name) == twin.get(name):
            continue
        if name not in _MAY_LACK or (name in own and name in twin):
            return False
        if name in twin and twin[name] != controller.get(name):
            return False
    return True


def _scripts(form: str) -> set[str]:
    """What the names of its letters begin with: LATIN, CYRILLIC."""
    return {unicodedata.name(letter, "?").partition(" ")[0] for letter in form if letter.isalpha()}
