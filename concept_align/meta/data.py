"""What learners need of their languages: sets without a common member, counts, batches, validation."""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import LearningError
from ..seeding import derive, stream
from ..spaces.features import Features, Sentences
from ..treebanks import registry
from .episodes import Episode, EpisodeBatch, Pool, batch, schedule
from .learners.base import Aligner, TrainingData
from .learners.classifier import Classifier
from .maps import valid_concepts


def _language(name: str) -> str:
    """The code of a language, or of a treebank's."""
    found = registry.known(name)
    return found.language if found else name


def check_disjoint(
    train: Collection[str],
    validation: Collection[str],
    test: Collection[str],
    *,
    family: Callable[[str], str | None] | None = None,
) -> None:
    """Refuse languages that are in two of the three sets: one that chooses the model and tests it is a leak.

    With ``family`` (of a language) no family may be in both the training or validation languages and
    the test languages either: the stricter question of languages unlike any seen. Every family must be known.

    Raises LearningError naming the languages (or families) and the sets they are in.
    """
    # Two treebanks of one language are that language.
    sets = {"training": train, "validation": validation, "target": test}
    named = {name: {_language(one) for one in languages} for name, languages in sets.items()}
    for first, second in combinations(named, 2):
        if shared := sorted(named[first] & named[second]):
            raise LearningError(
                f"{', '.join(shared)} among the {first} and the {second} languages",
                where="languages",
                remedy=f"take them out of one: a {second} language may not have been learned from",
            )
    if family is None:
        return
    of = {language: family(language) for languages in named.values() for language in languages}
    if unknown := sorted(language for language, found in of.items() if found is None):
        raise LearningError(
            f"the family of {', '.join(unknown)} is not known",
            where="languages",
            remedy="leave them out, or do not ask for disjoint families",
        )
    seen = {str(of[language]) for language in named["training"] | named["validation"]}
    if shared := sorted(seen & {str(of[language]) for language in named["target"]}):
        raise LearningError(
            f"families {', '.join(shared)} among both the training and the target languages",
            where="languages",
            remedy="leave their languages out of one, or do not ask for disjoint families",
        )


def branches_of(languages: Iterable[str]) -> dict[str, str]:
    """The branch of its family of each language that the registry of treebanks knows."""
    known = {code: one for code in languages if (one := registry.known(code)) and one.family}
    return {code: f"{one.family}/{one.branch}" for code, one in known.items()}


def total_counts(data: TrainingData) -> torch.Tensor:
    """int64 [concepts]: training words of each concept over all training languages."""
    return torch.stack([data.load(language, "train").counts() for language in data.train]).sum(0)


