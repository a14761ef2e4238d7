"""Sentences as a scorer's tokens: a prompt is the concatenation of its parts' tokens.

A part ends where a label begins, and a label where the next part begins; each is cut into tokens on its own,
as it is in the middle of a text. So a label has the same tokens after every word, a word the same tokens
after every label, and what is fed step by step is what would be fed at once. With tokenizers that never join
characters across the delimiter or before a space this is also what they make of the whole text.

The tokens of a label set are a trie: what labels begin with in common is evaluated once. The score of label c
with tokens t_1..t_m is the mean log-probability of its tokens,

    s_c = (1/m) sum_j log p(t_j | context, t_1..t_{j-1}),

over the whole vocabulary (Blevins et al. 2023, arXiv 2211.07830, section 2). p is needed once for each
*node*: each beginning that continues, the empty one (the context itself) first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import torch
from jaxtyping import Float, Float32, Int64

from ..errors import ModelError
from ..models.pieces import BEFORE, PieceCutter
from .base import NO_HEAD, ROOT, Item, PromptSentence
from .wording import LabelSet, Template


@dataclass(frozen=True)
class TokenisedSentence:
    """A sentence's tokens without labels: item i's label stands after ``leads[i]``."""

    leads: tuple[tuple[int, ...], ...]
    tail: tuple[int, ...]  # after the last label
    labels: tuple[int, ...]  # gold

    def pieces(self) -> int:
        return sum(map(len, self.leads))


@dataclass(frozen=True, eq=False)
class Trie:
    """``nodes`` are the beginnings that continue, without the empty one, in the order of their tokens.

    Nothing but the order of ``pieces`` and of ``owner`` depends on the order of labels.
    """

    pieces: tuple[tuple[int, ...], ...]  # of each label
    nodes: tuple[tuple[int, ...], ...]

    @property
    def longest(self) -> int:
        return max(map(len, self.pieces))

    @cached_property
    def ancestors(self) -> torch.Tensor:
        """bool [nodes, nodes]: whether the second is a beginning of the first, or the same."""
        return torch.tensor(
            [[node[: len(other)] == other for other in self.nodes] for node in self.nodes], dtype=torch.bool
        ).reshape(len(self.nodes), len(self.nodes))

    @cached_property
    def wanted(self) -> torch.Tensor:
        """int64 [wanted]: the tokens whose probability is ever asked for."""
        return torch.tensor(sorted({piece for label in self.pieces for piece in label}))

    @cached_property
    def contexts(self) -> dict[tuple[int, ...], int]:
        """The places of the nodes, the empty one first."""
        return {node: place for place, node in enumerate(((), *self.nodes))}

    @cached_property
    def _readings(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """int64 [readings] each: context, place in ``wanted``, label."""
        column = {piece: place for place, piece in enumerate(self.wanted.tolist())}
        found = [
            (self.contexts[label[:depth]], column[piece], owner)
            for owner, label in enumerate(self.pieces)
            for depth, piece in enumerate(label)
        ]
        contexts, columns, owners = torch.tensor(found).T
        return contexts, columns, owners

    @cached_property
    def _tie_order(self) -> torch.Tensor:
        return torch.tensor(sorted(range(len(self.pieces)), key=lambda label: self.pieces[label]))

    def scores(
        self, logp: Float[torch.Tensor, "items contexts wanted"]
    ) -> Float32[torch.Tensor, "items labels"]:
        """The mean log-probability of each label's tokens."""
        contexts, columns, owners = self._readings
        found = logp[:, contexts, columns].double()
        total = torch.zeros(len(logp), len(self.pieces), dtype=torch.float64)
        total.index_add_(1, owners, found)
        return (total / torch.tensor([len(label) for label in self.pieces])).float()

    def best(self, scores: Float[torch.Tensor, "items labels"]) -> Int64[torch.Tensor, " items"]:
        """The label of the highest score; of equal ones, the first in the order of tokens."""
        return self._tie_order[scores[:, self._tie_order].argmax(dim=1)]


def build_trie(labels: LabelSet, pieces: Sequence[Sequence[int]], model: str) -> Trie:
    """The trie of labels with those tokens. ModelError where a label has none, or two have the same."""
    rows = tuple(tuple(map(int, label)) for label in pieces)
    seen: dict[tuple[int, ...], str] = {}
    for name, label in zip(labels.names, rows, strict=True):
        if not label or label in seen:
            what = f"is the same as {seen[label]!r}" if label else "is nothing"
            what = f"the label {name!r} {what} to the tokenizer of {model}"
            raise ModelError(what, option="labels", remedy="use other labels: tags, symbols")
        seen[label] = name
    nodes = sorted({label[:depth] for label in rows for depth in range(1, len(label))})
    return Trie(rows, tuple(nodes))


class Layout:
    """Cuts the parts of prompts written after ``template``; ``start`` are the tokens before any text."""

    def __init__(self, cutter: PieceCutter, template: Template) -> None:
        self.template, self.model, self.start = template, cutter.name, cutter.start
        self._inside, self._plain = cache(cutter.inside), cutter.plain
        self._tries: dict[LabelSet, Trie] = {}

    def trie(self, labels: LabelSet) -> Trie:
        """The labels' tokens, as they are cut after the template's delimiter."""
        if labels not in self._tries:
            ends = (text.rsplit("}", 1)[-1] for text in (self.template.word, self.template.relation))
            before = (*("a" + end for end in ends), *BEFORE)
            pieces = [self._inside(name, before) for name in labels.names]
            self._tries[labels] = build_trie(labels, pieces, self.model)
        return self._tries[labels]

    def lay(self, sentence: PromptSentence, *, first: bool) -> TokenisedSentence:
        """The parts of ``sentence``; ``first`` if nothing but the start tokens is before it."""
        if not sentence.words:
            raise ModelError("a sentence without words", where=_place(sentence))
        template = self.template
        asked = {item.word: item for item in sentence.items}
        header = template.before.format(words=" ".join(sentence.words))
        leads: list[tuple[int, ...]] = []
        labels: list[int] = []
        # The header stands at the start of a text, or after another sentence.
        cut = tuple(self._plain(header)) if first else self._inside(template.between + header, BEFORE)
        text = ""
        for place, word in enumerate(sentence.words):
            item = asked.get(place)
            if item is None:
                text += template.unasked.format(word=word)
                continue
            text += self._question(sentence, word, item)
            cut += self._inside(text, BEFORE)
            if not cut:
                raise ModelError(f"the word {word!r} gets no piece", where=_place(sentence))
            leads.append(cut)
            labels.append(item.label)
            cut, text = (), template.behind
        tail = cut + (self._inside(text, BEFORE) if text else ())
        return TokenisedSentence(tuple(leads), tail, tuple(labels))

    def _question(self, sentence: PromptSentence, word: str, item: Item) -> str:
        if item.head == NO_HEAD:
            return self.template.word.format(word=word)
        head = self.template.root if item.head == ROOT else sentence.words[item.head]
        return self.template.relation.format(word=word, head=head)


def _place(sentence: PromptSentence) -> str:
    return f"{sentence.treebank}, sentence {sentence.number} (from 0)"
