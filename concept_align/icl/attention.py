"""Attention of new tokens over a prefix that all rows share, over their own tokens, and over each other.

The keys and values of the prefix are held once, whatever the number of rows: all rows' queries are
multiplied with them as one matrix. Which token sees which is decided by positions and a table of the new
tokens, so rows of different lengths, gaps in the cache and several continuations of one place (the
beginnings of labels) go through the model in one pass.

transformers computes attention by a function of the user's choice; ours is registered next to theirs and is
used inside :func:`reading` alone. The model itself knows of no cache.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import nn

SCORES = 8 * 2**20  # attention weights held at once: about what stays near the processor


@dataclass(frozen=True, eq=False)
class Step:
    """New tokens of every row, [rows, new] each; the first ``kept`` columns go into the cache."""

    ids: torch.Tensor
    positions: torch.Tensor
    real: torch.Tensor  # bool: whether it is a token, or padding
    sees: torch.Tensor  # bool [rows, new, new]: whether the second is seen by the first
    kept: int


class PrefixCache:
    """Keys and values of ``rows`` rows after ``prefix``, at most ``slots`` each, layer by layer."""

    def __init__(
        self, rows: int, slots: int, device: torch.device, prefix: "PrefixCache | None" = None
    ) -> None:
        self.rows, self.prefix, self.used = rows, prefix, 0
        self.positions = torch.zeros(rows, slots, dtype=torch.int64, device=device)
        self.real = torch.zeros(rows, slots, dtype=torch.bool, device=device)
        self._layers: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._step: Step | None = None
        # Of the step, by window: masks of a row's own tokens and of the prefix.
        self._own: dict[int | None, torch.Tensor] = {}
        self._before: dict[int, torch.Tensor | None] = {}

    def begin(self, step: Step) -> None:
        """Take in new tokens; rows beyond theirs have ended."""
        self.rows = len(step.ids)
        self._step, self._own, self._before = step, {}, {}
        end = self.used + step.ids.shape[1]
        self.positions[: self.rows, self.used : end] = step.positions
        self.real[: self.rows, self.used : end] = step.real

    def end(self) -> None:
        """Keep the first of the new tokens; the others are overwritten."""
        assert self._step is not None
        self.used += self._step.kept
        self._step = None

    def held(self, layer: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values [heads, tokens, dim] of the only row."""
        keys, values = self._layers[layer]
        return keys[0, :, : self.used], values[0, :, : self.used]

    def attend(
        self,
        layer: int,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scale: float,
        window: int | None,
        softcap: float | None,
    ) -> torch.Tensor:
        """[rows, new, heads, dim] from [rows, heads, new, dim]; a head of keys may serve several."""
        keys, values = self._write(layer, key, value)
        rows, heads, new, dim = query.shape
        own, groups = key.shape[1], query.shape[1] // key.shape[1]
        query = query.reshape(rows, own, groups, new, dim) * scale
        seen, skipped = self._own_mask(window), self._prefix_start(window)
        if self.prefix is not None and self.prefix.used:
            before = [part[:, skipped:] for part in self.prefix.held(layer)]
        else:  # no token
            before = [part[0, :, :0] for part in (keys, values)]
        block = max(1, SCORES // (heads * new * (keys.shape[2] + before[0].shape[1])))
        out = query.new_empty(rows, new, own, groups, value.shape[-1])
        for begin in range(0, rows, block):
            some = slice(begin, begin + block)
            mask = self._prefix_mask(window)
            out[some] = _blend(
                query[some],
                (keys[some], values[some]),
                before,
                seen[some],
                None if mask is None else mask[some, :, skipped:],
                softcap,
            )
        return out.reshape(rows, new, heads, value.shape[-1])

    def _write(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        slots, end = self.positions.shape[1], self.used + key.shape[2]
        if layer not in self._layers:
            self._layers[layer] = tuple(  # type: ignore[assignment]
                new.new_zeros(len(self.positions), new.shape[1], slots, new.shape[3]) for new in (key, value)
            )
        for held, new in zip(self._layers[layer], (key, value), strict=True):
            held[: self.rows, :, self.used : end] = new
        keys, values = self._layers[layer]
        return keys[: self.rows, :, :end], values[: self.rows, :, :end]

    def _own_mask(self, window: int | None) -> torch.Tensor:
        """bool [rows, new, used + new]."""
        if window not in self._own:
            assert self._step is not None
            step, end = self._step, self.used + self._step.ids.shape[1]
            earlier = self.real[: self.rows, None, : self.used].expand(-1, step.ids.shape[1], -1)
            mask = torch.cat([earlier, step.sees], dim=2)
            if window is not None:
                mask &= _distance(step.positions, self.positions[: self.rows, :end]) < window
            self._own[window] = mask
        return self._own[window]

    def _prefix_start(self, window: int | None) -> int:
        """The first token of the prefix that any new token sees."""
        if window is None or self.prefix is None or self._step is None:
            return 0
        return max(0, min(self.prefix.used, int(self._step.positions.min()) - window + 1))

    def _prefix_mask(self, window: int | None) -> torch.Tensor | None:
        """bool [rows, new, tokens of the prefix]; None where everything is seen."""
        if window is None or self.prefix is None or self._step is None:
            return None
        if window not in self._before:
            mask = _distance(self._step.positions, self.prefix.positions[:, : self.prefix.used]) < window
            self._before[window] = None if bool(mask.all()) else mask
        return self._before[window]


def _distance(positions: torch.Tensor, earlier: torch.Tensor) -> torch.Tensor:
    return positions[:, :, None] - earlier[:, None, :]


def _blend(
    query: torch.Tensor,  # [rows, heads, groups, new, dim]
    own: tuple[torch.Tensor, torch.Tensor],  # [rows, heads, keys, dim]
    before: Sequence[torch.Tensor],  # [heads, tokens, dim]
    seen: torch.Tensor,  # [rows, new, keys]
    seen_before: torch.Tensor | None,  # [rows, new, tokens]
    softcap: float | None,
) -> torch.Tensor:
    """Attention over both, [rows, new, heads, groups, dim]: one softmax over weights that lie apart."""
    rows, heads, groups, new, dim = query.shape
    weights = (query.flatten(2, 3) @ own[0].transpose(2, 3)).view(rows, heads, groups, new, -1)
    weights = _capped(weights.float(), softcap).masked_fill_(~seen[:, None, None], -torch.inf)
    top = weights.amax(-1, keepdim=True)
    # [heads, rows * groups * new, dim] x [heads, dim, tokens]: the prefix is read once for all rows.
    lined = query.transpose(0, 1).reshape(heads, -1, dim)
    tokens = before[0].shape[1]
    far = (lined @ before[0].transpose(1, 2)).view(heads, rows, groups, new, tokens).transpose(0, 1)
    far = _capped(far.float(), softcap)
    if seen_before is not None:
        far = far.masked_fill(~seen_before[:, None, None], -torch.inf)
    if tokens:
        top = torch.maximum(top, far.amax(-1, keepdim=True))
    weights, far = weights.sub_(top).exp_(), far.sub_(top).exp_()
    out = weights.to(query.dtype).flatten(2, 3) @ own[1]
    lined = far.to(query.dtype).transpose(0, 1).reshape(heads, rows * groups * new, tokens)
    out = out + (lined @ before[1]).view(heads, rows, groups * new, -1).transpose(0, 1)
    total = weights.sum(-1) + far.sum(-1)
    out = out.view(rows, heads, groups, new, -1) / total[..., None].to(query.dtype)
    return out.permute(0, 3, 1, 2, 4)


def _capped(weights: torch.Tensor, softcap: float | None) -> torch.Tensor:
    return weights if softcap is None else torch.tanh(weights / softcap) * softcap


NAME = "concept_align_prefix"
_CURRENT: ContextVar[PrefixCache | None] = ContextVar("cache", default=None)


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **others: Any,
) -> tuple[torch.Tensor, None]:
    """As transformers calls it; what ``others`` would change shows when a model is probed."""
    cache = _CURRENT.get()
    assert cache is not None, "attention over a prefix outside of reading()"
    scale = query.shape[-1] ** -0.5 if scaling is None else float(scaling)
    return cache.attend(id(module), query, key, value, scale, sliding_window, softcap), None


@contextmanager
def reading(module: nn.Module, cache: PrefixCache, step: Step) -> Iterator[None]:
    """Inside, ``module`` attends by ``cache``; the new tokens of ``step`` are in it afterwards."""
    configs: dict[int, Any] = {
        id(part.config): part.config for part in module.modules() if hasattr(part, "config")
    }
    before = {key: getattr(config, "_attn_implementation", None) for key, config in configs.items()}
    transformers.AttentionInterface.register(NAME, _attention)
    token = _CURRENT.set(cache)
    cache.begin(step)
    try:
        for config in configs.values():
            config._attn_implementation = NAME
        yield
        cache.end()
    finally:
        _CURRENT.reset(token)
        for key, config in configs.items():
            config._attn_implementation = before[key]
