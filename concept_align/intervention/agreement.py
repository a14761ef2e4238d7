"""Minimal pairs of agreement, made of a treebank alone.

A pair is a sentence and its twin, in which one word that agrees with another does not: *the dogs bark*, *the
dogs barks*. The word's twin is a form of the same lemma and word class with another value of the feature and
all else equal, attested in the treebank, so that no list of forms is needed (Gulordava et al. 2018,
arXiv 1803.11138; MultiBLiMP, Jumelet et al. 2025, arXiv 2504.02768, takes its forms from UniMorph).

That the twin is wrong is what must be sure. So the twin is never attested with the value that is due, the
form never with the twin's, the controller (the word that is agreed with) with no other value than its own;
none of the forms lacks the feature elsewhere; and a relation counts in a treebank only where words of its
training split do agree.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Int32, Int64
from numpy.typing import ArrayLike, NDArray

from ..errors import UsageError
from ..seeding import stream
from ..treebanks.corpus import Corpus
from ..types import SPLITS, Split
from .inflection import ADJECTIVE, DETERMINER, FEATURES, SUBJECT, AttestedForms, TreebankWords

AGREEMENTS: tuple[tuple[str, str], ...] = tuple(
    (relation, feature) for feature in FEATURES for relation in (SUBJECT, DETERMINER, ADJECTIVE)
)


@dataclass(frozen=True)
class AgreementRules:
    """When a relation is used in a treebank, and of what.

    ``share`` of at least ``observed`` pairs of words that both have the feature must agree in the training
    split, and ``found`` minimal pairs must be there; ``most`` of them are drawn, of sentences of at most
    ``longest`` words.
    """

    share: float = 0.95
    observed: int = 20
    found: int = 20
    most: int = 100
    longest: int = 40

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise UsageError(f"a share of {self.share}", option="share", remedy="give a number from 0 to 1")
        for name in ("observed", "found", "most", "longest"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}", option=name, remedy="give at least 1")


@dataclass(frozen=True)
class AgreementCount:
    """What was found of one relation and feature in a treebank; ``why_not`` is empty where it is used."""

    relation: str
    feature: str
    observed: int  # pairs of words in training that both have the feature
    agreeing: int
    found: int  # minimal pairs
    why_not: str


@dataclass(frozen=True, eq=False)
class AgreementPairs:
    """Minimal pairs of one treebank, ordered by sentence and word.

    ``sentence`` and ``word`` count from 0, the word within its sentence; ``value`` is what ``form`` and its
    controller have, ``twin_value`` what ``twin`` has. ``spans`` and ``twin_spans`` say which characters of
    the texts each word covers.
    """

    language: str
    sentence: Int64[np.ndarray, " pairs"]
    word: Int64[np.ndarray, " pairs"]
    form: tuple[str, ...]
    twin: tuple[str, ...]
    relation: tuple[str, ...]
    feature: tuple[str, ...]
    value: tuple[str, ...]
    twin_value: tuple[str, ...]
    texts: tuple[str, ...]
    twin_texts: tuple[str, ...]
    spans: tuple[Int32[np.ndarray, "_ 2"], ...]
    twin_spans: tuple[Int32[np.ndarray, "_ 2"], ...]
    counts: tuple[AgreementCount, ...]

    def __len__(self) -> int:
        return len(self.form)

    @property
    def kinds(self) -> tuple[str, ...]:
        """[pairs] relation and feature together, as in ``KINDS``."""
        return tuple(kind(*both) for both in zip(self.relation, self.feature, strict=True))

    def frame(self) -> pd.DataFrame:
        """A row for each pair: sentence, word, form, twin, relation, feature, value, twin_value."""
        names = ("sentence", "word", "form", "twin", "relation", "feature", "value", "twin_value")
        return pd.DataFrame({name: getattr(self, name) for name in names})


def kind(relation: str, feature: str) -> str:
    """How a relation and a feature are called together: ``subject-verb Number``."""
    return f"{relation} {feature}"


KINDS: tuple[str, ...] = tuple(kind(*both) for both in AGREEMENTS)


def agreement_pairs(
    corpora: Sequence[Corpus],
    *,
    split: Split = "test",
    sentences: ArrayLike | None = None,
    rules: AgreementRules | None = None,
    seed: int = 0,
) -> AgreementPairs:
    """Minimal pairs of the ``split`` of one treebank.

    ``corpora`` are its splits, as they were read with their lines: forms are looked for in all of them, and
    whether words agree in the training split (without one, in all). ``sentences`` are places in ``split``
    that pairs may come from; None: all. Raises UsageError where the split is not there or comes twice.

    Example:
        >>> from concept_align.treebanks import conllu
        >>> from concept_align.treebanks.discover import find_treebanks
        >>> corpora = [conllu.read(file.path) for file in find_treebanks("mini", ["es"])]
        >>> pairs = agreement_pairs(corpora, rules=AgreementRules(found=1))
        >>> pairs.texts[0], pairs.twin[0]
        ('El hombre joven vendió su viejo coche en Londres.', 'Los')
    """
    rules = rules or AgreementRules()
    _refuse_mixed(corpora)
    asked = [corpus for corpus in corpora if corpus.source.split == split]
    if len(asked) != 1:
        there = ", ".join(corpus.source.split for corpus in corpora) or "none"
        what = f"{len(asked)} corpora of the split {split}"
        raise UsageError(what, option="split", remedy=f"give one of it; there are: {there}")
    (queries,) = asked
    training = [corpus for corpus in corpora if corpus.source.split == "train"] or list(corpora)
    read = {id(corpus): TreebankWords.of(corpus) for corpus in corpora}
    forms = AttestedForms.of(read.values())
    open_sentences = _open_sentences(queries, sentences, rules.longest)
    rows: list[_Row] = []
    counts = []
    for relation, feature in AGREEMENTS:
        observed, agreeing = _observed([read[id(corpus)] for corpus in training], relation, feature)
        why_not, own = _unused(observed, agreeing, rules), []
        if not why_not:
            own = list(_rows(read[id(queries)], relation, feature, forms, open_sentences))
            if len(own) < rules.found:
                why_not = f"{len(own)} minimal pairs, fewer than {rules.found}"
        counts.append(AgreementCount(relation, feature, observed, agreeing, len(own), why_not))
        if not why_not:
            random = stream(seed, "agreement", queries.source.treebank, relation, feature)
            rows += [own[place] for place in random.permutation(len(own))[: rules.most]]
    order = {both: place for place, both in enumerate(AGREEMENTS)}
    rows.sort(key=lambda row: (row.sentence, row.word, order[row.relation, row.feature]))
    return _laid_out(queries, rows, tuple(counts))


def _refuse_mixed(corpora: Sequence[Corpus]) -> None:
    names = sorted({corpus.source.treebank for corpus in corpora})
    splits = Counter(corpus.source.split for corpus in corpora)
    if len(names) > 1 or any(splits[split] > 1 for split in SPLITS):
        what = f"corpora of {', '.join(names)} with the splits {', '.join(splits.elements())}"
        raise UsageError(what, option="corpora", remedy="give each split of one treebank once")


def _unused(observed: int, agreeing: int, rules: AgreementRules) -> str:
    if observed < rules.observed:
        return f"{observed} pairs of words have the feature in training, fewer than {rules.observed}"
    if agreeing < rules.share * observed:
        return f"{agreeing} of {observed} pairs of words agree in training, less than {rules.share:.0%}"
    return ""


def _open_sentences(corpus: Corpus, sentences: ArrayLike | None, longest: int) -> Bool[np.ndarray, " sents"]:
    """[sents] which sentences pairs may come from."""
    fits = np.diff(corpus.offsets) <= longest
    if sentences is None:
        return np.asarray(fits)
    chosen = np.asarray(sentences)
    if chosen.dtype != np.bool_:
        named = chosen.astype(np.int64)
        if named.size and not (named.min() >= 0 and named.max() < corpus.sents):
            what = f"sentences {named.min()}..{named.max()} of a corpus of {corpus.sents}"
            raise UsageError(what, option="sentences", remedy="give places of its sentences")
        chosen = np.isin(np.arange(corpus.sents), named)
    if chosen.shape != fits.shape:
        what = f"a mask of shape {chosen.shape} for {corpus.sents} sentences"
        raise UsageError(what, option="sentences", remedy="give one for each sentence")
    return np.asarray(fits & chosen)


def _observed(training: Iterable[TreebankWords], relation: str, feature: str) -> tuple[int, int]:
    """How many pairs of words both have the ``feature``, and how many of them the same value."""
    observed = agreeing = 0
    for words in training:
        for word, controller in zip(*words.controllers(relation), strict=True):
            own, other = words.value(word, feature), words.value(controller, feature)
            observed += bool(own and other)
            agreeing += bool(own and own == other)
    return observed, agreeing


@dataclass(frozen=True)
class _Row:
    sentence: int
    word: int  # in the corpus
    form: str
    twin: str
    relation: str
    feature: str
    value: str
    twin_value: str


def _rows(
    words: TreebankWords, relation: str, feature: str, forms: AttestedForms, open_sentences: NDArray[np.bool_]
) -> Iterator[_Row]:
    """The minimal pairs of ``relation`` and ``feature``, in the order of the corpus."""
    corpus = words.corpus
    for word, controller in zip(*words.controllers(relation), strict=True):
        sentence, form, value = int(words.sentence[word]), corpus.forms[word], words.value(word, feature)
        begin, end = corpus.spans[word].tolist()
        if (
            not open_sentences[sentence]
            or corpus.ranges[word]
            or corpus.texts[sentence][begin:end] != form
            or not value
            or value != words.value(controller, feature)
            or forms.values[feature][words.small[controller]] != {value}
        ):
            continue
        own, of_controller = (words.feats[int(corpus.feats[at])] for at in (word, controller))
        twin, wrong = forms.twin(
            words.small[word], words.lemmas[word], int(corpus.upos[word]), own, of_controller, feature
        )
        cased = _cased(twin, form) if twin else None
        if cased:
            yield _Row(sentence, int(word), form, cased, relation, feature, value, wrong)


def _laid_out(corpus: Corpus, rows: Sequence[_Row], counts: tuple[AgreementCount, ...]) -> AgreementPairs:
    texts, spans, twin_texts, twin_spans = [], [], [], []
    for row in rows:
        text, own = corpus.texts[row.sentence], corpus.spans[corpus.words_of(row.sentence)]
        begin, end = corpus.spans[row.word].tolist()
        moved = own + np.where(own >= end, len(row.twin) - (end - begin), 0)
        texts.append(text)
        spans.append(own.astype(np.int32))
        twin_texts.append(text[:begin] + row.twin + text[end:])
        twin_spans.append(moved.astype(np.int32))
    columns: dict[str, Any] = {
        name: tuple(getattr(row, name) for row in rows)
        for name in ("form", "twin", "relation", "feature", "value", "twin_value")
    }
    sentence = np.array([row.sentence for row in rows], np.int64)
    return AgreementPairs(
        language=corpus.source.language,
        sentence=sentence,
        word=np.array([row.word for row in rows], np.int64) - corpus.offsets[sentence],
        texts=tuple(texts),
        twin_texts=tuple(twin_texts),
        spans=tuple(spans),
        twin_spans=tuple(twin_spans),
        counts=counts,
        **columns,
    )


def _cased(twin: str, form: str) -> str | None:
    """``twin`` in large and small letters as ``form`` is; None where there is no telling."""
    for like in (str.lower, _titled, str.upper):
        if form == like(form):
            return like(twin)
    return None


def _titled(form: str) -> str:
    return form[:1].upper() + form[1:].lower()
