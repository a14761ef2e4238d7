"""Word states from piece states: one gather or one segment mean a batch and layer, no loop over words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64

from .. import ragged
from ..types import Pooling
from .protocol import Pieces


@dataclass(frozen=True, eq=False)
class WordIndex:
    """Where the words of a batch lie in its states seen as ``[rows * length, dim]``.

    ``pieces`` lists the rows of each word, word after word; ``bags`` says where each word begins in that
    list. Words share rows where they share pieces.
    """

    pieces: Int64[torch.Tensor, " rows"]
    bags: Int64[torch.Tensor, " words"]
    single: bool  # one piece for every word: a gather is enough


def word_index(batch: Sequence[Pieces], length: int, pooling: Pooling) -> WordIndex:
    """The rows that make up each word of ``batch``, whose rows are padded to ``length`` pieces."""
    begin = np.concatenate([row * length + p.begin.astype(np.int64) for row, p in enumerate(batch)])
    end = np.concatenate([row * length + p.end.astype(np.int64) for row, p in enumerate(batch)])
    if pooling == "first":
        end = begin + 1
    elif pooling == "last":
        begin = end - 1
    rows, bags = ragged.runs(begin, end - begin)
    single = bool((end - begin == 1).all())
    return WordIndex(torch.from_numpy(rows), torch.from_numpy(bags[:-1]), single)


def pool(
    states: Float[torch.Tensor, "rows length dim"], index: WordIndex
) -> Float32[torch.Tensor, "words dim"]:
    """States of words, summed in float32."""
    flat = states.flatten(0, 1)
    pieces = index.pieces.to(flat.device)
    if index.single:
        return flat[pieces].float()
    bags = index.bags.to(flat.device)
    return torch.nn.functional.embedding_bag(pieces, flat.float(), bags, mode="mean")
