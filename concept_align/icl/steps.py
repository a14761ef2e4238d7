"""The tokens of one pass through the model: rows, and next to each asked place the beginnings of labels."""

from collections.abc import Sequence

import torch

from .attention import PrefixCache, Step, reading
from .causal import CausalModel
from .layout import Trie

Part = tuple[list[int], list[int]]  # tokens of a row, and the places among them where a label is asked


def plain_step(ids: Sequence[int], position: int, device: torch.device) -> Step:
    """One row of ``ids`` from ``position`` on, each seen by those after it."""
    row = torch.tensor([list(ids)], device=device)
    length = row.shape[1]
    return Step(
        ids=row,
        positions=position + torch.arange(length, device=device)[None],
        real=torch.ones_like(row, dtype=torch.bool),
        sees=torch.ones(1, length, length, dtype=torch.bool, device=device).tril(),
        kept=length,
    )


def make_step(
    parts: Sequence[Part],
    positions: Sequence[int],
    ancestors: torch.Tensor,
    nodes: Sequence[tuple[int, ...]],
    pad: int,
    device: torch.device,
) -> tuple[Step, tuple[torch.Tensor, torch.Tensor]]:
    """The pass over ``parts``, row by row from ``positions`` on, and where its distributions are.

    Columns are the rows' tokens, padded on the right, then for each asked place all ``nodes`` (the beginnings
    of labels, ``ancestors`` [nodes, nodes] among them). A node sees what its place sees, the nodes it goes
    on from, and itself. The places (rows, columns), [asked, 1 + nodes] each, are in the order of rows and
    of what is asked.
    """
    lengths = torch.tensor([len(ids) for ids, _ in parts])
    counts = torch.tensor([len(asked) for _, asked in parts])
    rows, length, most, branches = len(parts), int(lengths.max()), int(counts.max()), len(nodes)
    columns = torch.arange(length)
    ids = torch.full((rows, length + most * branches), pad)
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
    sees[:, length:, length:] = torch.kron(
        torch.eye(most, dtype=torch.uint8), ancestors.to(torch.uint8)
    ).bool()

    row_of = torch.repeat_interleave(torch.arange(rows), counts)
    number = torch.cat([torch.arange(int(count)) for count in counts])
    beside = length + number[:, None] * branches + torch.arange(branches)
    where = torch.cat([at[row_of, number][:, None], beside], dim=1)
    step = Step(ids.to(device), place.to(device), real.to(device), sees.to(device), length)
    return step, (row_of[:, None].expand_as(where).to(device), where.to(device))


class PrefixReader:
    """Reads tokens after a prefix, pass after pass, and the distributions where labels are asked for."""

    def __init__(
        self, model: CausalModel, cache: PrefixCache, position: int, trie: Trie, layers: tuple[int, ...]
    ) -> None:
        self.model, self.cache, self.trie, self.layers = model, cache, trie, layers
        self._positions = [position] * len(cache.positions)

    def __call__(self, parts: Sequence[Part]) -> list[tuple[torch.Tensor, dict[int, torch.Tensor]]]:
        """For each row log-probabilities [asked, contexts, wanted] and, by layer, states [asked, dim].

        Parts are those of the first rows of the cache; the others have ended.
        """
        model, trie = self.model, self.trie
        step, (rows, columns) = make_step(
            parts, self._positions[: len(parts)], trie.ancestors, trie.nodes, model.pad, model.device
        )
        with reading(model.module, self.cache, step):
            final, states = model.states(
                self.layers, rows[:, 0], columns[:, 0], input_ids=step.ids, position_ids=step.positions
            )
        for row, (ids, _) in enumerate(parts):
            self._positions[row] += len(ids)
        logp = model.log_probabilities(final[rows, columns].flatten(0, 1), trie.wanted)
        logp = logp.view(*rows.shape, -1)
        counts = [len(asked) for _, asked in parts]
        split = {layer: found.split(counts) for layer, found in states.items()}
        return [
            (own, {layer: split[layer][row] for layer in self.layers})
            for row, own in enumerate(logp.split(counts))
        ]
