"""What a transformers model or its configuration says of itself, under the names each of them uses."""

from typing import Any

import torch
from torch import nn

_UNLIMITED = 1_000_000


def input_device(module: nn.Module) -> torch.device:
    """Where ids go in; weights that accelerate keeps elsewhere are run on its first device."""
    weight = next(module.parameters())
    if weight.device.type != "meta":
        return weight.device
    return torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")


def embeddings(module: nn.Module) -> int:
    """How many pieces the model has embeddings for; 0 where it embeds something else than pieces."""
    layer: Any = module.get_input_embeddings()  # type: ignore[operator]
    weight = getattr(layer, "weight", None)
    return int(weight.shape[0]) if isinstance(weight, torch.Tensor) and weight.ndim == 2 else 0


def pad_id(config: Any, tokenizer: Any) -> int:
    """The model's own padding id (XLM-R counts positions by it), else any: the mask hides it."""
    for number in (getattr(config, "pad_token_id", None), tokenizer.pad_token_id):
        if isinstance(number, int) and 0 <= number < getattr(config, "vocab_size", number + 1):
            return number
    return 0


def window(config: Any, tokenizer: Any = None) -> int:
    """How many pieces the model reads at once; a million where positions are relative and unbounded."""
    limits = [_UNLIMITED]
    for name in ("max_position_embeddings", "n_positions", "seq_length", "max_sequence_length"):
        limit = getattr(config, name, None)
        if isinstance(limit, int) and limit > 0:
            # RoBERTa's positions begin after the padding id.
            offset = (config.pad_token_id or 0) + 1 if _positions_after_padding(config) else 0
            limits.append(limit - offset)
    limit = getattr(tokenizer, "model_max_length", None)
    if isinstance(limit, int) and limit > 0:
        limits.append(limit)
    return min(limits)


def _positions_after_padding(config: Any) -> bool:
    return any(
        name in str(config.model_type) for name in ("roberta", "camembert", "xmod", "longformer", "mpnet")
    )
