"""Texts read by a causal model: what they have in common once, the rest in batches.

Texts that begin with the same demonstrations share their first tokens. These are found as tokens, not as
characters, so that every text is read as its tokenizer cuts it as a whole. A model whose attention cannot be
taken over reads every text from its beginning.
"""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch.nn.utils.rnn import pad_sequence

from ...errors import ModelError
from ...models.batches import batches
from ...models.faults import explained_memory
from ..attention import PrefixCache
from ..causal import CausalModel, token_nats
from ..layout import Trie
from ..scoring import PrefixReader, read_prefix, shares_prefix

BATCH_TOKENS = 2048
LEAST_SHARED = 16  # tokens in common that are worth a reading of their own
Row = list[int]


class TextReader:
    """Reads texts with ``model``; the last beginning that texts had in common is kept."""

    def __init__(self, model: CausalModel, *, batch_tokens: int = BATCH_TOKENS) -> None:
        self.model, self.batch_tokens = model, batch_tokens
        self.shares = shares_prefix(model)
        self._held: tuple[tuple[int, ...], PrefixCache] | None = None

    def cut(self, beginnings: Sequence[str], endings: Sequence[str]) -> tuple[list[Row], NDArray[np.int64]]:
        """The tokens of each beginning with its ending, and where the ending's begin.

        ModelError for a text that is longer than the context, and an ending without a token.
        """
        texts = [first + last for first, last in zip(beginnings, endings, strict=True)]
        spans = [
            np.array([[len(first), len(text)]], dtype=np.int32)
            for first, text in zip(beginnings, texts, strict=True)
        ]
        rows: list[Row] = []
        begins = []
        for text, found in zip(texts, self.model.cutter.cut_many(texts, spans), strict=True):
            if isinstance(found, ModelError):
                raise found
            rows.append(found.ids[: int(found.end[0])].tolist())
            begins.append(max(int(found.begin[0]), 1))  # a text's first token is given
            self._refuse_long(len(rows[-1]), text)
        return rows, np.array(begins, dtype=np.int64)

    def beginnings(self, texts: Sequence[str], *, room: int = 0) -> list[Row]:
        """The tokens of texts that go on. ModelError where ``room`` tokens more do not fit the context."""
        rows, _ = self.cut([""] * len(texts), texts)
        for text, row in zip(texts, rows, strict=True):
            self._refuse_long(len(row) + room, text)
        return rows

    def _refuse_long(self, tokens: int, text: str) -> None:
        if tokens > self.model.max_pieces:
            what = f"a question of {tokens} tokens; the context length is {self.model.max_pieces}"
            raise ModelError(what, where=repr(text[:60]), remedy="leave the question out")

    def nats(self, rows: Sequence[Row], begins: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        """- log p of the tokens of every row from its ``begins`` on, each given all before it.

        How rows are batched changes no number by more than rounding.
        """
        found: list[NDArray[np.float64]] = [np.zeros(0)] * len(rows)
        if not len(rows):
            return found
        shared = self.shared(rows, int(begins.min()) - 1)
        lengths = np.array([len(row) - shared for row in rows], dtype=np.int64)
        with explained_memory(self.model.name), self.model.running():
            for batch in batches(lengths, self.batch_tokens):
                some = [rows[place] for place in batch]
                final = self._final(some, shared)
                for line, place in enumerate(batch):
                    row, begin = rows[place], int(begins[place])
                    states = final[line, begin - 1 - shared : len(row) - 1 - shared]
                    nats = token_nats(self.model.logits, states, torch.tensor(row[begin:], dtype=torch.int64))
                    found[place] = nats.double().cpu().numpy()
        return found

    def shared(self, rows: Sequence[Row], most: int) -> int:
        """How many first tokens, at most ``most``, are read once for all rows."""
        if not self.shares or len(rows) < 2:
            return 0
        first, last = min(rows), max(rows)  # what these have in common, all have
        common = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        common = min(common, most, min(map(len, rows)) - 1)
        return common if common >= LEAST_SHARED else 0

    def prefix(self, ids: Sequence[int]) -> PrefixCache | None:
        """Keys and values of ``ids``; None of none."""
        if not len(ids):
            return None
        if self._held is None or self._held[0] != tuple(ids):
            self._held = None  # so that two are never held
            self._held = (tuple(ids), read_prefix(self.model, ids))
        return self._held[1]

    def _final(self, rows: Sequence[Row], shared: int) -> Float[torch.Tensor, "rows new dim"]:
        """Last states of what comes after the ``shared`` tokens."""
        if not shared:
            return whole(self.model, rows)
        slots = max(map(len, rows)) - shared
        cache = PrefixCache(len(rows), slots, self.model.device, self.prefix(rows[0][:shared]))
        reader = PrefixReader(self.model, cache, shared, Trie((), ()))
        final, _, _ = reader.read([(row[shared:], []) for row in rows])
        return final


def whole(model: CausalModel, rows: Sequence[Row]) -> Float[torch.Tensor, "rows tokens dim"]:
    """Last states of rows that are read from their beginning, padded on the right."""
    own = [torch.tensor(row, dtype=torch.int64) for row in rows]
    ids = pad_sequence(own, batch_first=True, padding_value=model.pad).to(model.device)
    mask = pad_sequence([torch.ones_like(row) for row in own], batch_first=True).to(model.device)
    nothing = torch.zeros(0, dtype=torch.int64)
    return model.states((), nothing, nothing, input_ids=ids, attention_mask=mask)[0]
