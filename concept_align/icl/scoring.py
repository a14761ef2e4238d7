"""Scores of labels in prompts, fast: demonstrations are read once, queries in batches, labels as one trie.

With the gold labels fed back, a query goes through the model once: the beginnings of labels of several
tokens are attached to each place where a label is asked for, seen by nothing but themselves. With the
model's own choices fed back, one word of every query of a batch goes through at a time.
"""

import copy
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
import transformers

from ..models.batches import batches
from ..models.capture import close, first_tensor
from .attention import PrefixCache, Step, reading
from .base import LabelScores, Prompt
from .causal import CausalModel
from .layout import TokenisedSentence, Trie
from .prompting import Chooser, PromptScorer, Read, filled
from .wording import DEFAULT, TEMPLATES, LabelSet, Template

CHUNK = 512  # tokens of a prompt read at once
BATCH_PIECES = 1024
Part = tuple[list[int], list[int]]  # tokens of a row, and the places among them where a label is asked


class CausalScorer(PromptScorer):
    """A scorer over a causal model of transformers.

    ``batch_pieces`` bounds rows times tokens of a batch, the beginnings of labels included. A model whose
    attention cannot be taken over (its positions are biases, as Bloom's, or transformers is too old) is run
    one query at a time; one that no cache continues (GPT-1) reads the whole prompt each time. What a model
    can do is proven; ``notes`` says it.
    """

    def __init__(
        self, model: CausalModel, template: Template = TEMPLATES[DEFAULT], *, batch_pieces: int = BATCH_PIECES
    ) -> None:
        super().__init__(model, template)
        self.batch_pieces = batch_pieces
        self.notes = model.notes
        self._slow: CachedLoop | None = None
        name = type(model.module).__name__
        with model.running():
            if _agrees(model, _in_parts):
                pass
            elif loop := next((kind for kind in LOOPS if _agrees(model, partial(_continued, kind))), None):
                self._slow = loop(model, template)
                self.notes += (f"{name}: prompts are read once, queries one at a time",)
            else:
                self._slow = WholePrompt(model, template)
                self.notes += (f"{name}: no cache to continue, the whole prompt is read for each label",)
        self._held: tuple[tuple[int, ...], PrefixCache] | None = None

    def _score(
        self, prompt: Prompt, laid: Sequence[TokenisedSentence], chooser: Chooser
    ) -> list[LabelScores]:
        if self._slow is not None:
            return self._slow._score(prompt, laid, chooser)
        prefix, trie = self._prefix(prompt), chooser.trie
        found = [chooser.scored([]) for _ in laid]
        asking = [row for row, own in enumerate(laid) if own.leads]
        items = np.array([len(laid[row].leads) for row in asking], dtype=np.int64)
        pieces = np.array([laid[row].pieces() for row in asking], dtype=np.int64) + items * trie.longest
        # What a batch holds: all tokens of its rows, and of one step the beginnings of labels.
        for batch in batches(pieces + (items if chooser.gold else 1) * len(trie.nodes), self.batch_pieces):
            order = [asking[place] for place in sorted(batch.tolist(), key=lambda place: -items[place])]
            rows = [laid[row] for row in order]
            cache = PrefixCache(len(rows), _slots(rows, chooser), self.model.device, prefix)
            reader = PrefixReader(self.model, cache, len(prompt.ids), trie, chooser.layers)
            if chooser.gold:  # all items at once
                asked = [filled(one, [trie.pieces[label] for label in one.labels[:-1]]) for one in rows]
                answers = [[read] for read in reader(asked)]
            else:
                answers = _predicted(reader, rows, chooser)
            for row, parts in zip(order, answers, strict=True):
                found[row] = chooser.scored(parts)
        return found

    def _prefix(self, prompt: Prompt) -> PrefixCache | None:
        """Keys and values of the prompt; those of the last one are kept."""
        if not prompt.ids:
            return None
        if self._held is None or self._held[0] != prompt.ids:
            self._held = None  # so that two are never held
            self._held = (prompt.ids, read_prefix(self.model, prompt.ids))
        return self._held[1]


