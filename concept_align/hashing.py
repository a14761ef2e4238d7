"""Digests of files and of values: what results are known by."""

import hashlib
import json
from pathlib import Path
from typing import Any


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file's bytes, read in parts."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical(value: Any) -> str:
    """JSON text that is equal for equal values: sorted keys, tuples as lists."""
    return json.dumps(value, sort_keys=True)


def digest(value: Any) -> str:
    """SHA-256 of anything that JSON holds; equal values (a tuple equals a list) have equal digests."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def as_json(value: Any) -> Any:
    """``value`` as a file gives it back: lists for tuples, keys as text and sorted. For comparing with it."""
    return json.loads(canonical(value))
