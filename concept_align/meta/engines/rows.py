"""The words of some tasks one row per task: labels and weights in the form that closed-form gradients use."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch
from torch.nn import functional

from ..episodes import Words
from ..maps import rounded_up


@dataclass(frozen=True, eq=False)
class Rows:
    """Tasks padded to their longest. What is padded has no weight, hence no part in a loss or a gradient."""

    words: Words
    longest: int
    share: torch.Tensor  # [tasks, 1, 1]: 1 / words of the task, 1 where it has none
    weight: torch.Tensor  # [tasks, 1, longest]: the share, 0 where padded
    source: torch.Tensor  # int64 [tasks * longest]: the word in each place, the number of words where padded
    labels: torch.Tensor  # int64 [tasks, 1, longest]: any where padded

    def lay(self, values: torch.Tensor) -> torch.Tensor:
        """[at least words, width] without a gradient -> [tasks, longest, width]; any numbers where padded."""
        count = len(self.words.y)
        taken = values[:count] if self._full else values.index_select(0, self.source.clamp(max=count - 1))
        return taken.view(self.words.tasks, self.longest, -1)

    def lay_with_ones(self, values: torch.Tensor) -> torch.Tensor:
        """[at least words, width] -> [tasks, longest, width + 1], the last a 1; all zero where padded."""
        count, width = len(self.words.y), values.shape[1]
        if torch.is_grad_enabled() and values.requires_grad:
            # The gradient of a copy is a selection; that of a selection would be many additions.
            longer = functional.pad(values[:count], (0, 1), value=1.0)
            slots = self.words.task * self.longest + self.words.place
            flat = values.new_zeros(len(self.source), width + 1).index_copy(0, slots, longer)
        else:
            flat = values.new_zeros(count + 1, width + 1)
            flat[:count, :width], flat[:count, width] = values[:count], 1.0
            flat = flat[:count] if self._full else flat.index_select(0, self.source)
        return flat.view(self.words.tasks, self.longest, width + 1)

    @property
    def _full(self) -> bool:
        return len(self.words.y) == len(self.source)

    def targets(self, concepts: int) -> torch.Tensor:
        """[tasks, concepts, longest]: the weight of each word at its label, 0 elsewhere."""
        empty = self.weight.new_zeros(self.words.tasks, concepts, self.longest)
        return empty.scatter_(1, self.labels, self.weight)

    def loss(self, logits: torch.Tensor) -> torch.Tensor:
        """[tasks] mean negative log-likelihood of [tasks, concepts, longest]; 0 for a task without words."""
        return -(logits.log_softmax(1).gather(1, self.labels) * self.weight).sum((1, 2))


def rows(words: Words, like: torch.Tensor) -> Rows:
    """``words``, at least one of them; weights in the dtype and on the device of ``like``."""
    # By numpy: a dozen operations on a few thousand numbers, each of which takes longer to call in torch.
    counts = np.bincount(words.task.cpu().numpy(), minlength=words.tasks)[:, None]
    # Few lengths, so that oneDNN compiles few kernels; finer where padding weighs more.
    longest = int(counts.max())
    columns = np.arange(rounded_up(longest, 8 if longest <= 128 else 32))
    there = columns < counts
    places = np.where(there, counts.cumsum()[:, None] - counts + columns, counts.sum())
    share = torch.from_numpy(1 / np.maximum(counts, 1)).to(like)
    weight = (share * torch.from_numpy(there).to(like)).unsqueeze(1)
    source = torch.from_numpy(places.reshape(-1)).to(like.device)
    labels = words.y.index_select(0, source.clamp(max=len(words.y) - 1)).view(weight.shape)
    return Rows(words, len(columns), share.unsqueeze(1), weight, source, labels)


def lengths(words: Words) -> list[int]:
    """[tasks] words of each."""
    counts: list[int] = torch.bincount(words.task, minlength=words.tasks).tolist()
    return counts


def of_tasks(words: Words, tasks: Sequence[int]) -> Words:
    """The words of ``tasks`` alone, in this order."""
    ends = [0, *accumulate(lengths(words))]
    spans = [(ends[task], ends[task + 1]) for task in tasks]

    def chosen(values: torch.Tensor) -> torch.Tensor:
        if len(spans) == 1:
            return values[spans[0][0] : spans[0][1]]
        return torch.cat([values[low:high] for low, high in spans])

    sizes = torch.tensor([high - low for low, high in spans])
    task = torch.repeat_interleave(torch.arange(len(spans)), sizes).to(words.task.device)
    return Words(chosen(words.x), chosen(words.y), task, chosen(words.place), len(spans))


def groups(lengths: Sequence[int], *, most: int, waste: float = 0.1) -> list[list[int]]:
    """Tasks to compute side by side: similar in length, at most ``most`` words in one group.

    Tasks are taken from the shortest to the longest; a group is closed where one more would bring it over
    ``most`` words or make more than ``waste`` of it padding. A longer task is a group of its own.
    """
    found: list[list[int]] = []
    words = 0
    for task in sorted(range(len(lengths)), key=lengths.__getitem__):
        length = lengths[task]
        words += length
        size = (len(found[-1]) + 1) * length if found else 0
        if found and size <= most and size - words <= waste * size:
            found[-1].append(task)
        else:
            found.append([task])
            words = length
    return found
