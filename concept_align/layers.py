"""Layers as people write them: ``7``, ``0-12``, ``3,6,9``, ``all``, ``-1`` (the last)."""

import re
from collections.abc import Sequence

from .errors import UsageError

_REMEDY = "write 7, 0-12, 3,6,9, all or -1 (the last); 0 is the embeddings"
PART = re.compile(r"(-?\d+)(?:-(-?\d+))?$")


def parse_layers(text: str, last: int) -> tuple[int, ...]:
    """The layers that ``text`` names, ascending, of a model that has layers ``0..last``.

    Negative numbers count from the end. Raises UsageError for what is no layer, or none of this model.
    """
    if text.strip().lower() == "all":
        return tuple(range(last + 1))
    found: set[int] = set()
    for part in text.split(","):
        match = PART.match(part.strip())
        if match is None:
            raise UsageError(f"cannot read {part.strip()!r} as layers", option="layers", remedy=_REMEDY)
        low = _resolve(int(match[1]), last)
        high = _resolve(int(match[2]), last) if match[2] else low
        if high < low:
            raise UsageError(f"the range {part.strip()!r} runs backwards", option="layers", remedy=_REMEDY)
        found.update(range(low, high + 1))
    return tuple(sorted(found))


def resolve_layers(layers: int | Sequence[int] | str, last: int) -> tuple[int, ...]:
    """Layers as Python gives them, ascending: 7, [6, 10], -1 (the last) or "all"; text is parsed as above.

    Raises UsageError for what is no layer of a model that has layers ``0..last``.
    """
    if isinstance(layers, str):
        return parse_layers(layers, last)
    chosen = [layers] if isinstance(layers, int) else list(layers)
    return tuple(sorted({_resolve(int(layer), last) for layer in chosen}))


def side_by_side(layers: tuple[int, ...], context: tuple[int, ...] = ()) -> str:
    """How results name representations: ``7``, ``6+10+13``; ``6+10+13~10`` with context of layer 10."""
    name = "+".join(map(str, layers))
    return f"{name}~{'+'.join(map(str, context))}" if context else name


def _resolve(layer: int, last: int) -> int:
    resolved = last + 1 + layer if layer < 0 else layer
    if not 0 <= resolved <= last:
        raise UsageError(
            f"no layer {layer}: the model has layers 0-{last}",
            option="layers",
            remedy=f"choose from 0 (the embeddings) to {last}, or all",
        )
    return resolved


def name_layers(layers: tuple[int, ...] | list[int]) -> str:
    """Layers in the short way that :func:`parse_layers` reads: ``0-3,7``."""
    runs: list[list[int]] = []
    for layer in sorted(layers):
        if runs and layer == runs[-1][1] + 1:
            runs[-1][1] = layer
        else:
            runs.append([layer, layer])
    return ",".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
