"""Batches of sentences by a budget of tokens, windows that bound what is held at once, words out of batches.

Sentences are sorted by length inside a window of a few thousand, so that a batch carries next to no
padding (2.06x the tokens unsorted, 1.01x sorted), and put back in order when the window is done. States of
words are one gather or one segment mean a batch and layer, no loop over words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from numpy.typing import NDArray

from .. import ragged
from ..types import Pooling
from .protocol import Pieces

WINDOW_SENTENCES = 2048


def windows(
    words: NDArray[np.int64], max_words: int, max_sentences: int = WINDOW_SENTENCES
) -> Iterator[range]:
    """Consecutive sentences with at most ``max_words`` words and ``max_sentences`` sentences together.

    ``words`` [sents] counts each sentence's words. A sentence longer than ``max_words`` stands alone.
    """
    begin, held = 0, 0
    for sentence, count in enumerate(words.tolist()):
        if sentence > begin and (held + count > max_words or sentence - begin == max_sentences):
            yield range(begin, sentence)
            begin, held = sentence, 0
        held += count
    if begin < len(words):
        yield range(begin, len(words))


def batches(
    lengths: NDArray[np.int64], budget: int, *, equal_lengths: bool = False
) -> list[NDArray[np.int64]]:
    """Sentences of one window as batches, longest first: rows * longest row <= ``budget`` tokens.

    ``lengths`` [sents] counts tokens. A sentence longer than the budget is a batch of its own.
    ``equal_lengths`` forbids padding altogether, for models that read it. Longest first: a batch that
    does not fit the memory shows at once.
    """
    order = np.argsort(-lengths, kind="stable")
    found: list[NDArray[np.int64]] = []
    begin = 0
    while begin < len(order):
        longest = int(lengths[order[begin]])
        end = min(len(order), begin + max(1, budget // max(longest, 1)))
        if equal_lengths:
            end = begin + int(np.searchsorted(-lengths[order[begin:end]], -longest, side="right"))
        found.append(order[begin:end])
        begin = end
    return found


@dataclass(frozen=True, eq=False)
class WordIndex:
    """Where the words of a batch lie in its states seen as ``[rows * length, dim]``.

    ``pieces`` lists the rows of each word, word after word; ``bags`` says where each word begins in that
    list. Words share rows where they share tokens.
    """

    pieces: Int64[torch.Tensor, " rows"]
    bags: Int64[torch.Tensor, " words"]
    single: bool  # one token for every word: a gather is enough


def word_index(batch: Sequence[Pieces], length: int, pooling: Pooling) -> WordIndex:
    """The rows that make up each word of ``batch``, whose rows are padded to ``length`` tokens."""
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
