"""One loss over the vectors of all processes, and its exact gradient.

Process r of N holds rows r, r + N, ... of a step. Each gathers all vectors, computes the loss of all pairs,
and takes the gradient of its own rows; the sum over processes is then the gradient that one would find.

    dL/dw = sum_r sum_{i in rows of r} dL/dv_i dv_i/dw

Gathering without gradients and averaging afterwards, as is often done, gives 1/N of it.
"""

from collections.abc import Iterable
from typing import Any

import torch
from jaxtyping import Float
from torch import distributed, nn

from .processes import count, rank


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: torch.Tensor, rows: int) -> torch.Tensor:
        most = -(-rows // count())
        padded = own.new_zeros(most, own.shape[1])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in range(count())]
        distributed.all_gather(parts, padded)
        return torch.stack(parts, dim=1).flatten(0, 1)[:rows]

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return gradients[0][rank() :: count()].contiguous(), None


def gathered(own: Float[torch.Tensor, "own dim"], rows: int) -> Float[torch.Tensor, "rows dim"]:
    """The vectors of all processes in the order of one; ``own`` are rows rank, rank + N, ... of all ``rows``.

    With one process it is ``own``. A loss of what is returned must not be divided by the number of processes;
    gradients of weights are summed afterwards (:func:`reduce_gradients`).
    """
    if count() == 1:
        return own
    found: torch.Tensor = _Gathered.apply(own, rows)
    return found


def reduce_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its sum over processes; none stays none where no process has one."""
    if count() == 1:
        return
    weights = list(parameters)
    there = torch.tensor([one.grad is not None for one in weights], dtype=torch.int32)
    there = there.to(weights[0].device)
    distributed.all_reduce(there)
    held = [one for one, any_has in zip(weights, there.tolist(), strict=True) if any_has]
    for dtype in sorted({one.dtype for one in held}, key=str):
        some = [one for one in held if one.dtype == dtype]
        flat = torch.cat(
            [(torch.zeros_like(one) if one.grad is None else one.grad).flatten() for one in some]
        )
        distributed.all_reduce(flat)
        for one, part in zip(some, flat.split([one.numel() for one in some]), strict=True):
            one.grad = part.view_as(one).clone()
