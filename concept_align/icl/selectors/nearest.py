"""Demonstrations like the query: the sentences that are nearest to it in the model's own states.

States of all words share a large part, which makes all cosines alike (Ethayarajh 2019, arXiv 1909.00512), and
its language is most of what a state says. So words are standardised before they are compared: each language
and split by itself, labels unseen.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64
from numpy.typing import NDArray

from ...class_sums import ClassSums
from ...errors import UsageError
from ...spaces.classify import NearestPrototype
from ...spaces.prototypes import ConceptSpace
from ...spaces.standardise import StandardiserFitter
from ..base import PromptSentence
from . import BaseSelector, SelectorInputs, There


@dataclass(frozen=True, eq=False)
class SentenceStates:
    """Standardised states of the words of the sentences that a study uses, language by language."""

    inputs: SelectorInputs
    _rows: dict[str, dict[PromptSentence, torch.Tensor]] = field(default_factory=dict)  # by language

    def of(self, sentence: PromptSentence) -> Float32[torch.Tensor, "words dim"]:
        """The words of ``sentence``. Raises UsageError for one that the study does not use."""
        if sentence.language not in self._rows:
            self._rows[sentence.language] = self._read(sentence.language)
        if sentence not in self._rows[sentence.language]:
            what = f"sentence {sentence.number} (from 0) has no states"
            remedy = "choose among the candidates of the study, for its queries"
            raise UsageError(what, where=sentence.treebank, remedy=remedy)
        return self._rows[sentence.language][sentence]

    def _read(self, language: str) -> dict[PromptSentence, torch.Tensor]:
        rows: dict[PromptSentence, torch.Tensor] = {}
        for sentences in self.inputs.pools(language):
            x = self.inputs.word_states(sentences)
            x = StandardiserFitter(x.shape[1]).update(x).finish().states(x)
            parts = x.split([len(one.words) for one in sentences])
            rows = dict(zip(sentences, parts, strict=True)) | rows
        return rows


@dataclass(frozen=True, eq=False)
class NearestSelector(BaseSelector):
    """The k candidates whose mean word state is most similar to the query's, the most similar last.

        similarity(q, s) = cos(v_q, v_s),   v_s the mean state of the words of s at one layer

    As in Liu et al. 2022 (What Makes Good In-Context Examples for GPT-3?, arXiv 2101.06804), who take the
    vectors from a sentence encoder; here the language model's own states serve, and nothing else is needed.
    """

    name = "nearest"
    looks_at = "query"
    states: SentenceStates

    @classmethod
    def from_inputs(cls, inputs: SelectorInputs) -> Self:
        return cls(SentenceStates(inputs))

    @property
    def made_from(self) -> dict[str, int]:
        return {"layer": self.states.inputs.layer}

    def _choose(self, query: PromptSentence | None, there: There, k: int, seed: int) -> list[int]:
        assert query is not None
        return best_last(self._similarity(query, there), list(there), k) if k else []

    def _similarity(self, query: PromptSentence, there: There) -> NDArray[np.float64]:
        """[there] of ``query`` and each sentence."""
        vectors = [self.states.of(one).mean(0).numpy() for one in (query, *there.values())]
        return cosines(vectors[0], np.stack(vectors[1:]))


@dataclass(frozen=True, eq=False)
class NearestConceptSelector(NearestSelector):
    """The k candidates made of the same concepts as the query, the nearest last.

    With p_q and p_s what a zero-shot classifier takes the words of either sentence for, in the mean, those
    are near whose Hellinger distance

        H(p_q, p_s) = (1 - sum over k of sqrt(p_q(k) p_s(k)))^(1/2)

    is small. It is between 0 and 1, and feels a rare concept that one of both lacks more than the Euclidean
    does. The classifier's prototypes are of the candidates' labelled words; labels of queries are not looked
    at. To choose by the retrieved structure instead of the surface is the idea of Levy et al. 2023 (arXiv
    2212.06800), who predict what the answer will be made of and cover it.
    """

    name = "nearest-concept"
    _classifiers: dict[tuple[str, ...], NearestPrototype] = field(default_factory=dict)

    def _similarity(self, query: PromptSentence, there: There) -> NDArray[np.float64]:
        classifier = self._classifier(tuple(sorted({one.language for one in there.values()})))
        shares = [
            classifier.scores(self.states.of(one)).exp().mean(0).numpy() for one in (query, *there.values())
        ]
        return -hellinger(shares[0], np.stack(shares[1:]))

    def _classifier(self, languages: tuple[str, ...]) -> NearestPrototype:
        """By the prototypes of all candidates in ``languages``."""
        if languages not in self._classifiers:
            sentences = [one for code in languages for one in self.states.inputs.pools(code)[0]]
            parts = [self.states.of(one)[[item.word for item in one.items]] for one in sentences]
            sums = ClassSums(self.states.inputs.concepts, parts[0].shape[1])
            for sentence, x in zip(sentences, parts, strict=True):
                sums.update(x, torch.tensor([item.label for item in sentence.items]))
            self._classifiers[languages] = NearestPrototype.of(ConceptSpace.of(sums.finish()))
        return self._classifiers[languages]


def best_last(similarity: Float64[np.ndarray, " n"], there: Sequence[int], k: int) -> list[int]:
    """The places of the ``k`` most similar of ``there``, the best last; of equals the earlier wins."""
    order = np.argsort(-similarity, kind="stable")[:k]
    return [there[place] for place in order[::-1]]


def cosines(query: Float[np.ndarray, " dim"], others: Float[np.ndarray, "n dim"]) -> NDArray[np.float64]:
    """[n] cosines of ``query`` and ``others``; 0 for a vector of length 0.

    Row by row (einsum, no BLAS): equal rows have equal cosines wherever they stand.
    """
    products = np.einsum("nd,d->n", others, query, dtype=np.float64)
    lengths = np.sqrt(np.einsum("nd,nd->n", others, others, dtype=np.float64) * float(query @ query))
    return np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)


def hellinger(
    query: Float[np.ndarray, " concepts"], others: Float[np.ndarray, "n concepts"]
) -> NDArray[np.float64]:
    """[n] Hellinger distances of ``query`` and ``others``, rows that sum to one."""
    overlap = np.einsum("nk,k->n", np.sqrt(others), np.sqrt(query), dtype=np.float64)
    return np.asarray(np.sqrt(np.clip(1 - overlap, 0, None)))
