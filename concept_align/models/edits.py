"""Changes of a model's states while it reads, and where they are put in.

    low rank  h' = h + (t - (h - c) R) W        R [dim, rank] reads coordinates, W [rank, dim] writes them
    shift     h' = h + f d                      d [dim], f a number

With t = 0 and R = W' of orthonormal columns, h' is h less its part in their span, seen from the centre c;
with another W where R W is a projection, less an oblique part. With t the coordinates of something else, that
takes the place of what was there. Changes are computed in float32 at least; states keep their own dtype.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from jaxtyping import Bool, Float
from torch import nn

from ..errors import ModelError, UsageError
from .capture import Capture, first_tensor

Where = Bool[torch.Tensor, "texts tokens"]


class StateEdit(Protocol):
    """What changes states; those that are not chosen ``at`` keep every bit."""

    def __call__(
        self, states: Float[torch.Tensor, "rows length dim"], at: Where | None = None
    ) -> Float[torch.Tensor, "rows length dim"]: ...


def _changed_at(
    states: torch.Tensor, at: torch.Tensor | None, chosen: torch.Tensor, change: torch.Tensor
) -> torch.Tensor:
    """``states`` where ``chosen`` [places, dim], in their order, have ``change`` added."""
    new = (chosen + change).to(states.dtype)
    if at is None:
        return new.view(states.shape)
    found = states.clone()
    found[at] = new
    return found


def _chosen(states: torch.Tensor, at: torch.Tensor | None) -> torch.Tensor:
    """[places, dim], in float32 at least."""
    if at is not None and at.shape != states.shape[:2]:
        told = f"places {tuple(at.shape)} for states of {tuple(states.shape[:2])} tokens"
        raise UsageError(told, option="at", remedy="give a row for each row of tokens that is read")
    chosen = states.flatten(0, 1) if at is None else states[at.to(states.device)]
    return chosen if chosen.dtype == torch.float64 else chosen.float()


@dataclass(frozen=True, eq=False)
class Edit:
    """h' = h + (target - (h - centre) @ read) @ write.

    ``target`` holds coordinates [rank] for all places, or [places, rank], one for each place that is changed,
    row by row. Zeros take the coordinates away.

    >>> axis = torch.eye(3)[:, :1]
    >>> Edit(axis, axis.T, torch.zeros(3), torch.zeros(1))(torch.ones(1, 1, 3)).tolist()
    [[[0.0, 1.0, 1.0]]]
    """

    read: Float[torch.Tensor, "dim rank"]
    write: Float[torch.Tensor, "rank dim"]
    centre: Float[torch.Tensor, " dim"]
    target: Float[torch.Tensor, "*places rank"]

    def __post_init__(self) -> None:
        dim, rank = self.read.shape
        fits = self.write.shape == (rank, dim) and self.centre.shape == (dim,)
        if not fits or self.target.ndim > 2 or self.target.shape[-1:] != (rank,):
            shapes = [tuple(one.shape) for one in (self.read, self.write, self.centre, self.target)]
            raise UsageError(f"read, write, centre and target of shapes {shapes} do not fit", option="read")

    def __call__(
        self, states: Float[torch.Tensor, "rows length dim"], at: Where | None = None
    ) -> Float[torch.Tensor, "rows length dim"]:
        chosen = _chosen(states, at)
        if self.target.ndim == 2 and len(self.target) != len(chosen):
            told = f"coordinates for {len(self.target)} places, and {len(chosen)} places are changed"
            raise UsageError(told, option="target", remedy="give the places as at, or one row of coordinates")
        read, write, centre, target = (
            one.to(chosen) for one in (self.read, self.write, self.centre, self.target)
        )
        return _changed_at(states, at, chosen, (target - (chosen - centre) @ read) @ write)


@dataclass(frozen=True, eq=False)
class Shift:
    """h' = h + factor * direction.

    >>> Shift(torch.tensor([0.0, 1.0]), 3.0)(torch.ones(1, 1, 2)).tolist()
    [[[1.0, 4.0]]]
    """

    direction: Float[torch.Tensor, " dim"]
    factor: float = 1.0

    def __call__(
        self, states: Float[torch.Tensor, "rows length dim"], at: Where | None = None
    ) -> Float[torch.Tensor, "rows length dim"]:
        chosen = _chosen(states, at)
        change = (self.factor * self.direction.to(chosen)).expand_as(chosen)
        return _changed_at(states, at, chosen, change)


def with_states(output: Any, states: torch.Tensor) -> Any:
    """What a block returned, with ``states`` in the place of its own."""
    if not isinstance(output, tuple | list):
        return states
    parts = [with_states(output[0], states), *output[1:]]
    return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)


def check_layers(capture: Capture, edits: Mapping[int, StateEdit], name: str) -> None:
    """ModelError where blocks are not known, UsageError for a layer whose states nothing reads."""
    if capture.blocks is None:
        what = "its blocks were not found, so that no state of it can be changed"
        raise ModelError(what, where=name, remedy="use a model whose blocks stand in one list")
    last = capture.layers
    if odd := [layer for layer in edits if not 0 <= layer <= last]:
        raise UsageError(f"no layer {odd[0]} in {name}", option="layers", remedy=f"its layers are 0-{last}")
    if last in edits and capture.final_norm == "post":
        what = f"layer {last} of {name} is what its final norm puts out, after the last block"
        remedy = f"change layer {last - 1} at most: what is changed there, the last block and the norm read"
        raise UsageError(what, option="layers", remedy=remedy)


@contextmanager
def editing(capture: Capture, edits: Mapping[int, StateEdit], at: Where | None = None) -> Iterator[None]:
    """Inside, every forward pass has its states changed by ``edits``, by layer; no hook is left after."""

    def entering(edit: StateEdit, args: Any, kwargs: Any) -> Any:
        if args:
            return (edit(first_tensor(args[0]), at), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": edit(first_tensor(kwargs["hidden_states"]), at)}

    blocks = capture.blocks or ()
    with ExitStack() as hooks:
        for layer, edit in edits.items():
            if layer == 0:
                handle = blocks[0].register_forward_pre_hook(
                    lambda _, args, kwargs, edit=edit: entering(edit, args, kwargs), with_kwargs=True
                )
            else:
                handle = blocks[layer - 1].register_forward_hook(
                    lambda _, args, output, edit=edit: with_states(output, edit(first_tensor(output), at))
                )
            hooks.callback(handle.remove)
        yield


@contextmanager
def forwards(replaced: Mapping[nn.Module, Any]) -> Iterator[None]:
    """Inside, the modules' ``forward`` is what ``replaced`` says; after it their own again."""

    def restore(module: nn.Module, own: Any) -> None:
        if own is None:
            del module.forward  # the class's own again
        else:
            module.forward = own

    with ExitStack() as stack:
        for module, forward in replaced.items():
            own = vars(module).get("forward")
            module.forward = forward
            stack.callback(restore, module, own)
        yield