def _predicted(
    reader: "PrefixReader", rows: Sequence[TokenisedSentence], chooser: Chooser
) -> list[list[Read]]:
    """What is read of each row item by item, what was chosen put between; most items first."""
    found: list[list[Read]] = [[] for _ in rows]
    chosen: list[tuple[int, ...]] = [() for _ in rows]
    for step in range(len(rows[0].leads)):
        active = [one for one in rows if len(one.leads) > step]  # the first ones
        parts = [[*before, *one.leads[step]] for before, one in zip(chosen, active, strict=False)]
        answers = reader([(ids, [len(ids) - 1]) for ids in parts])
        _, best = chooser(torch.cat([logp for logp, _ in answers]))
        for place, read in enumerate(answers):
            found[place].append(read)
            chosen[place] = chooser.trie.pieces[int(best[place])]
    return found


def _slots(rows: Sequence[TokenisedSentence], chooser: Chooser) -> int:
    """The columns that a batch takes at most: each pass pads to its longest row."""
    trie, leads = chooser.trie, [one.leads for one in rows]
    nodes, items = len(trie.nodes), max(map(len, leads))
    if chooser.gold:
        return max(one.pieces() for one in rows) + items * (trie.longest + nodes)
    longest = (max(len(own[step]) for own in leads if len(own) > step) for step in range(items))
    return sum(longest) + items * trie.longest + nodes


class CachedLoop(PromptScorer):
    """One query, word and label at a time, with a cache that is cut back after each label.

    It asks nothing of a model but that transformers can continue it; single tokens are read at once.
    """

    _held: tuple[tuple[int, ...], Any] | None = None

    def _score(
        self, prompt: Prompt, laid: Sequence[TokenisedSentence], chooser: Chooser
    ) -> list[LabelScores]:
        found = []
        for own in laid:
            before = self._begin(prompt)
            chosen: tuple[int, ...] = ()
            parts: list[Read] = []
            for label, lead in zip(own.labels, own.leads, strict=True):
                parts.append(self._item(before, [*chosen, *lead], chooser))
                _, best = chooser(parts[-1][0])
                chosen = chooser.trie.pieces[label if chooser.gold else int(best)]
            found.append(chooser.scored(parts))
        return found

    def _begin(self, prompt: Prompt) -> Any:
        """What is before the query."""
        if self._held is None or self._held[0] != prompt.ids:
            cache = self._empty()
            if prompt.ids:
                self._last(prompt.ids, 1, (), cache=cache)
            self._held = (prompt.ids, cache)
        return self._again(self._held[1], len(prompt.ids))

    def _empty(self) -> Any:
        return transformers.DynamicCache()  # without a configuration nothing is forgotten: it can be cut back

    def _again(self, cache: Any, tokens: int) -> Any:
        """What is held of the prompt's ``tokens``, for the next query."""
        if extra := cache.get_seq_length() - tokens:
            cache.crop(-extra)
        return cache

    def _item(self, before: Any, new: list[int], chooser: Chooser) -> Read:
        """Log-probabilities [1, contexts, wanted] and states after the tokens ``new``, which are taken in."""
        trie = chooser.trie
        table = torch.zeros(1, len(trie.contexts), len(trie.wanted))
        final, states = self._taken_in(before, new, chooser.layers)
        table[0, 0] = self.model.log_probabilities(final, trie.wanted)[0]
        for label in trie.pieces:
            if len(label) == 1:
                continue
            final = self._tried(before, label[:-1])
            found = self.model.log_probabilities(final, trie.wanted)
            for depth in range(1, len(label)):
                table[0, trie.contexts[label[:depth]]] = found[depth - 1]
        return table, states

    def _taken_in(self, before: Any, new: list[int], layers: tuple[int, ...]) -> Read:
        """Last state [1, dim] after ``new``, which is before what comes next."""
        return self._last(new, 1, layers, cache=before)

    def _tried(self, before: Any, new: Sequence[int]) -> torch.Tensor:
        """Last states [new, dim] of ``new``, which is forgotten."""
        final, _ = self._last(new, len(new), (), cache=before)
        before.crop(-len(new))
        return final

    def _last(self, ids: Sequence[int], count: int, layers: tuple[int, ...], cache: Any = None) -> Read:
        """Last states [count, dim] of the last tokens, and of the last one the states of ``layers``."""
        row = torch.tensor([list(ids)], device=self.model.device)
        zero = torch.zeros(1, dtype=torch.int64)
        final, states = self.model.states(layers, zero, zero + len(ids) - 1, input_ids=row, cache=cache)
        return final[0, len(ids) - count :], states


