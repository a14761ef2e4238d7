"""A transformers model behind the protocol: sentences to tokens, tokens to word states."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.utils.rnn import pad_sequence

from .. import ragged
from ..errors import ModelError, UsageError
from ..types import POOLINGS, ModelKind, Pooling
from .batches import batches, pool, windows, word_index
from .capture import all_hidden_states, close
from .faults import explained_memory, refuse_broken
from .frozen import FrozenModel
from .protocol import Pieces, WordStates

# What a window of word states may take in memory, and how many words it holds at least.
WINDOW_BYTES = 256 * 2**20
WINDOW_WORDS = 2048


def changed(ids: torch.Tensor) -> torch.Tensor:
    """``ids`` [1, tokens] with another last token."""
    other = ids.clone()
    other[0, -1] = ids[0, 1] if ids[0, -1] != ids[0, 1] else ids[0, 2]
    return other


def reads_padding(module: nn.Module, ids: torch.Tensor, pad: int, tolerance: float) -> bool:
    """Whether the states of ``ids`` [1, tokens] change where padding and a longer text are beside them."""
    padded = torch.cat([changed(ids), ids])
    padded[1, -3:] = pad
    mask = torch.ones_like(padded)
    mask[1, -3:] = 0
    together = all_hidden_states(module, padded, mask)[-1][1:, :-3]
    alone = all_hidden_states(module, ids[:, :-3], torch.ones_like(ids)[:, :-3])[-1]
    return not close(together, alone, tolerance)


class TransformersModel(FrozenModel):
    """A frozen base model of transformers and its fast tokenizer, as a :class:`LanguageModel`.

    ``module`` returns hidden states (a decoder, an encoder, the encoder half of both); it is put into
    evaluation mode and probed once: which blocks give which layer, whether the last layer is normed,
    whether attention is causal, whether padding leaves states alone.
    """

    def _probed(self, states: tuple[torch.Tensor, ...]) -> None:
        ids, ones = self.probe_ids, torch.ones_like(self.probe_ids)
        self.has_start = self.cutter.has_start
        self.largest = max(float(layer.abs().max()) for layer in states)
        causal = close(
            all_hidden_states(self.module, changed(ids), ones)[-1][:, :-1], states[-1][:, :-1], self.tolerance
        )
        self.kind: ModelKind = "decoder" if causal else "encoder"
        self._reads_padding = reads_padding(self.module, ids, self.pad, self.tolerance)
        if self._capture.blocks is None:
            self.notes += (f"{self.architecture}: blocks not found, every layer is computed each time",)
        if self._reads_padding:
            note = f"{self.architecture}: padding changes states, so batches hold equal lengths only"
            self.notes += (note,)

    def pieces_many(
        self, texts: Sequence[str], spans: Sequence[NDArray[np.int32]]
    ) -> list[Pieces | ModelError]:
        """The tokens of many sentences at once; in place of a sentence that cannot be cut, its error."""
        return self.cutter.cut_many(texts, spans)

    def word_states(
        self,
        sentences: Sequence[Pieces],
        layers: Sequence[int],
        *,
        pooling: Pooling,
        batch_pieces: int = 1024,
    ) -> Iterator[WordStates]:
        """float32 states on the CPU of all words, window after window of consecutive sentences.

        ``batch_pieces`` bounds rows * longest row of a forward pass; it changes no state by more than
        rounding. Raises UsageError for an unknown layer or pooling, ModelError for a sentence longer than
        the model's window, for states that are not finite or do not depend on the words, and for want of
        memory.
        """
        self._check(sentences, layers, pooling, batch_pieces)
        words = np.array([len(sentence.begin) for sentence in sentences], dtype=np.int64)
        held = max(WINDOW_WORDS, WINDOW_BYTES // (4 * self.dim * len(set(layers))))
        for span in windows(words, held):
            yield self._window(span, sentences[span.start : span.stop], layers, pooling, batch_pieces)

    def _check(
        self, sentences: Sequence[Pieces], layers: Sequence[int], pooling: Pooling, batch_pieces: int
    ) -> None:
        unknown = [layer for layer in layers if not 0 <= layer <= self.layers]
        if unknown or not layers:
            raise UsageError(f"no layer {unknown} in {self.name}", remedy=f"its layers are 0-{self.layers}")
        if pooling not in POOLINGS or batch_pieces < 1:
            raise UsageError(f"pooling {pooling!r} with {batch_pieces} tokens a batch is impossible")
        for place, sentence in enumerate(sentences):
            if len(sentence.ids) > self.max_pieces:
                what = f"sentence {place} has {len(sentence.ids)} tokens"
                what += f", the model's context length is {self.max_pieces}"
                raise ModelError(what, where=self.name, remedy="leave longer sentences out")

    @torch.inference_mode()
    def _window(
        self,
        span: range,
        sentences: Sequence[Pieces],
        layers: Sequence[int],
        pooling: Pooling,
        batch_pieces: int,
    ) -> WordStates:
        offsets = ragged.offsets_of([len(sentence.begin) for sentence in sentences])
        # On a GPU the window stays there until it is whole, so that batches need not wait for copies.
        words = {layer: self._empty(int(offsets[-1])) for layer in layers}
        start = {layer: self._empty(len(sentences)) for layer in layers if self.has_start}
        lengths = np.array([len(sentence.ids) for sentence in sentences], dtype=np.int64)
        with explained_memory(self.name), self.running():
            for rows in batches(lengths, batch_pieces, equal_lengths=self._reads_padding):
                batch = [sentences[row] for row in rows]
                ids, mask = self._padded(batch)
                index = word_index(batch, ids.shape[1], pooling)
                at = torch.from_numpy(ragged.take(offsets, rows)[0]).to(self.device)
                first = torch.from_numpy(rows).to(self.device)
                for layer, states in self._capture.run(ids, mask, layers).items():
                    words[layer][at] = pool(states, index).to(self.device)
                    if self.has_start:
                        begins = torch.tensor([p.start for p in batch], device=states.device)
                        chosen = states[torch.arange(len(batch), device=states.device), begins]
                        start[layer][first] = chosen.float().to(self.device)
        distinct = len({int(p.ids[p.begin[0]]) for p in sentences if len(p.begin)}) > 3
        for layer, states in words.items():
            refuse_broken(layer, states, distinct, self.name, self.dtype)
        kept = ({layer: states.cpu() for layer, states in of.items()} for of in (words, start))
        return WordStates(np.arange(span.start, span.stop, dtype=np.int64), offsets, *kept)

    def _empty(self, rows: int) -> torch.Tensor:
        return torch.empty(rows, self.dim, dtype=torch.float32, device=self.device)

    def _padded(self, batch: Sequence[Pieces]) -> tuple[torch.Tensor, torch.Tensor]:
        """Token ids and attention mask [rows, longest], padded on the right."""
        rows = [torch.from_numpy(sentence.ids.astype(np.int64)) for sentence in batch]
        ids = pad_sequence(rows, batch_first=True, padding_value=self.pad)
        mask = pad_sequence([torch.ones_like(row) for row in rows], batch_first=True)
        self._refuse_unknown_tokens(int(ids.max()))
        return ids.to(self.device), mask.to(self.device)
