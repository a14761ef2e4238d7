"""Aligners under scikit-learn: ``fit``, ``predict``, ``clone``, cross-validation and pipelines.

Not every check that scikit-learn makes of estimators holds: the dimension of X and the labels are those the
aligner was trained with, so fits on other data are refused; and how labels change the predictions is the
aligner's own affair, so an aligner need not fit what it is given.
"""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from .. import ragged
from ..errors import UsageError
from ..evaluation.aligners import read_aligner
from ..meta.data import branches_of
from ..meta.learners import registry
from ..meta.learners.base import Aligner, TrainingData
from ..registration import nearest
from ..seeding import stream
from ..spaces.features import Features, Sentences
from ..types import Split
from .aligner import task_of

# Without sentences, words are taken as sentences of so many: about the mean of treebanks.
TYPICAL_SENTENCE = 15


class ConceptClassifier(ClassifierMixin, BaseEstimator):
    """Concepts of the words of one language: an aligner, adapted to labelled words by ``fit``.

    ``aligner`` is a folder that meta-train wrote, a hub id, or an :class:`Aligner`; ``concepts`` are its
    labels as y has them, by default the names it knows itself. ``valid`` names the concepts that may be
    predicted, all that the aligner knows unless given. X holds representations as the aligner was trained on,
    standardised likewise.
    """

    def __init__(
        self,
        aligner: str | Path | Aligner | None = None,
        concepts: Sequence[Any] | None = None,
        valid: Collection[Any] | None = None,
        seed: int = 0,
    ) -> None:
        self.aligner, self.concepts, self.valid, self.seed = aligner, concepts, valid, seed

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, groups: ArrayLike | None = None) -> Self:
        """Adapt to words X [words, dim] with labels y: names, or integers that are places in the inventory.

        ``groups`` [words] names the sentence of each word; without it, fifteen words are taken as one. With
        y = None it is zero-shot, and X are unlabelled words for the learners that look at such.
        """
        aligner, concepts = self._parts()
        if y is not None and np.asarray(y).dtype.kind in "iu" and isinstance(concepts[0], str):
            concepts = tuple(range(len(concepts)))
        x = words_of(X)
        if (dim := aligner.dim) is not None and x.shape[1] != dim:
            raise UsageError(
                f"words of {x.shape[1]} dimensions for an aligner of {dim}",
                remedy="give representations of the layers that it was trained on",
            )
        valid = None
        if self.valid is not None:
            chosen = set(codes_of(list(self.valid), concepts).tolist())
            valid = torch.tensor([code in chosen for code in range(len(concepts))])
        support = None if y is None else features_of(X, y, groups, concepts, "X")
        unlabelled = sentences_of(X, groups) if aligner.transductive else None
        self.classifier_ = aligner.adapt(support, unlabelled=unlabelled, valid=valid, seed=self.seed)
        reachable = torch.isfinite(self.classifier_.scores(x[:1])[0]).numpy()
        self.columns_ = np.flatnonzero(reachable)
        self.classes_ = np.asarray(concepts)[self.columns_]
        self.n_features_in_ = int(x.shape[1])
        return self

    def predict_log_proba(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.float32]:
        """[words, classes] log-probabilities, in the order of ``classes_``.

        ``groups`` [words] names the sentence of each word, for aligners to which it matters; without it,
        every word is one of its own.
        """
        check_is_fitted(self, "classifier_")
        x = words_of(X)
        if x.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has {x.shape[1]} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input"
            )
        if groups is None or not self.classifier_.sequential:
            found = self.classifier_.scores(x)
        else:
            rows, offsets = by_sentence(groups, len(x))
            found = torch.empty(len(x), len(self.classifier_.valid))
            found[rows] = self.classifier_.scores(Sentences(x[rows], offsets))
        columns: NDArray[np.float32] = found.numpy()[:, self.columns_]
        return columns

    def predict_proba(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[np.float32]:
        """[words, classes] probabilities, in the order of ``classes_``."""
        return np.exp(self.predict_log_proba(X, groups))

    def predict(self, X: ArrayLike, groups: ArrayLike | None = None) -> NDArray[Any]:
        """[words] the best class of each word."""
        scores = self.predict_log_proba(X, groups)
        found: NDArray[Any] = self.classes_[scores.argmax(1)]
        return found

    def _parts(self) -> tuple[Aligner, tuple[Any, ...]]:
        if self.aligner is None:
            raise UsageError("no aligner", remedy="ConceptClassifier(aligner=FOLDER) that meta-train wrote")
        if isinstance(self.aligner, Aligner):
            concepts = self.aligner.concepts if self.concepts is None else self.concepts
            if concepts is None:
                raise UsageError(
                    "the names of the aligner's concepts are not known",
                    remedy="give concepts=, in the order of its training; or the aligner's folder",
                )
            return self.aligner, tuple(concepts)
        trained = read_aligner(self.aligner)
        return trained.load(), tuple(self.concepts or task_of(trained).concepts)


class MetaLearner(BaseEstimator):
    """A learner, trained on arrays of several languages; ``adapt`` then serves a new one.

    ``validation`` names the languages that choose the epoch and the like; the others are learned from, with
    ``source`` among them. Of every language ``held_out`` of the sentences is its development part.
    """

    def __init__(
        self,
        learner: str = "self-train",
        source: str = "en",
        validation: Sequence[str] = (),
        preset: str = "default",
        options: dict[str, Any] | None = None,
        held_out: float = 0.2,
        seed: int = 0,
    ) -> None:
        self.learner, self.source, self.validation, self.preset = learner, source, validation, preset
        self.options, self.held_out, self.seed = options, held_out, seed

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        *,
        languages: ArrayLike,
        sentences: ArrayLike | None = None,
    ) -> Self:
        """Meta-train on words X [words, dim] with labels y [words] of ``languages`` [words].

        ``sentences`` [words] names each word's sentence, which need be its own within a language only.
        """
        x, labels, named = np.asarray(X, np.float32), np.asarray(y), np.asarray(languages).astype(str)
        if not len(x) == len(labels) == len(named):
            raise UsageError(f"{len(x)} words, {len(labels)} labels, {len(named)} languages")
        codes = tuple(dict.fromkeys(named.tolist()))
        train = tuple(code for code in codes if code not in self.validation)
        if self.source not in train or (odd := sorted(set(self.validation) - set(codes))):
            raise UsageError(
                f"no words of {self.source if self.source not in train else ', '.join(odd)} to learn from",
                remedy=f"languages are {', '.join(codes)}: name source and validation among them",
            )
        learner = registry.create(self.learner, preset=self.preset, options=self.options)
        concepts = np.unique(labels).tolist()
        parts: dict[tuple[str, Split], Features] = {}
        for code in codes:
            own = named == code
            of = None if sentences is None else np.asarray(sentences)[own]
            whole = features_of(x[own], labels[own], of, concepts, code)
            parts[code, "train"], parts[code, "dev"] = self._divided(whole)
        data = TrainingData(
            self.source,
            train,
            tuple(self.validation),
            tuple(map(str, concepts)),
            lambda language, split: parts[language, split],
            branches_of(train),
        )
        self.aligner_ = learner.fit(data, seed=self.seed)
        self.classes_ = np.asarray(concepts)
        self.n_features_in_ = int(x.shape[1])
        return self

    def adapt(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        valid: Collection[Any] | None = None,
    ) -> ConceptClassifier:
        """A classifier for the language of X, as :meth:`ConceptClassifier.fit` makes it."""
        check_is_fitted(self, "aligner_")
        return ConceptClassifier(self.aligner_, self.classes_.tolist(), valid, self.seed).fit(X, y, groups)

    def _divided(self, whole: Features) -> tuple[Features, Features]:
        """Training and development part; both the whole where there is one sentence."""
        order = stream(self.seed, "held out", whole.language).permutation(whole.sents)
        held = min(max(1, round(self.held_out * whole.sents)), whole.sents - 1)
        if held < 1:
            return whole, whole
        return whole.of_sentences(np.sort(order[held:])), whole.of_sentences(np.sort(order[:held]))


