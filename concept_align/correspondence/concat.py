"""Geometries of other languages or other layers, put together."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import UsageError
from .geometry import Geometry


def concat(parts: Sequence[Geometry]) -> Geometry:
    """Several geometries of one model, task and space as one: of other languages, or of other layers.

    Either all have the same layers and no language twice, or the same languages and no layer twice.
    Halves and replicates stay where every part has equally many.
    """
    if not parts:
        raise UsageError("no geometry to put together")
    first = parts[0]
    same = ("model", "revision", "task", "space", "concepts")
    if odd := [name for name in same for part in parts if getattr(part, name) != getattr(first, name)]:
        raise UsageError(
            f"geometries that differ in {', '.join(dict.fromkeys(odd))} cannot be put together",
            remedy="build them with the same model, task, space and concepts",
        )
    by_layers = all(part.languages == first.languages for part in parts)
    axis, other = ("layers", "languages") if by_layers else ("languages", "layers")
    names = [name for part in parts for name in getattr(part, axis)]
    if len(set(names)) < len(names) or any(getattr(part, other) != getattr(first, other) for part in parts):
        raise UsageError(
            "geometries can be put together along languages or along layers, each given once",
            remedy="restrict them so that they differ in one of both and share the other",
        )
    if by_layers and any((part.counts != first.counts).any() for part in parts):
        raise UsageError("the layers have not seen the same words", remedy="build them with the same options")
    if not by_layers and any(part.dims != first.dims for part in parts):
        raise UsageError("the languages have not spaces of the same dimensions")
    from_end = 4 if by_layers else 3

    def stack(key: str) -> Any:
        arrays = [getattr(part, key) for part in parts]
        if any(array is None or array.shape[:-4] != arrays[0].shape[:-4] for array in arrays):
            return None
        return np.concatenate(arrays, axis=-from_end)

    changes = {axis: tuple(names), **{key: stack(key) for key in ("gram", "halves", "replicates")}}
    changes["noise"] = np.concatenate([part.noise for part in parts], axis=0 if by_layers else 1)
    if by_layers:
        changes["dims"] = tuple(dim for part in parts for dim in part.dims)
    else:
        changes["counts"] = np.concatenate([part.counts for part in parts])
    return replace(first, **changes)
