"""The words of some tasks a row a task: labels and weights in the form that closed-form gradients use."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch

from ..episodes import Words
from ..maps import rounded_up


@dataclass(frozen=True, eq=False)
class Rows:
    """Tasks padded to their longest. What is padded has no weight, hence no part in a loss or a gradient."""

    words: Words
    longest: int
    weight: torch.Tensor  # [tasks, 1, longest]: 1 / words of the task, 0 where padded
    targets: torch.Tensor  # [tasks, concepts, longest]: the weight at the word's label, 0 elsewhere
    source: torch.Tensor  # int64 [tasks * longest]: the word in each place, any where padded

    def lay(self, values: torch.Tensor) -> torch.Tensor:
        """[at least words, width] -> [tasks, longest, width]; what is padded holds any finite numbers."""
        tasks, count, width = self.words.tasks, len(self.words.y), values.shape[1]
        if count == tasks * self.longest:
            return values[:count].view(tasks, self.longest, width)
        if not (torch.is_grad_enabled() and values.requires_grad):
            return values.index_select(0, self.source).view(tasks, self.longest, width)
        # Slower than to select, but its gradient is a selection, which adding rows up is not.
        slots = self.words.task * self.longest + self.words.place
        empty = values.new_zeros(tasks * self.longest, width)
        return empty.index_copy(0, slots, values[:count]).view(tasks, self.longest, width)


def rows(words: Words, concepts: int, like: torch.Tensor) -> Rows:
    """``words``, at least one of them; weights in the dtype and on the device of ``like``."""
    longest = padded_length(int(words.place.max()) + 1)
    counts = torch.bincount(words.task, minlength=words.tasks)
    columns = torch.arange(longest, device=counts.device)
    weight = counts.clamp(min=1).to(like.dtype).reciprocal().unsqueeze(1) * (columns < counts.unsqueeze(1))
    begin = counts.cumsum(0) - counts
    source = (begin.unsqueeze(1) + columns).clamp_(max=len(words.y) - 1).flatten()
    labels = words.y.index_select(0, source).view(words.tasks, 1, longest)
    targets = (labels == torch.arange(concepts, device=counts.device).unsqueeze(1)) * weight.unsqueeze(1)
    return Rows(words, longest, weight.unsqueeze(1), targets, source)


def padded_length(words: int) -> int:
    """Few lengths, so that oneDNN compiles few kernels; finer where padding weighs more."""
    return rounded_up(words, 8 if words <= 128 else 32)


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
