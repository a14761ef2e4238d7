"""What classifiers say of test words, kept on disk so that a stopped evaluation resumes.

A unit is one classifier's predictions on one test, with its confidence in each: (aligner, language, shots,
draw). Units of one aligner and language are lines of one file, appended one by one.
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
from jaxtyping import Int64, UInt8
from numpy.typing import NDArray

from ..cache import KeptLines
from ..spaces.features import Features

SCHEMA = 2  # 1 had no confidences, and words without labels were shown to no aligner
LEVELS = 255  # a confidence is kept in so many parts of one: to within 0.002

Place = tuple[int, int]  # shots, draw


@dataclass(frozen=True, eq=False)
class Predictions:
    """The concept that a classifier predicts for each test word, and how sure it is."""

    codes: Int64[np.ndarray, " words"]
    confidence: UInt8[np.ndarray, " words"] | None  # in 255ths: probability of that concept; None: not known


class PredictionLog:
    """The finished units of one aligner in one language; in memory alone where ``path`` is None."""

    def __init__(self, path: Path | None, made_from: Mapping[str, Any], words: int) -> None:
        """``words``: of the test. Units made from anything else than ``made_from`` are dropped."""
        header = {"schema": SCHEMA, "words": words, **made_from}
        self._lines = KeptLines(path, header, lambda line: _read(line, words))

    @property
    def done(self) -> Mapping[Place, Predictions]:
        return self._lines.done

    def add(self, place: Place, predicted: Predictions) -> None:
        """Keep a finished unit."""
        sure = predicted.confidence
        line = {"shots": place[0], "draw": place[1], "predicted": packed(predicted.codes.astype("<i2"))}
        self._lines.add(place, predicted, {**line, "confidence": None if sure is None else packed(sure)})


def _read(line: Mapping[str, Any], words: int) -> tuple[Place, Predictions] | None:
    try:
        codes = unpacked(line["predicted"], "<i2", words).astype(np.int64)
        sure = None if line["confidence"] is None else unpacked(line["confidence"], "u1", words)
    except zlib.error:
        return None
    return (int(line["shots"]), int(line["draw"])), Predictions(codes, sure)


def packed(array: NDArray[Any]) -> str:
    """An array as text for a line of JSON; :func:`unpacked` gives its numbers back, flat."""
    return base64.b64encode(zlib.compress(array.tobytes(), 1)).decode()


def unpacked(text: str, dtype: str, count: int) -> NDArray[Any]:
    """The ``count`` numbers of :func:`packed`. Raises ValueError or zlib.error for other text."""
    array = np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=dtype)
    if len(array) != count:
        raise ValueError(f"{len(array)} values, not {count}")
    return array


def digest_features(features: Features) -> str:
    """A hash of the representations and labels themselves."""
    sha = hashlib.sha256(json.dumps([features.language, features.concepts]).encode())
    for array in (features.stored.contiguous().numpy(), features.y.contiguous().numpy(), features.offsets):
        sha.update(str((array.shape, array.dtype.str)).encode())
        sha.update(np.ascontiguousarray(array).data)
    return sha.hexdigest()
