"""What the rest of the project knows of a language model.

Layer 0 is the output of the embeddings, layer n what block n puts out. Whether the model's final norm
has been applied to the states of the last layer is recorded in ``final_norm``: "none" (the architecture
has none, BERT), "post" (applied, as in ``hidden_states[-1]`` of GPT-2 or Llama), "pre" (states taken
before it).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, Int, Int32, Int64

from ..errors import ModelError
from ..types import FinalNorm, ModelKind, Pooling


@dataclass(frozen=True, eq=False)
class Pieces:
    """A sentence as the model reads it: its tokens, and which of them each word covers.

    Word w covers the contiguous tokens ``begin[w]:end[w]``; words of one multiword token, or words that
    one token spans, may share tokens. ``start`` is the place of the sentence-start token ([CLS], BOS),
    -1 where the model has none.
    """

    ids: Int32[np.ndarray, " tokens"]  # special ones included
    begin: Int32[np.ndarray, " words"]
    end: Int32[np.ndarray, " words"]
    start: int


@dataclass(frozen=True, eq=False)
class WordStates:
    """States of the words of some consecutive sentences, in the order they were asked for."""

    sentences: Int64[np.ndarray, " sents"]  # their places in the sequence that was given
    offsets: Int64[np.ndarray, " bounds"]  # [sents + 1]
    words: dict[int, Float[torch.Tensor, "words dim"]]  # by layer
    start: dict[int, Float[torch.Tensor, "sents dim"]]  # by layer; empty where there is no start token


class LanguageModel(Protocol):
    """A loaded, frozen model with its tokenizer."""

    name: str  # hub id or folder as the user gave it
    revision: str  # commit hash, or a hash of the weights' files for a local folder
    architecture: str  # "BertModel"
    kind: ModelKind
    layers: int  # number of blocks; states exist for layers 0..layers
    dim: int
    max_pieces: int  # the model's window
    final_norm: FinalNorm
    has_start: bool
    largest: float  # absolute value among all layers' states of a probe sentence
    dtype: torch.dtype
    device: torch.device

    def pieces_many(
        self, texts: Sequence[str], spans: Sequence[Int[np.ndarray, "words 2"]]
    ) -> list[Pieces | ModelError]:
        """The tokens of many sentences at once; in place of a sentence that cannot be cut, its error."""
        ...

    def word_states(
        self,
        sentences: Sequence[Pieces],
        layers: Sequence[int],
        *,
        pooling: Pooling,
        batch_pieces: int,
    ) -> Iterator[WordStates]:
        """States of all words, sentence order restored; memory is bounded by a window of sentences."""
        ...
