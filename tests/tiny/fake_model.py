"""A language model for tests of the store: deterministic states, no weights, no transformers.

A piece is up to four characters; its state is a smooth function of its characters, the layer and the
column alone, so states can be computed again by hand and do not depend on batches.
"""

import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from concept_align.errors import ModelError
from concept_align.models.protocol import Pieces, WordStates
from concept_align.types import FinalNorm, ModelKind, Pooling


def piece_state(ids: NDArray[np.int32], layer: int, dim: int) -> torch.Tensor:
    """float32 [pieces, dim]."""
    column = torch.arange(1, dim + 1, dtype=torch.float64)
    phase = torch.from_numpy(ids.astype(np.float64))[:, None]
    return torch.sin(phase * column * 0.37 + layer).float()


@dataclass
class FakeModel:
    name: str = "fake"
    revision: str = "0123456789abcdef"
    architecture: str = "FakeModel"
    kind: ModelKind = "encoder"
    layers: int = 3
    dim: int = 8
    max_pieces: int = 256
    final_norm: FinalNorm = "none"
    has_start: bool = True
    largest: float = 1.0
    dtype: torch.dtype = torch.float32
    device: torch.device = torch.device("cpu")  # noqa: RUF009
    scale: float = 1.0
    window: int = 7  # sentences given back at once
    seconds_a_sentence: float = 0.0
    unreadable: str = "\N{SNOWMAN}"  # a word of this has no piece
    calls: int = 0  # sentences whose states were computed

    def pieces(self, text: str, spans: NDArray[np.int32]) -> Pieces:
        ids, begin, end = [1] if self.has_start else [], [], []
        for low, high in spans.tolist():
            word = text[low:high]
            if self.unreadable in word:
                raise ModelError(f"the word {word!r} has no piece")
            begin.append(len(ids))
            ids += [zlib.crc32(word[at : at + 4].encode()) % 9973 for at in range(0, len(word), 4)]
            end.append(len(ids))
        return Pieces(
            np.array(ids, np.int32),
            np.array(begin, np.int32),
            np.array(end, np.int32),
            0 if self.has_start else -1,
        )

    def pieces_many(
        self, texts: Sequence[str], spans: Sequence[NDArray[np.int32]]
    ) -> list[Pieces | ModelError]:
        found: list[Pieces | ModelError] = []
        for text, own in zip(texts, spans, strict=True):
            try:
                found.append(self.pieces(text, own))
            except ModelError as error:
                found.append(error)
        return found

    def word_states(
        self,
        sentences: Sequence[Pieces],
        layers: Sequence[int],
        *,
        pooling: Pooling,
        batch_pieces: int = 1024,
    ) -> Iterator[WordStates]:
        for first in range(0, len(sentences), self.window):
            some = sentences[first : first + self.window]
            self.calls += len(some)
            if self.seconds_a_sentence:
                time.sleep(self.seconds_a_sentence * len(some))
            lengths = [len(sentence.begin) for sentence in some]
            yield WordStates(
                np.arange(first, first + len(some)),
                np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
                {layer: torch.cat([self._words(s, layer, pooling) for s in some]) for layer in layers},
                {
                    layer: torch.cat([piece_state(s.ids[:1], layer, self.dim) for s in some])
                    for layer in layers
                }
                if self.has_start
                else {},
            )

    def _start(self, some: Sequence[Pieces], layer: int) -> torch.Tensor:
        return torch.cat([piece_state(sentence.ids[:1], layer, self.dim) for sentence in some])

    def _words(self, sentence: Pieces, layer: int, pooling: Pooling) -> torch.Tensor:
        states = piece_state(sentence.ids, layer, self.dim) * self.scale
        rows = []
        for begin, end in zip(sentence.begin.tolist(), sentence.end.tolist(), strict=True):
            own = states[begin:end]
            rows.append({"first": own[0], "last": own[-1], "mean": own.mean(0)}[pooling])
        return torch.stack(rows)
