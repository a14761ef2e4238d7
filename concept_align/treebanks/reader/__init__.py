"""The CoNLL-U reader, sealed behind :func:`read` and :func:`stream`: files into columns of codes."""

from .columns import OF_WORDS, Strings, concatenate
from .reading import LABELS, Chunk, Renamed, open_bytes, plus_columns, read, sha256, stream, unpacked

__all__ = [
    "LABELS", "OF_WORDS", "Chunk", "Renamed", "Strings", "concatenate", "open_bytes", "plus_columns", "read",
    "sha256", "stream", "unpacked",
]  # fmt: skip
