"""The CoNLL-U reader, sealed behind :func:`read` and :func:`stream`: files into columns of codes."""

from .columns import OF_WORDS, Strings
from .reading import LABELS, Chunk, open_bytes, plus_columns, read, sha256, stream, unpacked

__all__ = [
    "LABELS", "OF_WORDS", "Chunk", "Strings", "open_bytes", "plus_columns", "read", "sha256", "stream",
    "unpacked",
]  # fmt: skip