class CopiedLoop(CachedLoop):
    """The same with copies of the cache: states of recurrent layers (Mamba, hybrids) cannot be cut back."""

    def _empty(self) -> Any:
        return transformers.DynamicCache(config=self.model.module.config)

    def _again(self, cache: Any, tokens: int) -> Any:
        return copy.deepcopy(cache)

    def _tried(self, before: Any, new: Sequence[int]) -> torch.Tensor:
        return self._last(new, len(new), (), cache=copy.deepcopy(before))[0]


LOOPS = (CachedLoop, CopiedLoop)


class WholePrompt(CachedLoop):
    """The same without a cache: all that is before is read anew. Every causal language model can do that."""

    def _begin(self, prompt: Prompt) -> list[int]:
        return list(prompt.ids)

    def _taken_in(self, before: list[int], new: list[int], layers: tuple[int, ...]) -> Read:
        before += new
        return self._last(before, 1, layers)

    def _tried(self, before: list[int], new: Sequence[int]) -> torch.Tensor:
        return self._last([*before, *new], len(new), ())[0]


def make_step(
    model: CausalModel, trie: Trie, parts: Sequence[Part], positions: Sequence[int]
) -> tuple[Step, tuple[torch.Tensor, torch.Tensor]]:
    """The pass over ``parts``, row by row from ``positions`` on, and where its distributions are.

    Columns are the rows' tokens, padded on the right, then for each asked place all nodes of the trie (the
    beginnings of labels). A node sees what its place sees, the nodes it goes on from, and itself. The places
    (rows, columns), [asked, 1 + nodes] each, are in the order of rows and of what is asked.
    """
    nodes, device = trie.nodes, model.device
    lengths = torch.tensor([len(ids) for ids, _ in parts])
    counts = torch.tensor([len(asked) for _, asked in parts])
    rows, length, most, branches = len(parts), int(lengths.max()), int(counts.max()), len(nodes)
    columns = torch.arange(length)
    ids = torch.full((rows, length + most * branches), model.pad)
    at = torch.zeros(rows, most, dtype=torch.int64)  # [rows, most]: the asked places, 0 where there are fewer
    for row, (own, asked) in enumerate(parts):
        ids[row, : len(own)] = torch.tensor(own)
        at[row, : len(asked)] = torch.tensor(asked)
    ids[:, length:] = torch.tensor([node[-1] for node in nodes], dtype=torch.int64).repeat(most)
    depth = torch.tensor([len(node) for node in nodes], dtype=torch.int64)

    first = torch.tensor(list(positions))[:, None]
    real = torch.zeros(ids.shape, dtype=torch.bool)
    real[:, :length] = columns < lengths[:, None]
    place = torch.empty_like(ids)
    # Padding takes the last real place: places beyond the context would be read from outside of a table.
    place[:, :length] = first + torch.minimum(columns, lengths[:, None] - 1)
    place[:, length:] = (first[:, :, None] + at[:, :, None] + depth).flatten(1)

    sees = torch.zeros(rows, ids.shape[1], ids.shape[1], dtype=torch.bool)
    sees[:, :length, :length] = columns <= columns[:, None]
    sees[:, length:, :length] = columns <= at.repeat_interleave(branches, 1)[:, :, None]
    apart = torch.eye(most, dtype=torch.uint8)
    sees[:, length:, length:] = torch.kron(apart, trie.ancestors.to(torch.uint8)).bool()

    row_of = torch.repeat_interleave(torch.arange(rows), counts)
    number = torch.cat([torch.arange(int(count)) for count in counts])
    beside = length + number[:, None] * branches + torch.arange(branches)
    where = torch.cat([at[row_of, number][:, None], beside], dim=1)
    step = Step(ids.to(device), place.to(device), real.to(device), sees.to(device), length)
    return step, (row_of[:, None].expand_as(where).to(device), where.to(device))


