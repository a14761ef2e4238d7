"""Planted multilingual concept spaces: what a learner should find is known."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from concept_align.meta.data import branches_of
from concept_align.meta.learners.base import TrainingData
from concept_align.seeding import stream
from concept_align.spaces.features import Features
from concept_align.store import Recipe, Store
from concept_align.store.keys import layer_name, words_name
from concept_align.store.manifest import Marker, write_shard
from concept_align.store.shards import kept_digest, words_tensors
from concept_align.treebanks.corpus import Annotations
from concept_align.types import Split

CONCEPTS = ("noun", "verb", "adjective", "pronoun", "particle", "number")


@dataclass(frozen=True)
class Planted:
    """Languages share class means; each moves its words by an affine map of its own of size ``shift``."""

    dim: int = 24
    sents: int = 120
    length: int = 8
    noise: float = 0.35
    shift: float = 0.0  # 0: one space for all
    shuffled: bool = False  # labels without a relation to the words
    seed: int = 0

    def means(self) -> np.ndarray:
        return stream(self.seed, "means").normal(size=(len(CONCEPTS), self.dim))

    def __call__(self, language: str, split: Split) -> Features:
        rng = stream(self.seed, language, split)
        own = stream(self.seed, language, "map")
        turn = np.eye(self.dim) + self.shift * own.normal(size=(self.dim, self.dim)) / np.sqrt(self.dim)
        move = self.shift * own.normal(size=self.dim)
        lengths = rng.integers(1, 2 * self.length, size=self.sents)
        words = int(lengths.sum())
        y = rng.choice(len(CONCEPTS), size=words, p=[0.3, 0.25, 0.2, 0.1, 0.1, 0.05])
        x = (self.means()[y] + self.noise * rng.normal(size=(words, self.dim))) @ turn + move
        if self.shuffled:
            y = rng.permutation(y)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Features(
            language, CONCEPTS, torch.from_numpy(x).float(), torch.from_numpy(y.astype(np.int64)), offsets
        )

    def data(self) -> TrainingData:
        cache: dict[tuple[str, Split], Features] = {}

        def load(language: str, split: Split) -> Features:
            if (language, split) not in cache:
                cache[language, split] = self(language, split)
            return cache[language, split]

        train = ("en", "de", "fr", "ru", "ja")
        return TrainingData("en", train, ("et", "he"), CONCEPTS, load, branches_of(train))


def write_store(folder: Path, planted: Planted, languages: Sequence[str], *, name: str = "Planted") -> Path:
    """A store of one layer (layer 1) with the words of ``planted``; its concepts stand for word classes."""
    recipe = Recipe(
        model="planted",
        revision="0",
        architecture="Planted",
        kind="encoder",
        layers=1,
        dim=planted.dim,
        dtype="float32",
        save_dtype="float32",
        pooling="mean",
        max_words=128,
        final_norm="none",
        has_start=False,
    )
    store = Store.create(folder, recipe)
    for language in languages:
        treebank = f"UD_{name}-{language.upper()}"
        for split in ("train", "dev", "test"):
            features = planted(language, split)
            zeros = np.zeros(features.words)
            annotations = Annotations(
                offsets=features.offsets,
                upos=features.y.numpy().astype(np.int8),
                relations=zeros.astype(np.int8),
                subtypes=zeros.astype(np.int16),
                heads=zeros.astype(np.int32),
                feats=zeros.astype(np.int32),
                ranges=zeros.astype(np.int16),
                subtype_names=("",),
                feats_names=("",),
            )
            kept = np.arange(features.sents, dtype=np.int64)
            marker = Marker(
                size=0,
                sha256="",
                kind="words",
                recipe=store.fingerprint,
                treebank=treebank,
                language=language,
                split=split,
                source_sha256="planted",
                kept=kept_digest(kept),
                words=features.words,
                sents=features.sents,
            )
            path = folder / treebank / words_name(split)
            path.parent.mkdir(exist_ok=True)
            write_shard(path, marker, *words_tensors(annotations, kept, [str(n) for n in kept]))
            path = folder / treebank / layer_name(split, 1)
            write_shard(path, replace(marker, kind="states", layer=1), {"words": features.x})
    return folder
