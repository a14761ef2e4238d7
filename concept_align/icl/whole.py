"""A model with its head where that is stored: a causal one, one for masks, or none."""

from typing import Any

import transformers
from torch import nn
from transformers.models.auto import modeling_auto

from ..errors import ModelError
from ..models.frozen import FrozenModel
from ..models.heads import MaskedModel
from ..models.load import complain_of, configured_kind, opened, pretrained, read_base
from ..models.origin import Origin
from ..models.states import TransformersModel
from ..types import ModelKind
from .causal import CausalModel


def open_whole(
    name: str,
    *,
    revision: str | None = None,
    dtype: str = "auto",
    device: str = "auto",
    offline: bool = False,
) -> FrozenModel:
    """The model called ``name``, with its language-model head where that is stored.

    Options are those of :func:`concept_align.load_model`; ModelError for what cannot be loaded.

    Example:
        >>> type(open_whole("mini-decoder", device="cpu")).__name__
        'CausalModel'
    """

    def read(origin: Origin, config: Any, kind: Any) -> nn.Module:
        known: Any = modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES
        loader: Any = transformers.AutoModelForMaskedLM
        if configured_kind(config) == "decoder":
            known, loader = modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, transformers.AutoModelForCausalLM
        if config.model_type not in known or getattr(config, "is_encoder_decoder", False):
            return read_base(origin, config, kind)[0]
        module, missing = pretrained(loader, origin, config, kind, None)
        missing = [key for key in missing if "pooler" not in key]
        base: nn.Module = module.base_model  # type: ignore[assignment]
        begins = f"{module.base_model_prefix}."
        complain_of([key for key in missing if base is module or key.startswith(begins)], origin)
        return base if missing else module

    def probed(module: nn.Module, tokenizer: Any, origin: Origin) -> FrozenModel:
        module.config.use_cache = False  # type: ignore[union-attr]
        return whole(module, tokenizer, name=name, revision=origin.revision)

    return opened(name, read, probed, revision, dtype, device, None, offline)


def whole(module: nn.Module, tokenizer: Any, *, name: str, revision: str) -> FrozenModel:
    """A loaded model of transformers as what it is: with a causal head, a head for masks, or without any."""
    base: Any = getattr(module, "base_model", module)
    known: dict[str, Any] = {"name": name, "revision": revision}
    if base is module or module.get_output_embeddings() is None:  # type: ignore[operator]
        return TransformersModel(module, tokenizer, **known)
    if configured_kind(module.config) == "decoder":
        return CausalModel(module, tokenizer, **known)
    try:
        return MaskedModel(module, tokenizer, base=base, **known)
    except (ModelError, TypeError, AttributeError):  # its head cannot be run apart: it is left
        return TransformersModel(base, tokenizer, **known)


def kind_of(model: FrozenModel) -> ModelKind:
    """Whether a model's tokens see those after them (an encoder's do)."""
    if isinstance(model, TransformersModel):
        return model.kind
    return "decoder" if isinstance(model, CausalModel) else "encoder"