def features_of(
    x: ArrayLike, y: ArrayLike | None, sentences: ArrayLike | None, concepts: Sequence[Any], language: str
) -> Features:
    """``x`` [words, dim], ``y`` [words] labels of ``concepts``, ``sentences`` [words] names of sentences.

    Words of a sentence are brought together, sentences are in the order of their first words.
    """
    states = words_of(x)
    codes = np.zeros(len(states), np.int64) if y is None else codes_of(y, concepts)
    if len(codes) != len(states):
        raise UsageError(f"{len(codes)} labels for {len(states)} words", where=language)
    rows, offsets = by_sentence(sentences, len(states), language)
    return Features(language, tuple(map(str, concepts)), states[rows], torch.from_numpy(codes)[rows], offsets)


def by_sentence(
    sentences: ArrayLike | None, words: int, where: str = ""
) -> tuple[torch.Tensor, ragged.Offsets]:
    """Places of the words [words] sentence by sentence, and where sentences begin."""
    named = np.arange(words) // TYPICAL_SENTENCE if sentences is None else np.asarray(sentences)
    if named.shape != (words,):
        raise UsageError(f"names of {named.shape} sentences for {words} words", where=where)
    _, first, inverse = np.unique(named, return_index=True, return_inverse=True)
    place = np.argsort(np.argsort(first))[inverse]
    rows = torch.from_numpy(np.argsort(place, kind="stable"))
    return rows, ragged.offsets_of(np.bincount(place, minlength=len(first)))


def sentences_of(x: ArrayLike, sentences: ArrayLike | None) -> Sentences:
    """Words [words, dim] without labels, sentence by sentence; in the order given where none are named."""
    states = words_of(x)
    rows, offsets = by_sentence(sentences, len(states))
    return Sentences(states[rows], offsets)


def words_of(x: ArrayLike) -> torch.Tensor:
    """float32 [words, dim]; UsageError for another shape or values that are not finite."""
    states = torch.as_tensor(np.ascontiguousarray(np.asarray(x, dtype=np.float32)))
    if states.ndim != 2 or not bool(torch.isfinite(states).all()):
        raise UsageError(
            f"words of shape {tuple(states.shape)}, or with values that are not finite",
            remedy="give finite numbers [words, dim]",
        )
    return states


def codes_of(y: ArrayLike, concepts: Sequence[Any]) -> NDArray[np.int64]:
    """[words] places of labels in ``concepts``; UsageError for a label that is none of them."""
    given = np.asarray(y)
    names, inverse = np.unique(given, return_inverse=True)
    index = {concept: code for code, concept in enumerate(concepts)}
    if odd := [name for name in names.tolist() if name not in index]:
        near = nearest(str(odd[0]), map(str, concepts), most=3, cutoff=0.5)
        raise UsageError(
            f"unknown label {odd[0]!r}",
            remedy=f"use {' or '.join(near) or ', '.join(map(str, concepts))}",
        )
    table = np.array([index[name] for name in names.tolist()], dtype=np.int64)
    return table[inverse.reshape(given.shape)]
