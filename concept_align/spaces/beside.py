"""What may stand beside a representation: the states around a word, or the dependent of a relation.

A decoder's state of a word has not seen what follows; the state of the next word has. And a difference of
head and dependent is the same for all pairs of words that lie equally far apart; the dependent tells them
apart. Both are states that are there anyway, standardised as they are elsewhere:

    word class    x_i = [h_i; h_(i-1); h_(i+1)]        0, the mean, past either end of the sentence
    relation      x_i = [h_head - h_i; h_i]
"""

import numpy as np
import torch
from numpy.typing import NDArray

from ..treebanks.concepts import Task
from ..treebanks.corpus import Annotations

CHUNK = 8192  # items gathered at once: bounds the temporary copies


def parts(task: Task) -> int:
    """How many states stand beside an item of ``task``."""
    return 1 if task.relational else 2


def beside_items(
    words: torch.Tensor,
    annotations: Annotations,
    rows: NDArray[np.int64],
    task: Task,
    *,
    mean: torch.Tensor | None,
    scale: torch.Tensor | None,
) -> torch.Tensor:
    """float32 [items, parts * dim] of the items at ``rows`` [items], from the states ``words`` [words, dim].

    ``mean`` and ``scale`` [dim] standardise them; without, they are as they are.
    """
    places = [rows] if task.relational else _around(annotations, rows)
    return torch.cat([_standardised(words, place, mean, scale) for place in places], dim=1)


def _around(annotations: Annotations, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """The rows of the words before and after; -1 past an end of the sentence."""
    lengths = np.diff(annotations.offsets)
    first = np.repeat(annotations.offsets[:-1], lengths)[rows]
    last = np.repeat(annotations.offsets[1:] - 1, lengths)[rows]
    return [np.where(rows > first, rows - 1, -1), np.where(rows < last, rows + 1, -1)]


def _standardised(
    words: torch.Tensor, rows: NDArray[np.int64], mean: torch.Tensor | None, scale: torch.Tensor | None
) -> torch.Tensor:
    x = torch.empty(len(rows), words.shape[1], dtype=torch.float32)
    at = torch.from_numpy(rows)
    for begin in range(0, len(rows), CHUNK):
        piece = slice(begin, begin + CHUNK)
        state = words[at[piece].clamp(min=0)].float()
        if mean is not None and scale is not None:
            state = state.sub_(mean).div_(scale)
        state[at[piece] < 0] = 0
        x[piece] = state
    return x
