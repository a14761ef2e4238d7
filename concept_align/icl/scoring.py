"""Scores of labels in prompts, fast: demonstrations are read once, queries in batches, labels as one trie.

With the gold labels fed back, a query goes through the model once: the beginnings of labels of several
tokens are attached to each place where a label is asked for, seen by nothing but themselves. With the
model's own choices fed back, one word of every query of a batch goes through at a time.
"""

from collections.abc import Sequence

import numpy as np
import torch

from ..models.batches import batches
from ..models.capture import close, first_tensor
from .attention import PrefixCache, reading
from .base import Feedback, LabelScores, Prompt, PromptSentence
from .causal import CausalModel, load_causal
from .layout import TokenisedSentence
from .naive import CachedLoop
from .prompting import Chooser, PromptScorer, filled
from .steps import PrefixReader, make_step, plain_step
from .templates import DEFAULT, TEMPLATES, Template, template

CHUNK = 512  # tokens of a prompt read at once
BATCH_PIECES = 2048


class CausalScorer(PromptScorer):
    """A :class:`~.base.Scorer` over a causal model of transformers.

    ``batch_pieces`` bounds rows times tokens of a batch, the beginnings of labels included. A model whose
    attention cannot be taken over (its positions are biases, as Bloom's, or transformers is too old) is run
    one query at a time; ``notes`` says so.
    """

    def __init__(
        self,
        model: CausalModel,
        template: Template = TEMPLATES[DEFAULT],
        *,
        batch_pieces: int = BATCH_PIECES,
    ) -> None:
        super().__init__(model, template)
        self.batch_pieces = batch_pieces
        with model.running():
            self._shares = _shares_prefix(model)
        self.notes: tuple[str, ...] = ()
        if not self._shares:
            self._slow = CachedLoop(model, template)
            self.notes = (f"{type(model.module).__name__}: prompts are read once, queries one at a time",)
        self._held: tuple[tuple[int, ...], PrefixCache] | None = None

    def _score(
        self,
        prompt: Prompt,
        queries: Sequence[PromptSentence],
        laid: Sequence[TokenisedSentence],
        chooser: Chooser,
        feedback: Feedback,
        layers: tuple[int, ...],
    ) -> list[LabelScores]:
        if not self._shares:
            return self._slow._score(prompt, queries, laid, chooser, feedback, layers)
        prefix = self._prefix(prompt)
        trie = chooser.trie
        nodes = trie.contexts - 1
        items = np.array([len(own.leads) for own in laid], dtype=np.int64)
        pieces = np.array([own.pieces() for own in laid], dtype=np.int64) + items * trie.longest
        # What a batch holds: all tokens of its rows, and of one step the beginnings of labels.
        lengths = pieces + (items if feedback == "gold" else 1) * nodes
        found: list[LabelScores] = [chooser.nothing(layers, self.dim) for _ in queries]
        for batch in batches(np.where(items > 0, lengths, 0), self.batch_pieces):
            rows = [row for row in sorted(batch.tolist(), key=lambda row: -items[row]) if items[row]]
            if not rows:
                continue
            cache = PrefixCache(len(rows), _slots(laid, rows, chooser, feedback), self.model.device, prefix)
            asked = PrefixReader(self.model, cache, len(prompt.ids), trie, layers)
            answer = self._gold if feedback == "gold" else self._predicted
            for row, scored in zip(rows, answer(asked, queries, laid, rows, chooser, layers), strict=True):
                found[row] = scored
        return found

    def _gold(
        self,
        asked: PrefixReader,
        queries: Sequence[PromptSentence],
        laid: Sequence[TokenisedSentence],
        rows: Sequence[int],
        chooser: Chooser,
        layers: tuple[int, ...],
    ) -> list[LabelScores]:
        pieces = chooser.trie.pieces
        parts = [filled(laid[row], [pieces[item.label] for item in queries[row].items[:-1]]) for row in rows]
        answers = asked(parts)
        return [chooser.scored([logp], [states], layers) for logp, states in answers]

    def _predicted(
        self,
        asked: PrefixReader,
        queries: Sequence[PromptSentence],
        laid: Sequence[TokenisedSentence],
        rows: Sequence[int],
        chooser: Chooser,
        layers: tuple[int, ...],
    ) -> list[LabelScores]:
        logps: list[list[torch.Tensor]] = [[] for _ in rows]
        states: list[list[dict[int, torch.Tensor]]] = [[] for _ in rows]
        chosen: list[tuple[int, ...]] = [() for _ in rows]
        for step in range(len(laid[rows[0]].leads)):
            active = [row for row in rows if len(laid[row].leads) > step]  # rows are sorted: the first ones
            parts = []
            for place, row in enumerate(active):
                ids = [*chosen[place], *laid[row].leads[step]]
                parts.append((ids, [len(ids) - 1]))
            answers = asked(parts)
            _, best = chooser(torch.cat([logp for logp, _ in answers]))
            for place, (logp, kept) in enumerate(answers):
                logps[place].append(logp)
                states[place].append(kept)
                chosen[place] = chooser.trie.pieces[int(best[place])]
        return [chooser.scored(logps[place], states[place], layers) for place in range(len(rows))]

    def _prefix(self, prompt: Prompt) -> PrefixCache | None:
        """Keys and values of the prompt; those of the last one are kept."""
        if not prompt.ids:
            return None
        if self._held is None or self._held[0] != prompt.ids:
            self._held = None  # so that two are never held
            self._held = (prompt.ids, read_prefix(self.model, prompt.ids))
        return self._held[1]


