"""The CoNLL-U reader, sealed behind :func:`read` and :func:`stream`: files into columns of codes."""

from .blocks import open_bytes, sha256
from .reading import Chunk, read, stream
from .strings import Strings

__all__ = ["Chunk", "Strings", "open_bytes", "read", "sha256", "stream"]
