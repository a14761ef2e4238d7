"""The CoNLL-U reader, sealed behind :func:`read` and :func:`stream`: files into columns of codes."""

from .columns import Strings
from .reading import Chunk, open_bytes, read, sha256, stream

__all__ = ["Chunk", "Strings", "open_bytes", "read", "sha256", "stream"]
