"""Small annotations written out word by word, and a store that lives in memory."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from concept_align.spaces.features import Features
from concept_align.treebanks.concepts import RELATIONS, UPOS
from concept_align.treebanks.corpus import Annotations


@dataclass
class Word:
    upos: str | None
    relation: str | None = "dep"
    head: int = 1
    range: int = 0
    feats: str = ""


def annotate(*sentences: list[Word]) -> Annotations:
    words = [word for sentence in sentences for word in sentence]
    feats = ("", *sorted({word.feats for word in words} - {""}))
    return Annotations(
        offsets=np.cumsum([0, *(len(sentence) for sentence in sentences)]).astype(np.int64),
        upos=np.array([-1 if w.upos is None else UPOS.index(w.upos) for w in words], np.int8),
        relations=np.array(
            [-1 if w.relation is None else RELATIONS.index(w.relation) for w in words], np.int8
        ),
        subtypes=np.zeros(len(words), np.int16),
        heads=np.array([w.head for w in words], np.int32),
        feats=np.array([feats.index(w.feats) for w in words], np.int32),
        ranges=np.array([w.range for w in words], np.int16),
        subtype_names=("",),
        feats_names=feats,
    )


def planted(
    seed: int,
    *,
    sents: int = 60,
    length: int = 8,
    dim: int = 12,
    concepts: int = 5,
    noise: torch.Tensor | float = 1.0,
    spread: float = 3.0,
    centres: torch.Tensor | None = None,
    language: str = "en",
) -> tuple[Features, torch.Tensor]:
    """Words scattered by ``noise`` (a number or [dim]) about planted prototypes; and the prototypes."""
    draws = torch.Generator().manual_seed(seed)
    if centres is None:
        centres = spread * torch.randn(concepts, dim, generator=draws)
    y = torch.randint(0, len(centres), (sents * length,), generator=draws)
    x = centres[y] + noise * torch.randn(sents * length, centres.shape[1], generator=draws)
    offsets = np.arange(sents + 1, dtype=np.int64) * length
    return Features(language, tuple(f"c{k}" for k in range(len(centres))), x, y, offsets), centres


@dataclass
class MemoryRecipe:
    dim: int
    has_start: bool = True


@dataclass
class MemoryStates:
    words: torch.Tensor
    start: torch.Tensor | None


@dataclass
class MemoryStore:
    """``shards[language, split] = annotations, {layer: (words, start)}``."""

    recipe: MemoryRecipe
    shards: dict = field(default_factory=dict)
    reads: int = 0

    def languages(self, split=None, layer=None):
        found = {
            language
            for (language, at), (_, layers) in self.shards.items()
            if split in (None, at) and (layer is None or layer in layers)
        }
        return tuple(sorted(found))

    def treebank_of(self, language):
        return f"UD_{language}"

    def annotations(self, treebank, split):
        return self.shards[treebank.removeprefix("UD_"), split][0]

    def states(self, treebank, split, layer):
        self.reads += 1
        return MemoryStates(*self.shards[treebank.removeprefix("UD_"), split][1][layer])


@pytest.fixture
def tools():
    """The helpers of this file, for tests that cannot import it by name."""

    class Tools:
        pass

    Tools.Word, Tools.annotate, Tools.planted = Word, staticmethod(annotate), staticmethod(planted)
    Tools.MemoryStore, Tools.MemoryRecipe = MemoryStore, MemoryRecipe
    return Tools
