"""The CoNLL-U reader, sealed behind :func:`read` and :func:`stream`: files into columns of codes."""

from .blocks import open_bytes, sha256, unpacked
from .columns import OF_WORDS, Strings, concatenate
from .reading import LABELS, Chunk, Renamed, plus_columns, read, stream

__all__ = [
    "LABELS", "OF_WORDS", "Chunk", "Renamed", "Strings", "concatenate", "open_bytes", "plus_columns", "read",
    "sha256", "stream", "unpacked",
]  # fmt: skip
