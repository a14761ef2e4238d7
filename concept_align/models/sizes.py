"""Whether a configuration asks for a model that its weights could fill: asked before anything is built.

Every layer and label that a configuration counts is made as an object, whatever the weights' files hold: of a
million layers that takes minutes, and all the memory there is. So counts are looked at before the
configuration itself is made, and the fewest weights that a model of its sizes can have are compared with the
bytes of the files: vocabulary times width and, of each layer, width squared, at a bit each.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..errors import ModelError
from .origin import WEIGHTS_FILES, Origin

# What is counted, and how many there are at the most; the deepest models that were published have a thousand.
_COUNTED = ((re.compile(r"layers?$"), 2048), (re.compile(r"(experts|labels)$"), 1 << 20))
_LEAST_LAYER = 256  # bytes of a layer in a file: the names of its weights alone
_WIDTHS = ("hidden_size", "embedding_size", "word_embed_proj_dim", "embedding_dim")
_REMEDY = "the configuration is damaged, or belongs to another model: fetch the model again"


def refuse_counts(told: Any, origin: Origin) -> None:
    """ModelError where a configuration, as its file tells it, counts more than any model has."""
    for name, value in _numbers(told):
        for counted, most in _COUNTED:
            if counted.search(name) and value > most:
                raise _absurd(f"{name} {value:,.0f}, and no model has more than {most:,}", origin)


def refuse_sizes(config: Any, origin: Origin) -> None:
    """ModelError where the weights' files are too small for what ``config`` asks for, whatever is in them."""
    there = weights_bytes(origin)
    if there is None:
        return
    text = config.get_text_config()
    width, words, layers = (
        _positive(text, name) for name in ("hidden_size", "vocab_size", "num_hidden_layers")
    )
    # Models may look words up in fewer dimensions, and share layers.
    narrow = min(filter(None, (_positive(text, name) for name in _WIDTHS)), default=0)
    layers = min(layers, _positive(text, "num_hidden_groups") or layers)
    least = max(words * narrow // 8, layers * max(_LEAST_LAYER, width * width // 8))
    if least > there:
        sizes = f"a width of {width:,}, {layers:,} layers and {words:,} tokens"
        raise _absurd(f"{sizes}: {least:,} bytes at the least, and the weights have {there:,}", origin)


def weights_bytes(origin: Origin) -> int | None:
    """Bytes of the weights' files; None where they are not here yet."""
    folder = Path(origin.path)
    if not folder.is_dir():
        return None
    patterns = [(origin.gguf,)] if origin.gguf else WEIGHTS_FILES
    sizes = [[file.stat().st_size for name in of for file in folder.glob(name)] for of in patterns]
    return max(map(sum, sizes)) or None


def _numbers(told: Any) -> Iterator[tuple[str, float]]:
    for name, value in told.items() if isinstance(told, Mapping) else ():  # else it is refused elsewhere
        if isinstance(value, Mapping):
            yield from _numbers(value)
        elif isinstance(value, int | float):
            yield str(name), value


def _positive(config: Any, name: str) -> int:
    value = getattr(config, name, None)
    return value if isinstance(value, int) and value > 0 else 0


def _absurd(what: str, origin: Origin) -> ModelError:
    return ModelError(f"config.json asks for {what}", where=origin.path, remedy=_REMEDY)
