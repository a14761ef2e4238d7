"""Finished units of an evaluation on disk, so that a stopped run goes on where it was.

A unit is one classifier's predictions on one test: (aligner, language, shots, draw). Units of one aligner
and language are lines of one file, appended one by one. Its first line says what they were made
from; units made from anything else are thrown away. A line that a killed writer left torn is dropped.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic import write_bytes
from ..spaces.features import Features

SCHEMA = 1

Place = tuple[int, int]  # shots, draw


def digest(features: Features) -> str:
    """A hash of the representations and labels themselves."""
    sha = hashlib.sha256(json.dumps([features.language, features.concepts]).encode())
    for array in (features.x.contiguous().numpy(), features.y.contiguous().numpy(), features.offsets):
        sha.update(str((array.shape, array.dtype.str)).encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def _predictions(line: bytes, words: int) -> tuple[Place, NDArray[np.int64]] | None:
    """What a line says, or None if it is torn or damaged."""
    try:
        unit = json.loads(line)
        packed = zlib.decompress(base64.b64decode(unit["predicted"]))
        place = int(unit["shots"]), int(unit["draw"])
    except (ValueError, KeyError, TypeError, zlib.error):
        return None
    codes = np.frombuffer(packed, dtype="<i2") if len(packed) == 2 * words else None
    return None if codes is None else (place, codes.astype(np.int64))


class UnitLog:
    """The finished units of one aligner in one language; in memory alone where ``path`` is None."""

    def __init__(self, path: Path | None, made_from: Mapping[str, Any], words: int) -> None:
        self.path = path
        self.done: dict[Place, NDArray[np.int64]] = {}
        if path is None:
            return
        header = _line({"schema": SCHEMA, "words": words, **made_from})
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        kept = [header]
        if lines and lines[0] == header:
            for line in lines[1:]:
                unit = _predictions(line, words) if line.endswith(b"\n") else None
                if unit is None:
                    break
                self.done[unit[0]] = unit[1]
                kept.append(line)
        if kept != lines:
            write_bytes(path, b"".join(kept))

    def add(self, place: Place, predicted: NDArray[np.int64]) -> None:
        """Keep the predictions [words] of a finished unit."""
        self.done[place] = predicted
        if self.path is None:
            return
        packed = base64.b64encode(zlib.compress(predicted.astype("<i2").tobytes(), 1)).decode()
        with self.path.open("ab") as file:
            # Not synced to the disk: that may take longer than a unit, and what a power cut tears is dropped.
            file.write(_line({"shots": place[0], "draw": place[1], "predicted": packed}))
