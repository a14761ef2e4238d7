"""Finished tables of scores, kept with what they were made from: a stopped comparison goes on from them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import atomic
from .geometry import Geometry
from .table import Alignability, read

SCHEMA = 1


def content(geometry: Geometry) -> str:
    """A digest of everything in ``geometry`` that scores depend on."""
    digest = hashlib.blake2b(digest_size=16)
    names = (geometry.label, geometry.task, geometry.space, geometry.layers, geometry.languages,
             geometry.concepts, geometry.dims, geometry.whitened)  # fmt: skip
    digest.update(json.dumps(names).encode())
    for array in (geometry.counts, geometry.gram, geometry.noise, geometry.halves, geometry.replicates):
        if array is None:
            digest.update(b"none")
            continue
        digest.update(str((array.dtype, array.shape)).encode())
        for part in array:  # piece by piece: a stack of replicates may be large
            digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


class KeptScores:
    """Tables in a folder, one for each measure, geometry and set of options."""

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def get(self, made_from: Mapping[str, Any], make: Callable[[], Alignability]) -> Alignability:
        """The table made from exactly this, or a new one, which is kept."""
        if self.folder is None:
            return make()
        text = json.dumps({"schema": SCHEMA, **made_from}, sort_keys=True)
        place = self.folder / hashlib.sha256(text.encode()).hexdigest()[:16]
        if (place / "made_from.json").is_file() and (place / "made_from.json").read_text() == text:
            return read(place)
        found = make()
        found.save(place)
        atomic.write_text(place / "made_from.json", text)  # last: a table without it is not there
        return found