def _slots(
    laid: Sequence[TokenisedSentence], rows: Sequence[int], chooser: Chooser, feedback: Feedback
) -> int:
    """The columns that a batch takes at most: each pass pads to its longest row."""
    trie, leads = chooser.trie, [laid[row].leads for row in rows]
    nodes, items = trie.contexts - 1, max(map(len, leads))
    if feedback == "gold":
        return max(laid[row].pieces() for row in rows) + items * (trie.longest + nodes)
    longest = (max(len(own[step]) for own in leads if len(own) > step) for step in range(items))
    return sum(longest) + items * trie.longest + nodes


def read_prefix(model: CausalModel, ids: Sequence[int]) -> PrefixCache:
    """Keys and values of ``ids``, read in chunks."""
    cache = PrefixCache(1, len(ids), model.device)
    none = torch.zeros(0, dtype=torch.int64, device=model.device)
    for begin in range(0, len(ids), CHUNK):
        step = plain_step(ids[begin : begin + CHUNK], begin, model.device)
        with reading(model.module, cache, step):
            model.states((), none, none, input_ids=step.ids, position_ids=step.positions)
    return cache


def _shares_prefix(model: CausalModel) -> bool:
    """Whether reading in two parts, with other tokens and padding between, gives the model's own states."""
    ids = model.probe_ids
    tolerance = 1e-4 if model.dtype == torch.float32 else 5e-2
    whole = first_tensor(model.base(input_ids=ids, use_cache=False)[0])[0]
    row, half = ids[0].tolist(), ids.shape[1] // 2
    try:
        cache = PrefixCache(2, 64, model.device, read_prefix(model, row[:half]))
        found: list[torch.Tensor] = []
        for parts in ([row[half : half + 2], row[:1]], [row[half + 2 :], row[:1]]):
            step, _ = make_step(
                [(ids, [len(ids) - 1]) for ids in parts],
                [half + 2 * bool(found), half + bool(found)],
                torch.ones(1, 1, dtype=torch.bool),
                [(row[0],)],
                model.pad,
                model.device,
            )
            none = torch.zeros(0, dtype=torch.int64, device=model.device)
            with reading(model.module, cache, step):
                final, _ = model.states((), none, none, input_ids=step.ids, position_ids=step.positions)
            found.append(final[0, : len(parts[0])])
    except (TypeError, ValueError, AttributeError, KeyError, RuntimeError, AssertionError):
        return False
    return close(torch.cat(found), whole[half:], tolerance)


def load_scorer(
    name: str,
    template_name: str = DEFAULT,
    *,
    batch_pieces: int = BATCH_PIECES,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    offline: bool = False,
) -> CausalScorer:
    """A scorer over the causal language model called ``name``, with the template called ``template_name``."""
    model = load_causal(name, revision=revision, dtype=dtype, device=device, offline=offline)
    return CausalScorer(model, template(template_name), batch_pieces=batch_pieces)