class PrefixReader:
    """Reads tokens after a prefix, pass after pass, and the distributions where labels are asked for."""

    def __init__(
        self, model: CausalModel, cache: PrefixCache, position: int, trie: Trie, layers: tuple[int, ...] = ()
    ) -> None:
        self.model, self.cache, self.trie, self.layers = model, cache, trie, layers
        self._positions = [position] * len(cache.positions)

    def __call__(self, parts: Sequence[Part]) -> list[Read]:
        """For each row log-probabilities [asked, contexts, wanted] and, by layer, states [asked, dim].

        Parts are those of the first rows of the cache; the others have ended.
        """
        final, states, (rows, columns) = self.read(parts)
        logp = self.model.log_probabilities(final[rows, columns].flatten(0, 1), self.trie.wanted)
        counts = [len(asked) for _, asked in parts]
        split = {layer: found.split(counts) for layer, found in states.items()}
        return [
            (own, {layer: split[layer][row] for layer in self.layers})
            for row, own in enumerate(logp.view(*rows.shape, -1).split(counts))
        ]

    def read(
        self, parts: Sequence[Part]
    ) -> tuple[torch.Tensor, dict[int, torch.Tensor], tuple[torch.Tensor, torch.Tensor]]:
        """Last states [rows, new, dim], by layer states [asked, dim], and the places of :func:`make_step`."""
        step, (rows, columns) = make_step(self.model, self.trie, parts, self._positions[: len(parts)])
        with reading(self.model.module, self.cache, step):
            final, states = self.model.states(
                self.layers, rows[:, 0], columns[:, 0], input_ids=step.ids, position_ids=step.positions
            )
        for row, (ids, _) in enumerate(parts):
            self._positions[row] += len(ids)
        return final, states, (rows, columns)


def read_prefix(model: CausalModel, ids: Sequence[int]) -> PrefixCache:
    """Keys and values of ``ids``, read in chunks."""
    cache = PrefixCache(1, len(ids), model.device)
    reader = PrefixReader(model, cache, 0, Trie((), ()))
    for begin in range(0, len(ids), CHUNK):
        reader.read([(list(ids[begin : begin + CHUNK]), [])])
    return cache


def shares_prefix(model: CausalModel) -> bool:
    """Whether several rows can go on from one prefix by our attention: proven on the probe."""
    with model.running():
        return _agrees(model, _in_parts)


def _agrees(model: CausalModel, read: Callable[[CausalModel, list[int]], torch.Tensor]) -> bool:
    """Whether ``read`` gives the model's own states [tokens, dim] of the second half of the probe."""
    ids = model.probe_ids
    whole = first_tensor(model.base(input_ids=ids, use_cache=False)[0])[0]
    try:
        return close(read(model, ids[0].tolist()), whole[ids.shape[1] // 2 :], model.tolerance)
    except Exception:  # whatever a model says that cannot
        return False


def _in_parts(model: CausalModel, row: list[int]) -> torch.Tensor:
    """By a prefix that is shared, in two parts, with other tokens and padding between."""
    half, beside = len(row) // 2, (row[0],)
    cache = PrefixCache(2, 64, model.device, read_prefix(model, row[:half]))
    reader = PrefixReader(model, cache, half, Trie((beside,), (beside,)))
    found = []
    for part in (row[half : half + 2], row[half + 2 :]):
        final, _, _ = reader.read([(part, [len(part) - 1]), (row[:1], [0])])
        found.append(final[0, : len(part)])
    return torch.cat(found)


def _continued(kind: type[CachedLoop], model: CausalModel, row: list[int]) -> torch.Tensor:
    """By a cache, in two parts, with other tokens that are forgotten before each."""
    loop, half = kind(model), len(row) // 2
    before = loop._begin(Prompt((), LabelSet("none", (), ()), tuple(row[:half]), 0))
    found = []
    for part in (row[half : half + 2], row[half + 2 :]):
        loop._tried(before, row[:2])
        found.append(loop._last(part, len(part), (), cache=before)[0])
    return torch.cat(found)
