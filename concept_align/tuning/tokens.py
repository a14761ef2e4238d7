"""Texts and instructions as the tokens that a training step reads, padded at the right.

A sentence keeps the special tokens its model expects; ``content`` says which tokens are the text's own, so
that neither a start nor an end token nor padding is ever read as a word. An instruction is

    start token?  prompt  answer  end token

with a row of its own, so nothing is seen of other rows, and ``answer`` marks the answer and its end token:
no other token is trained on. Prompt and answer are cut on their own: no token holds signs of both.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Int64

from ..errors import ModelError, UsageError
from ..models.pieces import PieceCutter
from .instructions import Instruction


@dataclass(frozen=True, eq=False)
class TokenBatch:
    """Rows of tokens, padded at the right to the longest; ``len`` tokens each."""

    ids: Int64[torch.Tensor, "n len"]
    mask: Int64[torch.Tensor, "n len"]  # 1 where there is a token, 0 for padding
    content: Bool[torch.Tensor, "n len"]  # what is neither padding nor special
    answer: Bool[torch.Tensor, "n len"]  # what is trained on: the answer and its end token

    def to(self, device: torch.device | str) -> "TokenBatch":
        """The same on ``device``."""
        return TokenBatch(*(one.to(device) for one in (self.ids, self.mask, self.content, self.answer)))

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class TextTokens:
    """Cuts texts for a model: ``pad`` fills rows, ``most`` is its context length, ``end`` ends an answer."""

    cutter: PieceCutter
    pad: int
    most: int
    end: int | None = None

    def texts(self, texts: Sequence[str], length: int) -> TokenBatch:
        """Sentences of at most ``length`` tokens; of longer ones the first are kept, and the special tokens.

        Raises ModelError for a text that gets no token, UsageError where ``length`` has no room for one.
        """
        length = min(length, self.most)
        rows, marks = [], []
        for text, (ids, special) in zip(texts, self.cutter.with_special(texts), strict=True):
            behind = special[::-1].index(0) if 0 in special else 0
            if 0 not in special:
                what = f"{text[:60]!r} gets no token from the tokenizer of {self.cutter.name}"
                raise ModelError(what, remedy="leave the sentence out")
            begin, room = special.index(0), length - sum(special)
            if room < 1:
                what = f"{length} tokens have no room for text beside {sum(special)} special ones"
                raise UsageError(what, option="length", remedy=f"say {sum(special) + 1} or more")
            own = ids[begin : len(ids) - behind][:room]
            rows.append([*ids[:begin], *own, *ids[len(ids) - behind :]])
            marks.append([False] * begin + [True] * len(own) + [False] * behind)
        return self._batch(rows, marks, [[False] * len(row) for row in rows])

    def instructions(
        self, items: Sequence[Instruction], length: int, answer_tokens: int
    ) -> tuple[TokenBatch, list[Instruction]]:
        """Prompts with their answers, and those that were left out because they are too long.

        An answer is cut to ``answer_tokens`` and then has no end token; a prompt is never cut. Raises
        ModelError for a tokenizer that has no end token.
        """
        if self.end is None:
            what = f"the tokenizer of {self.cutter.name} has no end token"
            raise ModelError(what, remedy="train without the answer loss: weights 1,0,1")
        rows, marks, answers, left_out = [], [], [], []
        for item in items:
            prompt = [*self.cutter.start, *self.cutter.plain(item.prompt)]
            answer = [*self.cutter.inside(item.answer), self.end]
            answer = answer if len(answer) <= answer_tokens + 1 else answer[:answer_tokens]
            if len(prompt) + len(answer) > min(length, self.most) or len(answer) < 2:
                left_out.append(item)
                continue
            rows.append(prompt + answer)
            own = len(answer) - (answer[-1] == self.end)
            start = len(self.cutter.start)
            marks.append(
                [False] * start + [True] * (len(prompt) - start + own) + [False] * (len(answer) - own)
            )
            answers.append([False] * len(prompt) + [True] * len(answer))
        return self._batch(rows, marks, answers), left_out

    def _batch(
        self, rows: list[list[int]], content: list[list[bool]], answer: list[list[bool]]
    ) -> TokenBatch:
        longest = max(map(len, rows), default=0)

        def filled(found: Sequence[Sequence[int]], value: int, dtype: torch.dtype) -> torch.Tensor:
            padded = [[*row, *[value] * (longest - len(row))] for row in found]
            return torch.tensor(padded, dtype=dtype).reshape(len(rows), longest)

        return TokenBatch(
            filled(rows, self.pad, torch.int64),
            filled([[1] * len(row) for row in rows], 0, torch.int64),
            filled(content, 0, torch.bool),
            filled(answer, 0, torch.bool),
        )
