"""Texts written greedily: of all tokens the likeliest, until a line ends.

Demonstrations are read once, questions go on in batches. What is written equals what the model writes alone,
and what ``generate`` of transformers writes, but for ties.

*Constrained*: only answers of a set can be written. They are a trie of tokens; among the tokens that go on
the likeliest is taken, and where an answer may be over, the end of the line (or of the text) is one of them.
Greedy within a trie is not the likeliest answer of the set: a good first token may lead to a bad second.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float

from ...errors import UsageError
from ...models.batches import batches
from ...models.faults import explained_memory
from ..attention import PrefixCache
from ..causal import CausalModel
from ..layout import Trie
from ..scoring import PrefixReader
from .texts import Row, TextReader, whole

LINE = "\n"


@dataclass
class AnswerTrie:
    """Answers as tokens: what may come next, and the answer that is whole here."""

    after: dict[int, "AnswerTrie"] = field(default_factory=dict)
    answer: str | None = None

    @classmethod
    def of(cls, model: CausalModel, answers: Sequence[str]) -> "AnswerTrie":
        """``answers`` as they are cut in the middle of a text. UsageError where there is none."""
        if not answers:
            raise UsageError("no answer to choose from", remedy="give candidates")
        root = cls()
        for text in dict.fromkeys(answers):
            node = root
            for token in model.cutter.inside(text):
                node = node.after.setdefault(token, cls())
            node.answer = node.answer or text
        return root

    def depth(self) -> int:
        """The tokens of the longest answer."""
        return 1 + max(one.depth() for one in self.after.values()) if self.after else 0


def ends_of(model: CausalModel) -> frozenset[int]:
    """The tokens after which a model writes no more."""
    found: set[int] = set()
    for holder in (getattr(model.module, "generation_config", None), model.tokenizer):
        told = getattr(holder, "eos_token_id", None)
        found.update(told if isinstance(told, list) else [] if told is None else [told])
    return frozenset(found)


def line_ends(model: CausalModel) -> frozenset[int]:
    """The token that ends a line, if the tokenizer knows lines, and those that end a text."""
    first = model.cutter.inside(LINE)[:1]
    ends = first if first and LINE in model.tokenizer.decode(list(first)) else ()
    return ends_of(model) | frozenset(ends)


def written(
    reader: TextReader,
    beginnings: Sequence[str],
    *,
    max_tokens: int,
    candidates: Sequence[str] | None = None,
) -> list[str]:
    """What the model writes after each beginning: its first line, without blanks around it.

    With ``candidates``, one of them, blanks around it as they are given there. Raises ModelError for a
    beginning after which ``max_tokens`` do not fit the context.
    """
    model = reader.model
    trie = None if candidates is None else AnswerTrie.of(model, candidates)
    max_tokens = max_tokens if trie is None else trie.depth() + 1
    rows = reader.beginnings(beginnings, room=max_tokens)
    shared = reader.shared(rows, max(map(len, rows), default=1) - 1)
    found = [""] * len(rows)
    lengths = np.array([len(row) - shared + max_tokens for row in rows], dtype=np.int64)
    with explained_memory(model.name), model.running():
        for batch in batches(lengths, reader.batch_tokens):
            own = [rows[place] for place in batch]
            made: list[Writing] = [
                FreeWriting(model, max_tokens) if trie is None else ConfinedWriting(model, trie) for _ in own
            ]
            _write(reader, own, shared, max_tokens, made)
            for place, one in zip(batch, made, strict=True):
                found[place] = one.text
    return found


class Writing:
    """A text that is being written: what comes next, and whether it is over."""

    over = False
    text = ""

    def next(self, logits: Float[torch.Tensor, " vocabulary"]) -> int:
        """The token that is written next; ``over`` where none is."""
        raise NotImplementedError


class FreeWriting(Writing):
    """Any text, to the end of its line."""

    def __init__(self, model: CausalModel, most: int) -> None:
        self.tokenizer, self.ends, self.most = model.tokenizer, ends_of(model), most
        self.ids: list[int] = []

    def next(self, logits: Float[torch.Tensor, " vocabulary"]) -> int:
        token = int(logits.argmax())
        if token in self.ends:
            self.over = True
            return token
        self.ids.append(token)
        said = self.tokenizer.decode(self.ids, skip_special_tokens=True)
        self.text = said.split(LINE)[0].strip()
        self.over = LINE in said or len(self.ids) >= self.most
        return token


class ConfinedWriting(Writing):
    """One of the answers of a trie."""

    def __init__(self, model: CausalModel, trie: AnswerTrie) -> None:
        self.node, self.ends = trie, line_ends(model)

    def next(self, logits: Float[torch.Tensor, " vocabulary"]) -> int:
        allowed = list(self.node.after)
        if self.node.answer is not None:
            allowed += [end for end in sorted(self.ends) if end not in self.node.after]
        token = allowed[int(logits[torch.tensor(allowed, device=logits.device)].argmax())]
        if token not in self.node.after:
            self.over = True
        else:
            self.node = self.node.after[token]
            self.over = not self.node.after
        self.text = (self.node.answer or "") if self.over else ""
        return token


def _write(reader: TextReader, rows: Sequence[Row], shared: int, most: int, made: Sequence[Writing]) -> None:
    """Write on after ``rows``, all at once; those that are over are carried along as padding."""
    feed = _Cached(reader, rows, shared, most) if reader.shares else _Anew(reader.model, rows)
    new: list[Row] = [row[shared:] if reader.shares else row for row in rows]
    for _ in range(most):
        last = feed(new)
        logits = reader.model.logits(last)
        new = []
        for one, own in zip(made, logits, strict=False):
            new.append([reader.model.pad if one.over else one.next(own)])
        while new and made[len(new) - 1].over:
            new.pop()
        if not new:
            return


class _Cached:
    """Last states after new tokens, all earlier ones kept; the rows are the first ones."""

    def __init__(self, reader: TextReader, rows: Sequence[Row], shared: int, most: int) -> None:
        slots = max(map(len, rows)) - shared + most
        prefix = reader.prefix(rows[0][:shared])
        cache = PrefixCache(len(rows), slots, reader.model.device, prefix)
        self.reader = PrefixReader(reader.model, cache, shared, Trie((), ()))

    def __call__(self, new: Sequence[Row]) -> Float[torch.Tensor, "rows dim"]:
        final, _, _ = self.reader.read([(row, []) for row in new])
        return final[torch.arange(len(new)), [len(row) - 1 for row in new]]


class _Anew:
    """The same by reading everything again: any causal model can do that."""

    def __init__(self, model: CausalModel, rows: Sequence[Row]) -> None:
        self.model, self.rows = model, [list[int]() for _ in rows]

    def __call__(self, new: Sequence[Row]) -> Float[torch.Tensor, "rows dim"]:
        for row, own in zip(self.rows, new, strict=False):
            row.extend(own)
        some = self.rows[: len(new)]
        return whole(self.model, some)[torch.arange(len(some)), [len(row) - 1 for row in some]]
