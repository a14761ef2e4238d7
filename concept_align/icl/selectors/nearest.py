"""Demonstrations like the query: nearest to it in the model's own states, or made of the same concepts.

States of all words share a large part, which makes all cosines alike (Ethayarajh 2019, arXiv 1909.00512), and
its language is most of what a state says. So words are standardised before they are compared: each language
and split by itself, labels unseen.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from numpy.typing import NDArray

from ...class_sums import ClassSums
from ...config import checked
from ...errors import UsageError
from ...spaces.classify import NearestPrototype
from ...spaces.prototypes import ConceptSpace
from ...spaces.standardise import StandardiserFitter
from ..base import PromptSentence
from . import BaseSelector, SelectorInputs, There

# What is done to words' states before they are compared.
Standard = Literal["language", "raw"]
SentencePlace = tuple[str, int, tuple[str, ...]]


@dataclass(frozen=True, eq=False)
class SentenceStates:
    """States of the words of the sentences that a study uses, language by language.

    ``standard`` brings each language and split to mean 0 and scale 1 in every dimension ("language"), or
    leaves states as they are ("raw").
    """

    inputs: SelectorInputs
    standard: Standard = "language"
    _rows: dict[str, dict[SentencePlace, torch.Tensor]] = field(default_factory=dict)  # by language

    def of(self, sentence: PromptSentence) -> Float32[torch.Tensor, "words dim"]:
        """The words of ``sentence``. Raises UsageError for one that the study does not use."""
        return _among(self._rows, sentence, self._read)

    def _read(self, language: str) -> dict[SentencePlace, torch.Tensor]:
        rows: dict[SentencePlace, torch.Tensor] = {}
        for sentences in self.inputs.pools(language):
            x = self.inputs.word_states(sentences)
            if self.standard == "language":
                x = StandardiserFitter(x.shape[1]).update(x).finish().states(x)
            parts = x.split([len(one.words) for one in sentences])
            rows = dict(zip(map(_place, sentences), parts, strict=True)) | rows
        return rows


@dataclass(frozen=True, eq=False)
class NearestStateSelector(BaseSelector):
    """The k candidates whose mean word state is most similar to the query's, the most similar last.

        similarity(q, s) = cos(v_q, v_s),   v_s the mean state of the words of s at one layer

    As in Liu et al. 2022 (What Makes Good In-Context Examples for GPT-3?, arXiv 2101.06804), who take the
    vectors from a sentence encoder; here the language model's own states serve, and nothing else is needed.
    States are standardised by language; ``nearest-state:raw`` compares them as they are, where a few large
    dimensions decide: the choice to compare with. ``diversity``: :func:`best_last`.
    """

    name = "nearest-state"
    looks_at = "query"
    states: SentenceStates

    @classmethod
    def from_inputs(cls, inputs: SelectorInputs) -> Self:
        return cls(SentenceStates(inputs))

    @classmethod
    def from_variant(cls, inputs: SelectorInputs, variant: str) -> Self:
        """``nearest-state:raw``. UsageError for what is no :data:`Standard`."""
        standard: Standard = checked(Standard, variant, "selectors")
        return cls(SentenceStates(inputs, standard))

    @property
    def made_from(self) -> dict[str, Any]:
        inputs = self.states.inputs
        found: dict[str, Any] = {"layer": inputs.layer}
        found |= {"standard": self.states.standard} if self.states.standard != "language" else {}
        return found | ({"diversity": inputs.diversity} if inputs.diversity else {})

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        assert query is not None
        if not k:
            return []
        own, others = self._vector(query), np.stack([self._vector(one) for one in there.values()])
        diversity = self.states.inputs.diversity
        return best_last(
            cosines(own, others), list(there), k, lambda place: cosines(others[place], others), diversity
        )

    def _vector(self, sentence: PromptSentence) -> NDArray[np.float32]:
        found: NDArray[np.float32] = self.states.of(sentence).mean(0).numpy()
        return found


@dataclass(frozen=True, eq=False)
class WordLabels:
    """What words are taken for, labels unseen: log-probabilities by the study's classifier.

    By its aligner, where it has one (``--select-aligner``): each language and split by itself. Else by the
    prototypes of the candidates' labelled words.
    """

    states: SentenceStates
    _known: dict[str, dict[SentencePlace, torch.Tensor]] = field(default_factory=dict)
    _classifiers: dict[tuple[str, ...], NearestPrototype] = field(default_factory=dict)

    @property
    def made_from(self) -> dict[str, Any]:
        """The aligner, or the layer of the states that prototypes are of."""
        inputs = self.states.inputs
        return {"layer": inputs.layer} if inputs.classify is None else {"aligner": dict(inputs.aligner)}

    def of(
        self, sentence: PromptSentence, languages: Sequence[str]
    ) -> Float32[torch.Tensor, "words concepts"]:
        """Of ``sentence``; ``languages`` are those of the candidates, whose prototypes may be asked."""
        if self.states.inputs.classify is not None:
            return _among(self._known, sentence, self._read)
        return self.classifier(tuple(sorted(set(languages)))).scores(self.states.of(sentence))

    def _read(self, language: str) -> dict[SentencePlace, torch.Tensor]:
        """By the aligner; of a word it cannot read, the mean of its sentence, else of all sentences."""
        found: dict[SentencePlace, torch.Tensor] = {}
        assert self.states.inputs.classify is not None
        for sentences in self.states.inputs.pools(language):
            shares = self.states.inputs.classify(sentences).exp()
            parts = shares.split([len(one.words) for one in sentences])
            for one, part in zip(sentences, parts, strict=True):
                own = torch.where(part.isnan(), part.nanmean(0), part)
                found.setdefault(_place(one), torch.where(own.isnan(), shares.nanmean(0), own).log())
        return found

    def classifier(self, languages: tuple[str, ...]) -> NearestPrototype:
        """By the prototypes of all candidates in ``languages``."""
        if languages not in self._classifiers:
            sentences = [one for code in languages for one in self.states.inputs.pools(code)[0]]
            parts = [self.states.of(one)[[item.word for item in one.items]] for one in sentences]
            sums = ClassSums(self.states.inputs.concepts, parts[0].shape[1])
            for sentence, x in zip(sentences, parts, strict=True):
                sums.update(x, torch.tensor([item.label for item in sentence.items]))
            self._classifiers[languages] = NearestPrototype.of(ConceptSpace.of(sums.finish()))
        return self._classifiers[languages]


@dataclass(frozen=True, eq=False)
class NearestConceptSelector(BaseSelector):
    """The k candidates made of the same concepts as the query, the nearest last.

    With p_q the shares of the concepts among the query's words as a zero-shot classifier predicts them
    (:class:`WordLabels`; the mean of its probabilities), and p_c the gold shares of a candidate, those are
    near whose Bhattacharyya coefficient

        k(q, c) = sum over k of sqrt(p_q(k) p_c(k)) = 1 - H(p_q, p_c)^2

    is large: the Hellinger distance H is between 0 and 1, and feels a rare concept that one of both lacks
    more than the Euclidean does. Labels of queries are not looked at. To choose by the retrieved structure
    instead of the surface is the idea of Levy et al. 2023 (arXiv 2212.06800), who predict what the answer
    will be made of and cover it. ``diversity``: :func:`best_last`.
    """

    name = "nearest-concept"
    looks_at = "query"
    labelled = True
    labels: WordLabels

    @classmethod
    def from_inputs(cls, inputs: SelectorInputs) -> Self:
        return cls(WordLabels(SentenceStates(inputs)))

    @property
    def inputs(self) -> SelectorInputs:
        return self.labels.states.inputs

    @property
    def made_from(self) -> dict[str, Any]:
        diversity = {"diversity": self.inputs.diversity} if self.inputs.diversity else {}
        return {"candidates": "gold shares", **self.labels.made_from, **diversity}

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        assert query is not None
        if not k:
            return []
        others = np.stack([gold_shares(one, len(self.inputs.concepts)) for one in there.values()])
        similarity = overlap(self._own(query, [one.language for one in there.values()]), others)
        alike = lambda place: overlap(others[place], others)  # noqa: E731
        return best_last(similarity, list(there), k, alike, self.inputs.diversity)

    def _own(self, query: PromptSentence, languages: Sequence[str]) -> NDArray[np.float64]:
        """The shares of ``query``."""
        found: NDArray[np.float64] = self.labels.of(query, languages).double().exp().mean(0).numpy()
        return found


class GoldConceptSelector(NearestConceptSelector):
    """An oracle: nearest-concept with the query's **gold** shares. The ceiling of what structure can give.

    It looks at the labels that the model is asked for. What it reaches is no result of a method, only what
    better predicted shares could still add.
    """

    name = "nearest-concept-gold"

    @property
    def made_from(self) -> dict[str, Any]:
        diversity = {"diversity": self.inputs.diversity} if self.inputs.diversity else {}
        return {"oracle": "gold shares", **diversity}

    def _own(self, query: PromptSentence, languages: Sequence[str]) -> NDArray[np.float64]:
        return gold_shares(query, len(self.inputs.concepts))


def gold_shares(sentence: PromptSentence, concepts: int) -> NDArray[np.float64]:
    """What the items of ``sentence`` are made of; all concepts alike where nothing is asked of it."""
    if not sentence.items:
        return np.full(concepts, 1 / concepts)
    counts = np.bincount([item.label for item in sentence.items], minlength=concepts)
    return np.asarray(counts / counts.sum())


def _among(
    known: dict[str, dict[SentencePlace, Any]], sentence: PromptSentence, read: Callable[[str], Any]
) -> Any:
    """What is known of ``sentence``; its language is ``read`` where it is not known yet."""
    if sentence.language not in known:
        known[sentence.language] = read(sentence.language)
    if _place(sentence) not in known[sentence.language]:
        what = f"sentence {sentence.number} (from 0) has no states"
        remedy = "choose among the candidates of the study, for its queries"
        raise UsageError(what, where=sentence.treebank, remedy=remedy)
    return known[sentence.language][_place(sentence)]


def _place(sentence: PromptSentence) -> SentencePlace:
    """What tells sentences apart whose labels may be predicted ones."""
    return sentence.treebank, sentence.number, sentence.words


def best_last(
    similarity: Float64[np.ndarray, " n"],
    there: Sequence[int],
    k: int,
    likeness: Callable[[int], NDArray[np.float64]] | None = None,
    diversity: float = 0.0,
    worth: Float64[np.ndarray, " n"] | float = 0.0,
) -> list[int]:
    """The places of the ``k`` most similar of ``there``, the best last; of equals the earlier wins.

    ``diversity`` g chooses one after another, after j others, by

        similarity(c) + worth(c) / (1 + g j) - g max over the chosen c' of likeness(c, c')

    (maximal marginal relevance: Carbonell and Goldstein 1998), ``likeness(c')`` [n] of one place in
    ``similarity`` and all. ``worth`` is what a candidate is good for before any query; it counts less each
    time, for what is good for anybody shows the same. The k chosen are the last k of any more that are.
    """
    if not diversity or likeness is None:
        order = np.argsort(-(similarity + worth), kind="stable")[:k].tolist()
    else:
        order, most = list[int](), np.zeros(len(similarity))
        left = np.ones(len(similarity), dtype=bool)
        for number in range(k):
            score = similarity + worth / (1 + diversity * number) - diversity * most
            best = int(np.where(left, score, -np.inf).argmax())
            found = likeness(best)
            most = np.maximum(most, found) if number else found
            left[best] = False
            order.append(best)
    return [there[place] for place in order[::-1]]


def cosines(query: Float[np.ndarray, " dim"], others: Float[np.ndarray, "n dim"]) -> NDArray[np.float64]:
    """[n] cosines of ``query`` and ``others``; 0 for a vector of length 0.

    Row by row (einsum, no BLAS): equal rows have equal cosines wherever they stand.
    """
    products = np.einsum("nd,d->n", others, query, dtype=np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", others, others, dtype=np.float64) * float(query @ query))
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def overlap(
    query: Float[np.ndarray, " concepts"], others: Float[np.ndarray, "n concepts"]
) -> NDArray[np.float64]:
    """[n] Bhattacharyya coefficients of ``query`` and ``others``, rows that sum to one; 1 for equal ones."""
    return np.asarray(np.einsum("nk,k->n", np.sqrt(others), np.sqrt(query), dtype=np.float64))
