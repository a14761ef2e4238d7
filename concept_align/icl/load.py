"""A causal language model with its head, from the hub, a folder or a GGUF file, loaded as in ``models``."""

from typing import Any

import torch
import transformers
from torch import nn
from transformers.models.auto import modeling_auto

from ..models.faults import explained
from ..models.load import (
    choose_device,
    choose_dtype,
    complain_of,
    configuration,
    configured_kind,
    loading_options,
    pretrained,
)
from ..models.origin import Origin, locate
from ..models.quiet import quiet
from .causal import CausalModel, headless


def load_causal(
    name: str,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    device_map: str | None = None,
    offline: bool = False,
    fast_matmul: bool = True,
) -> CausalModel:
    """The causal language model called ``name``, with its head; options as :func:`~..models.load.load`'s.

    Raises ModelError for an encoder, and where the head is not stored (unless it is tied to the embeddings).
    """
    place = choose_device(device)
    kind = choose_dtype(dtype, place)
    with quiet(), explained(name):
        origin = locate(name, revision, offline)
        config = configuration(origin)
        known = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
        if configured_kind(config) != "decoder" or config.model_type not in known:
            raise headless(name, f"a {config.model_type} is not a causal language model")
        tokenizer = transformers.AutoTokenizer.from_pretrained(origin.path, **loading_options(origin))
        module = _with_head(origin, config, kind, device_map)
        if device_map is None:
            module = module.to(place)
    return CausalModel(module, tokenizer, name=name, revision=origin.revision, fast=fast_matmul)


def _with_head(origin: Origin, config: Any, dtype: torch.dtype, device_map: str | None) -> nn.Module:
    loader = transformers.AutoModelForCausalLM
    module, missing = pretrained(loader, origin, config, dtype, device_map)
    if missing and all("head" in key or "embed_out" in key for key in missing):
        raise headless(origin.path, f"{missing[0]} is not stored")
    complain_of(missing, origin)
    return module
