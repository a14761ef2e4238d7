"""Random streams that depend on what they are for, never on order, worker or device.

A stream is derived from the user's seed and the names of its purpose, for instance
``stream(seed, "meta-train", "de", 17)`` for the 17th German episode, so that a run that is resumed,
reordered or spread over workers draws the same numbers.
"""

import hashlib

import numpy as np


def derive(seed: int, *purpose: str | int) -> int:
    """A 63-bit seed for ``purpose`` (stable over Python versions and platforms)."""
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def stream(seed: int, *purpose: str | int) -> np.random.Generator:
    """The NumPy generator for ``purpose``. For torch: ``torch.Generator().manual_seed(derive(...))``."""
    return np.random.default_rng(derive(seed, *purpose))
