"""Word states from piece states: one gather or one segment mean a batch and layer, no loop over words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ..types import Pooling
from .protocol import Pieces


@dataclass(frozen=True, eq=False)
class WordIndex:
    """Where the words of a batch lie in its states seen as ``[rows * length, dim]``.

    ``pieces`` lists the rows of each word, word after word; ``bags`` [words] says where each word begins
    in that list. Words share rows where they share pieces.
    """

    pieces: torch.Tensor  # int64
    bags: torch.Tensor  # int64 [words]
    single: bool  # one piece a word: a gather is enough


def word_index(batch: Sequence[Pieces], length: int, pooling: Pooling) -> WordIndex:
    """The rows that make up each word of ``batch``, whose rows are padded to ``length`` pieces."""
    begin = np.concatenate([row * length + p.begin.astype(np.int64) for row, p in enumerate(batch)])
    end = np.concatenate([row * length + p.end.astype(np.int64) for row, p in enumerate(batch)])
    if pooling == "first":
        end = begin + 1
    elif pooling == "last":
        begin = end - 1
    counts = end - begin
    bags = np.zeros(len(counts), dtype=np.int64)
    np.cumsum(counts[:-1], out=bags[1:])
    rows = _ranges(begin, counts, bags)
    return WordIndex(torch.from_numpy(rows), torch.from_numpy(bags), bool((counts == 1).all()))


def _ranges(
    begin: NDArray[np.int64], counts: NDArray[np.int64], bags: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``begin[w], begin[w] + 1, ...`` for each word, one after the other."""
    return np.arange(int(counts.sum()), dtype=np.int64) + np.repeat(begin - bags, counts)


def pool(states: torch.Tensor, index: WordIndex) -> torch.Tensor:
    """float32 [words, dim] from ``states`` [rows, length, dim] of any dtype, summed in float32."""
    flat = states.flatten(0, 1)
    pieces = index.pieces.to(flat.device)
    if index.single:
        return flat[pieces].float()
    return torch.nn.functional.embedding_bag(
        pieces, flat.float(), index.bags.to(flat.device), mode="mean", include_last_offset=False
    )
