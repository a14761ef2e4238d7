"""A transformers model made to attend by our cache (:mod:`.attention`) for one pass.

transformers computes attention by a function of the user's choice; ours is registered beside theirs and is
used inside :func:`reading` alone. The model itself knows of no cache.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
import transformers
from torch import nn

from .attention import Cache, Step

NAME = "concept_align_prefix"
_CURRENT: ContextVar[Cache | None] = ContextVar("cache", default=None)


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
def reading(module: nn.Module, cache: Cache, step: Step) -> Iterator[None]:
    """Inside, ``module`` attends by ``cache``; the new pieces of ``step`` are in it afterwards."""
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
