"""Sums over the training words of a store's languages: all that directions of concepts are made of.

Words are drawn sentence by sentence. Of those with a label, sums by concept are kept, and the same with the
labels permuted within sentences; of all words, whatever the task, their mean and covariance. All in float64.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Self

import numpy as np
import torch
from jaxtyping import Float64, Int64

from .. import ragged
from ..class_sums import ClassSums
from ..errors import LearningError, UsageError
from ..seeding import stream
from ..spaces.represent import select_items
from ..spaces.source import FeatureSource
from .spans import Floats

LEAST_WORDS = 10  # of a concept in a language, for a mean of its own


@dataclass(frozen=True, eq=False)
class LanguageMoments:
    """One language's words: counts and sums by concept, of right and of shuffled labels; mean, covariance."""

    concepts: tuple[str, ...]
    counts: Int64[np.ndarray, " concepts"]
    sums: Float64[np.ndarray, "concepts dim"]
    shuffled: Float64[np.ndarray, "concepts dim"]
    mean: Float64[np.ndarray, " dim"]  # of all words
    covariance: Float64[np.ndarray, "dim dim"]  # of all words
    words: int  # all of them, with a label and without

    def means(
        self, *, shuffled: bool = False, least: int = LEAST_WORDS
    ) -> Float64[np.ndarray, "concepts dim"]:
        """Mean states of concepts; NaN for one with fewer than ``least`` words."""
        counts = np.where(self.counts >= max(least, 1), self.counts, np.nan)
        return np.asarray((self.shuffled if shuffled else self.sums) / counts[:, None])

    @property
    def cross(self) -> Float64[np.ndarray, "dim concepts"]:
        """The covariance of the labelled words' states with the indicators of concepts."""
        labelled = self.counts.sum()
        middle = self.sums.sum(0) / labelled
        return np.asarray((self.sums - self.counts[:, None] * middle).T / labelled)


@dataclass(frozen=True, eq=False)
class StateMoments:
    """Those of several languages at a layer, pooled with equal weight."""

    layer: int
    concepts: tuple[str, ...]
    languages: Mapping[str, LanguageMoments]

    def of(self, languages: Sequence[str]) -> Self:
        """The same of some of the languages. UsageError for one that is not here, or for none."""
        missing = [name for name in languages if name not in self.languages]
        if missing or not languages:
            what = f"no moments of {', '.join(missing) or 'no language'}"
            raise UsageError(what, option="sources", remedy=f"choose from {', '.join(self.languages)}")
        chosen = {name: self.languages[name] for name in languages}
        return type(self)(self.layer, self.concepts, chosen)

    def means(self, *, shuffled: bool = False, least: int = LEAST_WORDS) -> dict[str, Floats]:
        """Mean states [concepts, dim] by language, as :func:`concept_span` takes them."""
        return {name: one.means(shuffled=shuffled, least=least) for name, one in self.languages.items()}

    @property
    def language_means(self) -> dict[str, Floats]:
        """The mean state [dim] of all words, by language."""
        return {name: one.mean for name, one in self.languages.items()}

    @cached_property
    def centre(self) -> Float64[np.ndarray, " dim"]:
        """The mean word of a language, over languages."""
        return np.mean([one.mean for one in self.languages.values()], axis=0)

    @cached_property
    def covariance(self) -> Float64[np.ndarray, "dim dim"]:
        """Of all words around their language's mean."""
        return np.mean([one.covariance for one in self.languages.values()], axis=0)

    @cached_property
    def cross(self) -> Float64[np.ndarray, "dim concepts"]:
        """Of labelled words and concepts within languages, as :func:`leace_span` takes it."""
        return np.mean([one.cross for one in self.languages.values()], axis=0)


def state_moments(
    source: FeatureSource, languages: Sequence[str], *, words: int = 20_000, seed: int = 0
) -> StateMoments:
    """Of at most ``words`` training words of each of ``languages``, in sentences drawn by ``seed``.

    ``source`` has one layer, states as they are (``standardise="none"``) and a task that is asked of words.
    UsageError for another, LearningError for a language without a labelled word.
    """
    spec = source.spec
    if source.task.relational:
        what = f"{spec.task} is asked of a word and its head, no state of the model is about both"
        raise UsageError(what, option="task", remedy="use upos, a feature or a column")
    if len(spec.layers) != 1 or spec.context_layers or spec.other_layers or spec.standardise != "none":
        what = f"features of layers {spec.layer_name}, standardised by {spec.standardise}, are no states"
        remedy = "give a source of one layer that is not standardised (none)"
        raise UsageError(what, option="layers", remedy=remedy)
    found = {language: _moments(source, language, words, seed) for language in languages}
    if not found:
        raise UsageError("no language to learn directions from", option="sources", remedy="name some")
    return StateMoments(spec.layers[0], source.concepts, found)


def _moments(source: FeatureSource, language: str, words: int, seed: int) -> LanguageMoments:
    treebank = source.treebank(language)
    states = source.store.states(treebank, "train", source.layers[0])
    annotations = source.store.annotations(treebank, "train")
    items = select_items(annotations, source.task, root=source.spec.root, mwt=source.spec.mwt)
    random = stream(seed, "moments", language)
    order = random.permutation(states.sents)
    most = int(np.searchsorted(np.cumsum(np.diff(states.offsets)[order]), words, side="right"))
    chosen = np.sort(order[: max(most, 1)])  # one sentence at least, however long
    places, offsets = ragged.take(items.offsets, chosen)
    rows, y = items.rows[places], items.y[places]
    if not len(rows):
        remedy = "leave the language out, or allow more words"
        raise LearningError("no labelled training word", where=f"language {language}", remedy=remedy)
    shuffled = np.concatenate([random.permutation(y[low:high]) for low, high in pairwise(offsets.tolist())])
    dim = states.words.shape[1]
    right, wrong = (ClassSums(source.concepts, dim) for _ in range(2))
    x = states.words[torch.from_numpy(rows)]
    right.update(x, torch.from_numpy(y))
    wrong.update(x, torch.from_numpy(shuffled))
    every = ClassSums(("word",), dim, second=True)
    everything = states.sentences(chosen)
    every.update(everything, torch.zeros(len(everything), dtype=torch.int64))
    mean, second = every.finish().means()[0].numpy(), every.second
    assert second is not None
    covariance = second.numpy() / len(everything) - np.outer(mean, mean)
    counts, sums, wrong_sums = (one.numpy() for one in (right.counts, right.sums, wrong.sums))
    return LanguageMoments(source.concepts, counts, sums, wrong_sums, mean, covariance, len(everything))