def identity(data: TrainingData, name: str, config: Mapping[str, Any], seed: int) -> str:
    """A hash of what decides the outcome of a fit: learner, configuration, seed, languages, features."""
    digest = hashlib.sha256()
    known = [name, config, seed, data.source, data.train, data.validation, data.concepts]
    digest.update(json.dumps(known, sort_keys=True).encode())
    for language in (*data.train, *data.validation):
        features = data.load(language, "train")
        digest.update(repr((language, tuple(features.x.shape), features.offsets.tolist()[-3:])).encode())
        digest.update(features.y.numpy().tobytes())
        sample = features.rows(slice(None, None, max(1, features.words // 8)))
        digest.update(sample.contiguous().numpy().tobytes())
    return digest.hexdigest()


def require(features: Features, language: str) -> Features:
    """``features``, or LearningError if they hold no labelled word."""
    if not features.words:
        raise LearningError(
            f"no labelled words of {language}",
            where=f"features of {language}",
            remedy="leave the language out, or extract a treebank that is annotated for the task",
        )
    return features


class WordBatches:
    """Batches of words over all training languages, each language with equally many words an epoch."""

    def __init__(self, data: TrainingData, *, seed: int, stage: str, size: int, cap: int) -> None:
        """``cap``: words of a language an epoch, at most."""
        self.features = [require(data.load(language, "train"), language) for language in data.train]
        self.seed, self.stage, self.size = seed, stage, size
        self.takes = [min(features.words, cap) for features in self.features]
        self.steps = max(1, -(-sum(self.takes) // size))
        self._order = lru_cache(maxsize=1)(self._shuffled)

    def __call__(self, epoch: int, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """x [words, dim] and y [words] of one step."""
        chosen = self._order(epoch)[step * self.size : (step + 1) * self.size]
        rows = [torch.from_numpy(chosen[chosen[:, 0] == place, 1]) for place in range(len(self.features))]
        pairs = list(zip(self.features, rows, strict=True))
        return torch.cat([one.rows(own) for one, own in pairs]), torch.cat([one.y[own] for one, own in pairs])

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        """[words, 2] of an epoch: the place of the language, and the row in it."""
        rng, parts = stream(self.seed, self.stage, "words", epoch), []
        for place, (features, take) in enumerate(zip(self.features, self.takes, strict=True)):
            rows = rng.permutation(features.words)[:take]
            parts.append(np.stack([np.full(take, place), rows], axis=1))
        order = np.concatenate(parts)
        return order[rng.permutation(len(order))]


class SentenceBatches(WordBatches):
    """Batches of whole sentences of like length over all training languages."""

    POOL = 64  # batches whose sentences are put in order of length

    def __init__(self, data: TrainingData, *, seed: int, stage: str, size: int, cap: int) -> None:
        """``size``: sentences of a batch; ``cap``: of a language an epoch, at most."""
        super().__init__(data, seed=seed, stage=stage, size=size, cap=cap)
        self.pools = [Pool(features).sentences for features in self.features]  # those with a word
        self.takes = [min(len(pool), cap) for pool in self.pools]
        self.steps = -(-sum(self.takes) // size)

    def __call__(self, epoch: int, step: int) -> tuple[Any, torch.Tensor]:
        """Sentences of one step and y [words]."""
        chosen, parts, labels = self._order(epoch)[step * self.size : (step + 1) * self.size], [], []
        for place, features in enumerate(self.features):
            own = chosen[chosen[:, 0] == place, 1]
            if len(own):
                sentences, rows = features.sentences.take(own)
                parts.append(sentences)
                labels.append(features.y[rows])
        return Sentences.joined(parts), torch.cat(labels)

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        """[sentences, 2] of an epoch: the place of the language, and the sentence in it."""
        rng, parts, lengths = stream(self.seed, self.stage, "sentences", epoch), [], []
        for place, (features, pool, take) in enumerate(
            zip(self.features, self.pools, self.takes, strict=True)
        ):
            own = rng.permutation(pool)[:take]
            parts.append(np.stack([np.full(take, place), own], axis=1))
            lengths.append(np.diff(features.offsets)[own])
        order, longest = np.concatenate(parts), np.concatenate(lengths)
        mixed = rng.permutation(len(order))
        many = self.POOL * self.size
        pooled = [mixed[at : at + many] for at in range(0, len(mixed), many)]
        sorted_ = np.concatenate([one[np.argsort(longest[one], kind="stable")] for one in pooled])
        # Whole batches in random order, the last one, which may be smaller, in its place.
        whole = len(sorted_) // self.size * self.size
        batches = sorted_[:whole].reshape(-1, self.size)
        return order[np.concatenate([rng.permutation(batches).reshape(-1), sorted_[whole:]])]


class EpisodeBatches:
    """The episodes of a stage, some of them at once; each one's number of shots is drawn with it."""

    def __init__(
        self,
        data: TrainingData,
        languages: Sequence[str],
        *,
        seed: int,
        stage: str,
        episodes: int,
        queries: int,
        shots: Sequence[int],
        episodes_per_step: int = 1,
    ) -> None:
        """``episodes``: of a language an epoch; ``queries``: sentences, at most half of a language's."""
        self.languages, self.seed, self.stage = tuple(languages), seed, stage
        self.each, self.per_step = episodes, episodes_per_step
        self.queries, self.shots = queries, tuple(shots)
        self.pools = {code: Pool(require(data.load(code, "train"), code)) for code in self.languages}
        self.steps = -(-self.each * len(self.languages) // self.per_step)

    def __call__(self, epoch: int, step: int) -> EpisodeBatch:
        """The episodes of one step."""
        order = schedule(self.seed, self.stage, epoch, self.languages, self.each)
        chosen = order[step * self.per_step :][: self.per_step]
        return batch([self._drawn(language, number) for language, number in chosen], self.pools)

    def _drawn(self, language: str, number: int) -> Episode:
        pool, rng = self.pools[language], stream(self.seed, self.stage, language, number)
        queries = min(self.queries, max(1, len(pool.sentences) // 2))
        shots = min(int(rng.choice(self.shots)), len(pool.sentences) - queries)
        return pool.draw(rng, shots=shots, queries=queries, smoothing=False)


def accuracy(classifier: Classifier, test: Features) -> float:
    """The share of the words of ``test`` that are of the concept predicted."""
    return float((classifier.codes(test.sentences) == test.y).double().mean())


class Validation:
    """Accuracy on the validation languages: all words of their dev split, none of them learned from.

    Words of concepts that are not valid count as errors. Support sets come from the language's training
    split, the same for every call.
    """

    def __init__(
        self, data: TrainingData, *, least: int, seed: int, known: torch.Tensor | None = None
    ) -> None:
        """``known`` (bool [concepts]) is what is valid; without it, the concepts that have ``least`` training
        words in the source and in the language, as published (the latter are labels of the language)."""
        source = data.load(data.source, "train").counts()
        self.languages = data.validation or data.train
        self.load, self.seed = data.load, seed
        split = "dev" if data.validation else "train"
        self.queries, self.valid = {}, {}
        for language in self.languages:
            self.queries[language] = require(data.load(language, split), language)  # type: ignore[arg-type]
            own = data.load(language, "train").counts()
            self.valid[language] = valid_concepts(source, own, least) if known is None else known

    def accuracy(self, classifier: Callable[[str], Classifier]) -> float:
        """Mean over languages of the accuracy of ``classifier(language)``."""
        found = [accuracy(classifier(language), query) for language, query in self.queries.items()]
        return sum(found) / len(found)

    def few_shot(
        self, aligner: Aligner, shots: int, *, smoothing: bool = False, seed: int = 0, looks: bool = False
    ) -> float:
        """Mean accuracy of ``aligner`` given ``shots`` sentences of each language; with ``looks``, those that
        are transductive are given its training words without their labels."""

        def adapted(language: str) -> Classifier:
            support = self.support(language, shots, smoothing=smoothing) if shots else None
            sees = looks and aligner.transductive
            unlabelled = self.load(language, "train").sentences if sees else None
            return aligner.adapt(support, unlabelled=unlabelled, valid=self.valid[language], seed=seed)

        return self.accuracy(adapted)

    def accuracies(self, aligner: Aligner, shots: Sequence[int]) -> dict[str, float]:
        """Accuracy at each number of shots; their mean first, for it chooses an epoch."""
        found = {f"{number}-shot accuracy": self.few_shot(aligner, number) for number in shots}
        return {"mean accuracy": sum(found.values()) / len(found), **found}

    def support(self, language: str, shots: int, *, smoothing: bool = False) -> Features:
        """``shots`` sentences of the language's training split; fewer where it has fewer."""
        train = require(self.load(language, "train"), language)
        pool = Pool(train)
        shots = min(shots, len(pool.sentences))
        rng = stream(self.seed, "validation", language, shots)
        return train.of_sentences(pool.draw(rng, shots=shots, queries=0, smoothing=smoothing).support)


def torch_stream(seed: int, *purpose: str | int) -> torch.Generator:
    """The torch generator for ``purpose``: :func:`concept_align.seeding.stream` for tensors."""
    return torch.Generator().manual_seed(derive(seed, *purpose))
