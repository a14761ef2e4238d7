"""Strings as spans over UTF-8 bytes: a column of a million words costs twelve bytes a word, not a hundred.

A string is decoded when it is asked for.
"""

from collections.abc import Iterator, Sequence
from typing import overload

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Strings(Sequence[str]):
    """``len(starts)`` strings, the i-th being ``data[starts[i] : starts[i] + lengths[i]]`` in UTF-8."""

    __slots__ = ("data", "lengths", "starts")

    def __init__(
        self, data: bytes | bytearray, starts: NDArray[np.int64], lengths: NDArray[np.int32]
    ) -> None:
        self.data, self.starts, self.lengths = data, starts, lengths

    def __len__(self) -> int:
        return len(self.starts)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "Strings": ...
    def __getitem__(self, index: int | slice) -> "str | Strings":
        if isinstance(index, slice):
            return Strings(self.data, self.starts[index], self.lengths[index])
        start = int(self.starts[index])
        return str(self.data[start : start + int(self.lengths[index])], "utf-8")

    def __iter__(self) -> Iterator[str]:
        data = self.data
        for start, end in zip(self.starts.tolist(), (self.starts + self.lengths).tolist(), strict=True):
            yield str(data[start:end], "utf-8")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(text) for text in self[:5])
        return f"<{len(self)} strings: {shown}{', ...' if len(self) > 5 else ''}>"

    def take(self, rows: ArrayLike) -> "Strings":
        """The strings at ``rows``, over bytes of their own: what is left out can be freed."""
        rows = np.asarray(rows)
        encoded = [self.data[s : s + n] for s, n in zip(self.starts[rows], self.lengths[rows], strict=True)]
        return from_bytes(encoded)


def from_bytes(encoded: Sequence[bytes | bytearray]) -> Strings:
    """Strings of their UTF-8 encodings."""
    lengths = np.fromiter(map(len, encoded), dtype=np.int32, count=len(encoded))
    ends = np.cumsum(lengths, dtype=np.int64)
    return Strings(b"".join(encoded), ends - lengths, lengths)


def concatenate(parts: Sequence[Strings]) -> Strings:
    """One column of ``parts`` end to end; bytes that several parts share are kept once."""
    bases: dict[int, int] = {}
    buffers: list[bytes | bytearray] = []
    size = 0
    starts = []
    for part in parts:
        base = bases.get(id(part.data))
        if base is None:
            base = bases[id(part.data)] = size
            buffers.append(part.data)
            size += len(part.data)
        starts.append(part.starts + base)
    data = buffers[0] if len(buffers) == 1 else b"".join(buffers)
    return Strings(data, np.concatenate(starts), np.concatenate([part.lengths for part in parts]))
