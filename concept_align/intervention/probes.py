"""Probes as read-outs: which concepts are still read off the states of later layers.

A probe learns from untouched states of other languages' training words, and is asked of changed ones. Two
are made here, of sums by class alone (n_k, s_k, S = sum of x x'):

    ridge       w_k = (S/n - m m' + r I)^-1 (s_k - n_k m)/n,      b_k = n_k/n - m'w_k
    prototype   the nearest s_k/n_k

with m the mean word and r a share of the mean variance of a dimension, chosen by leaving out languages.
Ridge regresses the indicators of concepts on states; both take words as they were standardised in their own
language. Any other classifier does as well, a saved aligner adapted without labels among them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from numpy.typing import NDArray

from ..class_sums import ClassSums, Statistics
from ..errors import LearningError, UsageError
from ..meta.learners.base import Aligner
from ..meta.learners.classifier import Classifier
from ..models.batches import pool, word_index
from ..seeding import stream
from ..spaces.classify import similarities
from ..spaces.features import Sentences
from ..spaces.represent import represent
from ..spaces.source import FeatureSource
from ..spaces.spec import FeatureSpec
from ..spaces.standardise import Standardiser
from ..store.shards import States
from ..types import Pooling
from .readouts import Tally
from .texts import ReadRows, TargetText, rows_of, sums_by_row

ProbeKind = Literal["ridge", "prototype"]
STRENGTHS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
FOLDS = 5


def training_words(
    source: FeatureSource, language: str, words: int, seed: int
) -> tuple[Float[torch.Tensor, "words dim"], Int[torch.Tensor, " words"]]:
    """At most ``words`` training words of ``language``, drawn by ``seed``, and their concepts."""
    features = source.load(language, "train")
    drawn = stream(seed, "training words", language).permutation(features.words)[:words]
    places = torch.from_numpy(np.sort(drawn))
    return features.rows(places), features.y[places]


def training_sums(
    source: FeatureSource, languages: Sequence[str], *, words: int = 2000, seed: int = 0, second: bool = True
) -> Statistics:
    """Sums by class of at most ``words`` training words of each of ``languages``, drawn by ``seed``.

    LearningError where there is no language.
    """
    sums = ClassSums(source.concepts, source.dim, second=second)
    for language in languages:
        sums.update(*training_words(source, language, words, seed))
    if not int(sums.counts.sum()):
        raise LearningError("no training word to learn a probe from", remedy="name languages with some")
    return sums.finish()


def ridge_probe(statistics: Statistics, *, strength: float = STRENGTHS[3]) -> Classifier:
    """The ridge regression of the concepts' indicators on words; see above.

    ``strength`` is relative to the mean variance of a dimension. LearningError for sums without second
    moments, UsageError for a strength that is not positive.

    Example:
        >>> import torch
        >>> from concept_align.class_sums import ClassSums
        >>> sums = ClassSums(("A", "B"), 2, second=True)
        >>> words = torch.tensor([[1.0, 0.0], [2.0, 1.0], [-1.0, 0.0], [-2.0, 1.0]])
        >>> ridge_probe(sums.update(words, torch.tensor([0, 0, 1, 1])).finish()).codes(words).tolist()
        [0, 0, 1, 1]
    """
    if statistics.second is None:
        raise LearningError("sums without second moments", remedy="sum with second=True")
    if strength <= 0:
        raise UsageError(f"a strength of {strength}", option="strength", remedy="give a positive number")
    total = float(statistics.counts.sum())
    shares = statistics.counts.double() / total
    mean = statistics.sums.sum(0) / total
    covariance = statistics.second / total - torch.outer(mean, mean)
    between = statistics.sums / total - torch.outer(shares, mean)  # [concepts, dim]
    size = covariance.diagonal().mean().clamp(min=torch.finfo(torch.float64).tiny)
    covariance.diagonal().add_(strength * size)
    weights = torch.linalg.solve(covariance, between.T)  # [dim, concepts]
    bias = shares - mean @ weights

    def logits(words: torch.Tensor) -> torch.Tensor:
        return words.double() @ weights + bias

    return Classifier(logits, statistics.counts > 0, statistics.concepts)


def prototype_probe(statistics: Statistics) -> Classifier:
    """The nearest prototype, by Euclidean distance."""
    valid = statistics.counts > 0
    prototypes = statistics.means()

    def logits(words: torch.Tensor) -> torch.Tensor:
        return similarities(words.double(), prototypes, valid)

    return Classifier(logits, valid, statistics.concepts)


def chosen_strength(
    source: FeatureSource, languages: Sequence[str], *, words: int = 2000, seed: int = 0
) -> float:
    """That of STRENGTHS which is best for languages that a ridge probe has not seen.

    The ``languages`` are left out in turn, in FOLDS groups at most; of one alone, the fourth is taken.
    Accuracy is averaged over languages.
    """
    folds = [part for at in range(FOLDS) if (part := languages[at::FOLDS])]
    if len(folds) < 2:
        return STRENGTHS[3]
    parts = [training_sums(source, part, words=words, seed=seed) for part in folds]
    right = np.zeros(len(STRENGTHS))
    for place, fold in enumerate(folds):
        rest = ClassSums(source.concepts, source.dim, second=True)
        for other in parts[:place] + parts[place + 1 :]:
            rest.merge(other)
        probes = [ridge_probe(rest.finish(), strength=strength) for strength in STRENGTHS]
        for language in fold:
            x, y = training_words(source, language, words, seed)
            if len(y):
                right += [float((probe.codes(x) == y).double().mean()) for probe in probes]
    return STRENGTHS[int(right.argmax())]


def fitted_probe(
    source: FeatureSource,
    languages: Sequence[str],
    *,
    kind: ProbeKind = "ridge",
    words: int = 2000,
    strength: float | None = None,
    seed: int = 0,
) -> Classifier:
    """A probe of the training words of ``languages``, pooled, as ``source`` represents them.

    ``strength`` is that of ridge; None: :func:`chosen_strength`.
    """
    if kind not in ("ridge", "prototype"):
        raise UsageError(f"unknown probe {kind!r}", option="probe", remedy="use ridge or prototype")
    ridge = kind == "ridge"
    sums = training_sums(source, languages, words=words, seed=seed, second=ridge)
    if not ridge:
        return prototype_probe(sums)
    chosen = chosen_strength(source, languages, words=words, seed=seed) if strength is None else strength
    return ridge_probe(sums, strength=chosen)


def adapted(aligner: Aligner, source: FeatureSource, language: str, *, seed: int = 0) -> Classifier:
    """``aligner`` in ``language`` without labels.

    A transductive one looks at the untouched training words of the language, at its test words where there
    is no training split.
    """
    unlabelled = None
    if aligner.transductive:
        split: Literal["train", "test"] = "train" if language in source.languages("train") else "test"
        unlabelled = source.load(language, split).sentences
    return aligner.adapt(None, unlabelled=unlabelled, seed=seed)


@dataclass(frozen=True, eq=False)
class ProbeReadOut:
    """The share of words whose concept a classifier predicts correctly.

    ``how`` says how words are represented (its layers are those that are read), ``standardiser`` holds mean
    and scale of the language, from untouched words; None where words are not standardised. A concept that
    the classifier never predicts counts as wrong.
    """

    text: TargetText
    classifier: Classifier
    how: FeatureSpec
    standardiser: Standardiser | None
    pooling: Pooling
    name: str = "probe"

    def __post_init__(self) -> None:
        if len(self.classifier.valid) != len(self.text.task.concepts):
            what = f"a probe of {len(self.classifier.valid)} concepts"
            remedy = f"{self.text.task.name} has {len(self.text.task.concepts)}: use a probe of this task"
            raise UsageError(what, option="readouts", remedy=remedy)
        if self.how.other_layers:
            what = f"{self.name} reads the states of two models, and one is changed"
            raise UsageError(what, option="readouts", remedy="use a probe or an aligner of one model")

    @classmethod
    def of(
        cls, text: TargetText, classifier: Classifier, source: FeatureSource, *, name: str = "probe"
    ) -> "ProbeReadOut":
        """Of ``text``, represented and standardised as ``source`` does it for the text's language."""
        standardiser = source.standardiser(text.language)
        pooling = source.store.recipe.pooling
        return cls(text, classifier, source.spec, standardiser, pooling, name)

    @property
    def layers(self) -> tuple[int, ...]:
        return self.how.layers

    @property
    def rows(self) -> ReadRows:
        return self.text.rows

    def numbers(
        self, states: Mapping[int, torch.Tensor], places: NDArray[np.int64]
    ) -> Float64[np.ndarray, "rows numbers"]:
        """How many words of each concept are predicted correctly, then how many there are."""
        annotations = self.text.annotations.select(places)
        batch = [self.rows.pieces[place] for place in places]
        own = []
        for layer in self.layers:
            here = states[layer]
            words = pool(here, word_index(batch, here.shape[1], self.pooling)).cpu()
            start = None
            if all(pieces.start >= 0 for pieces in batch):
                begins = torch.tensor([pieces.start for pieces in batch], device=here.device)
                start = here[torch.arange(len(batch), device=here.device), begins].float().cpu()
            own.append(States(words, start, annotations.offsets, layer))
        found = represent(
            own,
            annotations,
            self.text.task,
            root=self.how.root,
            mwt=self.how.mwt,
            standardiser=self.standardiser,
            context=[self.layers.index(layer) for layer in self.how.context_layers],
        )
        right = self.classifier.codes(Sentences(found.x, found.offsets)) == found.y
        row, column = rows_of(np.diff(found.offsets).tolist()), found.y.numpy()
        shape = (len(places), len(self.text.task.concepts))
        correct = sums_by_row(row, column, right.numpy().astype(np.float64), shape)
        return np.hstack([correct, sums_by_row(row, column, np.ones(len(row)), shape)])

    def tallies(self, numbers: Float64[np.ndarray, "rows numbers"]) -> Mapping[str, Tally]:
        """``accuracy``, by the words' concept."""
        above, below = np.hsplit(numbers, 2)
        return {"accuracy": Tally(self.text.task.concepts, above, below)}
