"""Finished units of an evaluation on disk, so that a stopped run goes on where it was.

A unit is one classifier's predictions on one test, with its confidence in each: (aligner, language, shots,
draw). Units of one aligner and language are lines of one file, appended one by one. Its first line says what
they were made from; units made from anything else are thrown away. A line that a killed writer left torn is
dropped.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..atomic import write_bytes
from ..spaces.features import Features

SCHEMA = 2  # 1 had no confidences, and words without labels were shown to no aligner
LEVELS = 255  # a confidence is kept in so many parts of one: to within 0.002

Place = tuple[int, int]  # shots, draw


@dataclass(frozen=True, eq=False)
class Predictions:
    """What a classifier says of the test words, and how sure it is."""

    codes: NDArray[np.int64]  # [words]
    confidence: (
        NDArray[np.uint8] | None
    )  # [words]: probability of that concept in 255ths; None: it tells none


def digest(features: Features) -> str:
    """A hash of the representations and labels themselves."""
    sha = hashlib.sha256(json.dumps([features.language, features.concepts]).encode())
    for array in (features.x.contiguous().numpy(), features.y.contiguous().numpy(), features.offsets):
        sha.update(str((array.shape, array.dtype.str)).encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode() + b"\n"


def _packed(array: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(array.tobytes(), 1)).decode()


def _unpacked(text: str, dtype: str, words: int) -> NDArray[Any]:
    array = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=dtype)
    if len(array) != words:
        raise ValueError(f"{len(array)} values for {words} words")
    return array


def _unit(line: bytes, words: int) -> tuple[Place, Predictions] | None:
    """What a line says, or None if it is torn or damaged."""
    try:
        unit = json.loads(line)
        codes = _unpacked(unit["predicted"], "<i2", words).astype(np.int64)
        sure = None if unit["confidence"] is None else _unpacked(unit["confidence"], "u1", words)
        return (int(unit["shots"]), int(unit["draw"])), Predictions(codes, sure)
    except (ValueError, KeyError, TypeError, zlib.error):
        return None


class UnitLog:
    """The finished units of one aligner in one language; in memory alone where ``path`` is None."""

    def __init__(self, path: Path | None, made_from: Mapping[str, Any], words: int) -> None:
        self.path = path
        self.done: dict[Place, Predictions] = {}
        if path is None:
            return
        header = _line({"schema": SCHEMA, "words": words, **made_from})
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        kept = [header]
        if lines and lines[0] == header:
            for line in lines[1:]:
                unit = _unit(line, words) if line.endswith(b"\n") else None
                if unit is None:
                    break
                self.done[unit[0]] = unit[1]
                kept.append(line)
        if kept != lines:
            write_bytes(path, b"".join(kept))

    def add(self, place: Place, predicted: Predictions) -> None:
        """Keep a finished unit."""
        self.done[place] = predicted
        if self.path is None:
            return
        unit = {
            "shots": place[0],
            "draw": place[1],
            "predicted": _packed(predicted.codes.astype("<i2")),
            "confidence": None if predicted.confidence is None else _packed(predicted.confidence),
        }
        with self.path.open("ab") as file:
            # Not synced to the disk: that may take longer than a unit, and what a power cut tears is dropped.
            file.write(_line(unit))
