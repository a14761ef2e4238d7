"""The tokens of a label set as a trie: what labels begin with in common is evaluated once.

The score of label c with tokens t_1..t_m is the mean log-probability of its tokens,

    s_c = (1/m) sum_j log p(t_j | context, t_1..t_{j-1}),

over the whole vocabulary (Blevins et al. 2023, arXiv 2211.07830, section 2). p is needed once for each
*node*: each beginning that continues, the empty one (the context itself) first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Float32, Int64

from ..errors import ModelError
from .base import LabelSet


@dataclass(frozen=True, eq=False)
class Trie:
    """``nodes`` are the beginnings that continue, without the empty one, in the order of their tokens.

    Nothing but the order of ``pieces`` and of ``owner`` depends on the order of labels.
    """

    pieces: tuple[tuple[int, ...], ...]  # of each label
    nodes: tuple[tuple[int, ...], ...]

    @property
    def contexts(self) -> int:
        """How many distributions are read for one label: that of the context and those of the nodes."""
        return 1 + len(self.nodes)

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
    def _readings(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """int64 [readings] each: context, place in ``wanted``, label."""
        context = {node: place for place, node in enumerate(((), *self.nodes))}
        column = {piece: place for place, piece in enumerate(self.wanted.tolist())}
        found = [
            (context[label[:depth]], column[piece], owner)
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
            raise ModelError(
                f"the label {name!r} {what} to the tokenizer of {model}",
                option="labels",
                remedy="use other labels: tags, symbols",
            )
        seen[label] = name
    nodes = sorted({label[:depth] for label in rows for depth in range(1, len(label))})
    return Trie(rows, tuple(nodes))
