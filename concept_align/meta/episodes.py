"""Episodes: from one language some labelled support sentences and some query sentences, never the same.

What an episode holds depends on (seed, stage, language, number of the episode) alone, so that neither
order nor resuming nor workers change it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from .. import ragged
from ..errors import LearningError
from ..seeding import stream
from ..spaces.features import Features
from .maps import rounded_up


@dataclass(frozen=True, eq=False)
class Episode:
    """One language; places of its support and query sentences in the pool, without a common one."""

    language: str
    support: NDArray[np.int64]  # [sents]
    query: NDArray[np.int64]  # [sents]

    def __post_init__(self) -> None:
        if self.support.size and np.intersect1d(self.support, self.query).size:
            raise LearningError(f"support and query of an episode of {self.language} share sentences")


class Pool:
    """The sentences of one language that episodes are drawn from; sentences without an item are left out."""

    def __init__(self, features: Features, *, least: int = 1) -> None:
        """``least``: a class with fewer words in the pool is not asked to be in the support."""
        self.features = features
        self.sentences: NDArray[np.int64] = np.flatnonzero(ragged.lengths(features.offsets)).astype(np.int64)
        labels, sentence_of = features.y.numpy(), ragged.sentence_of(features.offsets)
        counts = np.bincount(labels, minlength=len(features.concepts))
        # class -> sentences that have it
        self.having: dict[int, NDArray[np.int64]] = {
            int(label): np.unique(sentence_of[labels == label]) for label in np.flatnonzero(counts >= least)
        }

    def draw(self, rng: np.random.Generator, *, shots: int, queries: int, smoothing: bool = True) -> Episode:
        """``shots`` support and ``queries`` query sentences at random.

        ``smoothing``: for each class of the pool that the support lacks, one random sentence that has it
        is added to the support (not with 0 shots). A class whose every sentence is in the query already
        gives way: the query is drawn after the support. Raises LearningError where the pool is too small.
        """
        language = self.features.language
        if shots < 0 or queries < 0 or shots + queries > len(self.sentences):
            raise LearningError(
                f"{language} has {len(self.sentences)} sentences, too few for {shots} support and "
                f"{queries} query sentences",
                where=f"episodes of {language}",
                remedy="extract more sentences, or ask for fewer",
            )
        support = rng.choice(self.sentences, size=shots, replace=False) if shots else self.sentences[:0]
        if smoothing and shots:
            support = self._smoothed(rng, support)
        rest = np.setdiff1d(self.sentences, support) if len(support) else self.sentences
        # In a small pool smoothing may have taken sentences that the query counted on.
        query = rng.choice(rest, size=min(queries, len(rest)), replace=False)
        return Episode(language, support, query)

    def _smoothed(self, rng: np.random.Generator, support: NDArray[np.int64]) -> NDArray[np.int64]:
        present = set(self.features.of_sentences(support).y.unique().tolist())
        chosen = support.tolist()
        for label, sentences in self.having.items():
            if label not in present:
                extra = int(rng.choice(sentences))
                chosen.append(extra)
                present.update(self.features.of_sentences(np.array([extra])).y.tolist())
        return np.array(chosen, dtype=np.int64)

    def episode(
        self, seed: int, stage: str, number: int, *, shots: int, queries: int, smoothing: bool = True
    ) -> Episode:
        """Episode ``number`` of ``stage`` in this language."""
        rng = stream(seed, stage, self.features.language, number)
        return self.draw(rng, shots=shots, queries=queries, smoothing=smoothing)


@dataclass(frozen=True, eq=False)
class Words:
    """Words of several tasks one after another, and how to lay them out with one row per task.

    Maps with many parameters run on ``x`` as it is (no padding is computed on); small maps that differ by
    task run on ``padded(f(x))``.
    """

    x: torch.Tensor  # float32 [at least words, dim]: some rows more, so that few shapes occur
    y: torch.Tensor  # int64 [words]
    task: torch.Tensor  # int64 [words]: whose word
    place: torch.Tensor  # int64 [words]: its column in the padded layout
    tasks: int

    @classmethod
    def alone(cls, x: torch.Tensor, y: torch.Tensor | None = None) -> "Words":
        """Words of one task; ``y`` does not matter where none is given."""
        y = torch.zeros(len(x), dtype=torch.int64) if y is None else y
        return cls(x, y, torch.zeros(len(y), dtype=torch.int64), torch.arange(len(y)), 1)

    @property
    def longest(self) -> int:
        """Columns of the padded layout; a few more than needed, so that few shapes occur."""
        return rounded_up(int(self.place.max()) + 1, 32) if len(self.place) else 0

    def padded(self, values: torch.Tensor) -> torch.Tensor:
        """[words, ...] -> [tasks, longest, ...], zero where a task has no word."""
        out = values.new_zeros(self.tasks, self.longest, *values.shape[1:])
        return out.index_put((self.task, self.place), values)

    def flat(self, values: torch.Tensor) -> torch.Tensor:
        """[tasks, longest, ...] -> [words, ...]: the inverse of :meth:`padded`."""
        return values[self.task, self.place]


@dataclass(frozen=True, eq=False)
class EpisodeBatch:
    """Episodes of any languages side by side, for one call."""

    languages: tuple[str, ...]  # [tasks]
    support: Words
    query: Words

    @property
    def tasks(self) -> int:
        return len(self.languages)


def _words(parts: Sequence[Features], dim: int) -> Words:
    lengths = [part.words for part in parts]
    none = torch.zeros(0, dtype=torch.int64)
    spare = torch.zeros(rounded_up(sum(lengths), 64) - sum(lengths), dim)
    return Words(
        torch.cat([*(part.x for part in parts), spare]),
        torch.cat([part.y for part in parts]) if parts else none,
        torch.repeat_interleave(torch.arange(len(parts)), torch.tensor(lengths, dtype=torch.int64)),
        torch.cat([torch.arange(length) for length in lengths]) if parts else none,
        len(parts),
    )


def batch(episodes: Sequence[Episode], pools: dict[str, Pool]) -> EpisodeBatch:
    """The represented words of ``episodes``, support and query apart."""
    features = [pools[episode.language].features for episode in episodes]
    dim = features[0].dim if features else 0
    pairs = list(zip(features, episodes, strict=True))
    return EpisodeBatch(
        tuple(episode.language for episode in episodes),
        _words([feature.of_sentences(episode.support) for feature, episode in pairs], dim),
        _words([feature.of_sentences(episode.query) for feature, episode in pairs], dim),
    )


IGNORED = -100  # the target of a row that has no part in a loss; what torch's cross_entropy passes over


def query_words(
    features: Features, targets: torch.Tensor, sentences: NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor]:
    """x [at least words, dim] and ``targets`` of the given sentences; IGNORED in rows that only round up."""
    chosen, offsets = ragged.take(features.offsets, sentences)
    words = int(offsets[-1])
    rows = np.zeros(rounded_up(words, 64), dtype=np.int64)
    rows[:words] = chosen
    taken = torch.from_numpy(rows)
    y = targets.index_select(0, taken)
    y[words:] = IGNORED
    return features.rows(taken), y


@lru_cache(maxsize=8)
def schedule(
    seed: int, stage: str, epoch: int, languages: tuple[str, ...], each: int
) -> list[tuple[str, int]]:
    """The (language, episode number) of one epoch, ``each`` of every language, in random order.

    Numbers go on from epoch to epoch, so no episode comes twice. The last ones asked for are kept.
    """
    order = stream(seed, stage, "order", epoch).permutation(len(languages) * each)
    return [
        (languages[place % len(languages)], epoch * each + int(place) // len(languages)) for place in order
    ]
