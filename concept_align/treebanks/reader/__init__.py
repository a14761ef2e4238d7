"""The CoNLL-U reader, sealed behind :func:`read` and :func:`stream`: files into columns of codes."""

from .columns import OF_WORDS, Strings, concatenate
from .reading import LABELS, Chunk, open_bytes, plus_columns, read, sha256, stream, unpacked

__all__ = [
    "LABELS", "OF_WORDS", "Chunk", "Strings", "concatenate", "open_bytes", "plus_columns", "read", "sha256",
    "stream", "unpacked",
]  # fmt: skip
