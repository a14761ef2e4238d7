"""States of the wanted layers, and no block run after the last of them.

Layer 0 is what enters the first block, layer n < last what block n puts out, the last layer what the model
itself returns as its last state. Hooks on the blocks take them; an exception out of the hook of the last
wanted block ends the forward pass. The blocks are found by their number, not by the model's name, and
believed only if the states they give equal those of ``output_hidden_states=True``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from ..errors import ModelError
from ..types import FinalNorm

# What the model itself returns as its last state, whether that is its last layer or normed after it.
OUTPUT = -1


class _Enough(Exception):
    """The last wanted layer is there."""


def first_tensor(output: Any) -> torch.Tensor:
    """The states among what a block returns: a tensor, or the first of a tuple."""
    while isinstance(output, tuple | list):
        output = output[0]
    if not isinstance(output, torch.Tensor):
        raise ModelError(f"a block returned {type(output).__name__}, not states")
    return output


def all_hidden_states(module: nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """``hidden_states`` of the whole forward pass, [rows, length, dim] each; ModelError for other shapes."""
    output = module(input_ids=ids, attention_mask=mask, output_hidden_states=True, return_dict=True)
    states = getattr(output, "hidden_states", None)
    if not states:
        raise ModelError(
            f"{type(module).__name__} returns no hidden states",
            remedy="use a text encoder or decoder that transformers can run with output_hidden_states=True",
        )
    for layer, found in enumerate(states):
        _check(layer, found, ids)
    return tuple(states)


def _check(layer: int, states: torch.Tensor | None, ids: torch.Tensor) -> None:
    """ModelError unless there is one state for each token."""
    if states is None or states.ndim != 3 or states.shape[:2] != ids.shape:
        shape = "nothing" if states is None else f"states of shape {tuple(states.shape)}"
        raise ModelError(
            f"layer {layer} gave {shape} for {tuple(ids.shape)} tokens",
            remedy="use a model that gives every token a state of its own in every layer",
        )


class Capture:
    """Runs ``module`` for the layers asked for.

    ``blocks`` are its blocks in order, None where they are not to be found; then every layer is computed.
    ``final_norm`` says what the last layer's states are (see the protocol).
    """

    def __init__(self, module: nn.Module, blocks: Sequence[nn.Module] | None, layers: int) -> None:
        self.module, self.blocks, self.layers = module, blocks, layers
        self.final_norm: FinalNorm = "none"

    def run(self, ids: torch.Tensor, mask: torch.Tensor, layers: Sequence[int]) -> dict[int, torch.Tensor]:
        """[rows, length, dim] for each of ``layers``, padding included; ``ids``, ``mask`` [rows, length].

        ``OUTPUT`` is one that may be asked for.
        """
        if self.blocks is None:
            states = all_hidden_states(self.module, ids, mask)
            return {layer: states[layer] for layer in layers}
        wanted, last = set(layers), max(layers)
        normed = last == self.layers and self.final_norm != "pre"
        whole = normed or OUTPUT in wanted
        kept: dict[int, torch.Tensor] = {}

        def keep(layer: int, states: torch.Tensor) -> None:
            kept[layer] = states
            if layer == last and not whole:
                raise _Enough

        with self.taking(wanted - {OUTPUT}, keep):
            try:
                output = self.module(input_ids=ids, attention_mask=mask)
                kept |= {OUTPUT: output[0]} | ({last: output[0]} if normed else {})
            except _Enough:
                pass
        for layer in wanted:
            _check(layer, kept.get(layer), ids)
        return {layer: kept[layer] for layer in layers}

    @contextmanager
    def taking(self, layers: Iterable[int], keep: Callable[[int, torch.Tensor], None]) -> Iterator[None]:
        """Inside, ``keep`` gets each of ``layers`` and its states as blocks put them out.

        The last layer is not among them where the model norms it; none is where the blocks are not known.
        """

        def entering(_: nn.Module, args: Any, kwargs: Any) -> None:
            keep(0, first_tensor(args[0] if args else kwargs["hidden_states"]))

        with ExitStack() as hooks:
            blocks = self.blocks or ()
            for layer in layers if blocks else ():
                if layer == 0:
                    handle = blocks[0].register_forward_pre_hook(entering, with_kwargs=True)
                elif layer < self.layers or self.final_norm == "pre":
                    handle = blocks[layer - 1].register_forward_hook(
                        lambda _, args, output, layer=layer: keep(layer, first_tensor(output))
                    )
                else:
                    continue
                hooks.callback(handle.remove)
            yield


def block_lists(module: nn.Module, layers: int) -> Iterator[nn.ModuleList]:
    """Lists of ``layers`` modules of one size, outermost first: the blocks are one of them."""
    found = [
        (name.count("."), place, part)
        for place, (name, part) in enumerate(module.named_modules())
        if isinstance(part, nn.ModuleList) and len(part) == layers
    ]
    for _, _, part in sorted(found, key=lambda entry: entry[:2]):
        yield part


def close(a: torch.Tensor, b: torch.Tensor, tolerance: float) -> bool:
    """Whether the states differ by at most ``tolerance`` of their size (Frobenius norms)."""
    if a.shape != b.shape:
        return False
    a, b = a.float().cpu(), b.float().cpu()
    return bool((a - b).norm() <= tolerance * b.norm())


def find_capture(module: nn.Module, ids: torch.Tensor, mask: torch.Tensor, tolerance: float) -> Capture:
    """The capture of ``module``, proven on the probe ``ids`` [rows, length] against its own hidden states.

    A last state that the model projects to another width is left: that of its last block is taken.
    """
    reference = all_hidden_states(module, ids, mask)
    # Some pad to a multiple of something: a length that is one would not tell.
    fewer = ids[:, :-1], mask[:, :-1]
    shorter = all_hidden_states(module, *fewer)
    layers = len(reference) - 1
    final = first_tensor(module(input_ids=ids, attention_mask=mask)[0])
    for blocks in block_lists(module, layers):
        capture = Capture(module, list(blocks), layers)
        capture.final_norm = "pre"  # take what each block puts out, the last one too
        try:
            raw = capture.run(ids, mask, range(layers + 1))
            projected = raw[layers].shape != reference[-1].shape
            if not projected:
                capture.final_norm = _final_norm(raw[layers], reference[-1], final, tolerance)
            found = capture.run(ids, mask, range(layers + 1))
            again = capture.run(*fewer, range(layers + 1))
        except (ModelError, KeyError, IndexError):
            continue  # not the blocks: they did not run, or not on states
        proven = range(layers + (not projected))
        pairs = [(a[layer], b[layer]) for a, b in ((found, reference), (again, shorter)) for layer in proven]
        if all(close(a, b, tolerance) for a, b in pairs):
            return capture
    same = zip(all_hidden_states(module, ids, mask), reference, strict=True)
    if any(bool(torch.isfinite(b).all()) and not close(a, b, tolerance) for a, b in same):
        raise ModelError(
            f"{type(module).__name__} gives other states each time it reads the same text",
            remedy="use a model without random choices (hashes, samples) in its attention",
        )
    capture = Capture(module, None, layers)
    if not close(reference[-1], final, tolerance):
        capture.final_norm = "pre"
    elif _has_final_norm(module):
        capture.final_norm = "post"
    return capture


def _has_final_norm(module: nn.Module) -> bool:
    """Whether a norm stands outside the embeddings and the blocks, for want of blocks to compare with."""
    names = [name for name, part in module.named_modules() if "norm" in type(part).__name__.lower()]
    return any("embed" not in name and not any(map(str.isdigit, name.split("."))) for name in names)


def _final_norm(raw: torch.Tensor, last: torch.Tensor, final: torch.Tensor, tolerance: float) -> FinalNorm:
    """``raw`` leaves the last block, ``last`` is ``hidden_states[-1]``, ``final`` the model's output."""
    if close(raw, final, tolerance):
        return "none"
    return "pre" if close(raw, last, tolerance) else "post"
