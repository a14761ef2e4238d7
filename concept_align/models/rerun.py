"""A text read once, and then only what lies above a changed layer, again and again.

To see what a change of states does, a model is run for every change. What comes before the lowest layer that
is changed is the same each time: its blocks are passed by, and the block that gives this layer gives what it
gave before, changed. With n blocks, N changes at layer l take l + N (n - l) blocks, not N n.

That a model started in the middle goes on as it did is proven for each layer, once, on the model's probe. A
model that hands on more than states (the keys of lower blocks, say) is run as a whole for every change.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import nn

from ..errors import ModelError, UsageError
from .capture import OUTPUT, close
from .edits import StateEdit, Where, check_layers, editing, forwards, with_states
from .faults import explained_memory
from .frozen import FrozenModel

__all__ = ["OUTPUT", "Prefix", "Rerun"]
# What a model does that cannot be started in the middle.
_REFUSED = (ModelError, TypeError, ValueError, AttributeError, KeyError, IndexError, RuntimeError)

States = Float[torch.Tensor, "rows length dim"]


@dataclass(frozen=True, eq=False)
class Prefix:
    """What an untouched model made of ``ids`` [rows, length]: its states by layer, and where to start again.

    ``outputs`` are what blocks returned, by the layer that they gave.
    """

    ids: Int[torch.Tensor, "rows length"]
    mask: Int[torch.Tensor, "rows length"]
    states: Mapping[int, States]
    outputs: Mapping[int, Any]


class Rerun:
    """Runs ``model`` on texts whose states are changed. ModelError where its blocks are not known.

    Layers are those of :mod:`.capture`: 0 is what enters the first block, n what block n puts out. ``OUTPUT``
    may be asked for as well: what the model itself returns at last, which a head reads.

    >>> from concept_align.models.load import load_model
    >>> rerun = Rerun(load_model("mini-decoder"))
    >>> ids = rerun.model.probe_ids
    >>> prefix = rerun.read(ids, torch.ones_like(ids), [2, OUTPUT])
    >>> found = rerun.again(prefix, {2: lambda states, at: states * 0}, [2, OUTPUT])
    >>> bool(found[2].any()), torch.equal(found[OUTPUT], prefix.states[OUTPUT])
    (False, False)
    """

    def __init__(self, model: FrozenModel) -> None:
        self.model, self._capture = model, model._capture
        check_layers(self._capture, {}, model.name)
        self._starts: dict[int, bool] = {}

    def starts(self, layer: int) -> bool:
        """Whether the model can be started at ``layer``, as its probe tells; else it is run as a whole."""
        if layer not in self._starts:
            ids = self.model.probe_ids
            prefix = self.read(ids, torch.ones_like(ids), [layer, OUTPUT])
            passing = self._passing(prefix, layer, prefix.states[layer])
            try:
                with self.model.running(), forwards(passing):
                    found = self._capture.run(ids, prefix.mask, [OUTPUT])[OUTPUT]
                self._starts[layer] = self._same(found, prefix.states[OUTPUT])
            except _REFUSED:
                self._starts[layer] = False
        return self._starts[layer]

    def _same(self, found: torch.Tensor, before: torch.Tensor) -> bool:
        if before.device.type == "cpu" and before.dtype in {torch.float32, torch.float64}:
            return torch.equal(found, before)
        return close(found, before, self.model.tolerance)

    def read(
        self,
        ids: Int[torch.Tensor, "rows length"],
        mask: Int[torch.Tensor, "rows length"],
        layers: Sequence[int],
    ) -> Prefix:
        """The model run once on ``ids``: states of ``layers``, from each of which it can be started again.

        ``mask`` is 1 where there is a token and 0 where there is padding.
        """
        self._check_kept(layers)
        outputs: dict[int, Any] = {}
        blocks = self._capture.blocks or ()
        with explained_memory(self.model.name), self.model.running(), ExitStack() as hooks:
            for layer in {layer for layer in layers if layer > 0}:

                def keep(_: Any, args: Any, output: Any, layer: int = layer) -> None:
                    outputs[layer] = output

                hooks.callback(blocks[layer - 1].register_forward_hook(keep).remove)
            states = self._capture.run(ids, mask, layers)
        return Prefix(ids, mask, states, outputs)

    def again(
        self,
        prefix: Prefix,
        edits: Mapping[int, StateEdit],
        keep: Sequence[int],
        at: Where | None = None,
    ) -> dict[int, States]:
        """States of the layers ``keep`` where ``edits``, by layer, are made at the places ``at`` (at all).

        Only what lies above the lowest edited layer is run, and nothing above the last of ``keep``. States of
        layers below it are those of ``prefix``. UsageError for a layer that the prefix does not hold.
        """
        check_layers(self._capture, edits, self.model.name)
        self._check_kept(keep)
        lowest = min(edits, default=None)
        below = [layer for layer in keep if lowest is None or OUTPUT < layer < lowest]
        missing = [layer for layer in below if layer not in prefix.states]
        if lowest and lowest not in prefix.outputs:
            missing.append(lowest)
        if missing:
            told = f"layer {missing[0]} is not among those that were read"
            raise UsageError(told, option="layers", remedy=f"read layer {missing[0]} with the others")
        above = [layer for layer in keep if layer not in below]
        found = {layer: prefix.states[layer] for layer in below}
        if lowest is not None and above:
            with explained_memory(self.model.name), self.model.running():
                found |= self._above(prefix, lowest, edits, above, at)
        return {layer: found[layer] for layer in keep}

    def _above(
        self,
        prefix: Prefix,
        lowest: int,
        edits: Mapping[int, StateEdit],
        keep: Sequence[int],
        at: torch.Tensor | None,
    ) -> dict[int, torch.Tensor]:
        passing: dict[nn.Module, Any] = {}
        if lowest > 0 and self.starts(lowest):
            passing = self._passing(prefix, lowest, edits[lowest](prefix.states[lowest], at))
            edits = {layer: edits[layer] for layer in edits if layer != lowest}
        with forwards(passing), editing(self._capture, edits, at):
            return self._capture.run(prefix.ids, prefix.mask, keep)

    def _passing(self, prefix: Prefix, layer: int, states: torch.Tensor) -> dict[nn.Module, Any]:
        """What the blocks up to ``layer`` are replaced with, so that it has ``states``."""
        before = prefix.outputs[layer]
        changed = with_states(before, states)
        blocks = self._capture.blocks or ()
        passing: dict[nn.Module, Any] = {block: lambda *_, **__: before for block in blocks[: layer - 1]}
        return passing | {blocks[layer - 1]: lambda *_, **__: changed}

    def _check_kept(self, layers: Sequence[int]) -> None:
        last = self.model.layers
        if odd := [layer for layer in layers if not OUTPUT <= layer <= last] or not layers:
            told = f"no layer {odd} in {self.model.name}" if layers else "no layer is asked for"
            raise UsageError(told, option="layers", remedy=f"its layers are 0-{last}")
