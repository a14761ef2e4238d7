"""Vector operations over spans of a byte buffer: eight bytes at a time, integers, dictionary codes.

A span is ``(starts, lengths)`` into a :class:`Bytes`. Loops run over the 8-byte words of the longest span,
never over spans. Codes come from a 64-bit multiplicative hash of the span; two of 10,000 different strings
share one with a probability of 3e-12.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]

PAD = b"\xff" * 16  # behind every buffer, so that eight bytes can be loaded anywhere
ONES = np.uint64(0x0101010101010101)
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(9)], dtype=np.uint64)
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SEED = np.uint64(0xC2B2AE3D27D4EB4F)
_HALF = np.uint64(32)


class Bytes:
    """``data`` (which ends with PAD), seen as bytes and as unaligned 64-bit words."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.size = len(data) - len(PAD)
        self.at = np.frombuffer(data, np.uint8)
        self.word = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))

    def text(self, start: int, end: int) -> str:
        return self.data[start:end].decode()


def eights(bytes_: Bytes, starts: Ints, lengths: Ints) -> Iterator[tuple[slice | Ints, Words]]:
    """(rows, words): the k-th eight bytes of each span longer than 8 k, zeros behind its end."""
    rows: slice | Ints = slice(None)
    k = 0
    while len(starts):
        yield rows, bytes_.word[starts] & _MASKS.take(lengths, mode="clip")
        longer = np.flatnonzero(lengths > 8)
        k += 1
        rows = longer if isinstance(rows, slice) else rows[longer]
        starts, lengths = starts[longer] + 8, lengths[longer] - 8


def integers(bytes_: Bytes, starts: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """(values, valid): spans of one to nine decimal digits as integers."""
    at, lengths = bytes_.at, ends - starts
    digit = at[ends - 1] - np.uint8(48)
    valid = (digit <= 9) & (lengths > 0) & (lengths <= 9)
    values = digit.astype(np.int64)
    rows, place = np.flatnonzero(lengths > 1), 1
    while rows.size and place < 9:
        digit = at[ends[rows] - (place + 1)] - np.uint8(48)
        valid[rows] &= digit <= 9
        values[rows] += digit * np.int64(10**place)
        place += 1
        rows = rows[lengths[rows] > place]
    return values, valid


def hashes(bytes_: Bytes, starts: Ints, lengths: Ints) -> Words:
    """A 64-bit hash of each span."""
    result = (lengths + 1).astype(np.uint64) * _SEED
    for rows, words in eights(bytes_, starts, lengths):
        mixed = (result[rows] ^ words) * _PRIME
        result[rows] = mixed ^ (mixed >> _HALF)
    return result


class Dictionary:
    """Codes of strings in order of first sight; it grows from block to block."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names: list[str] = []
        self._codes: dict[int, int] = {}
        self._resize(12)
        encoded = [name.encode() for name in names]
        if encoded:
            lengths = np.array([len(name) for name in encoded])
            self.encode(Bytes(b"".join(encoded) + PAD), np.cumsum(lengths) - lengths, lengths)

    def _resize(self, bits: int) -> None:
        self._bits, self._shift = bits, np.uint64(64 - bits)
        self._slot_hash = np.zeros(1 << bits, dtype=np.uint64)
        self._slot_code = np.zeros(1 << bits, dtype=np.int32)
        for key, code in self._codes.items():
            self._place(key, code)

    def _place(self, key: int, code: int) -> None:
        slot = ((key * int(_PRIME)) & (2**64 - 1)) >> int(self._shift)
        self._slot_hash[slot], self._slot_code[slot] = key, code

    def encode(self, bytes_: Bytes, starts: Ints, lengths: Ints) -> NDArray[np.int32]:
        """[spans] the code of each span; new strings are taken in."""
        keys = hashes(bytes_, starts, lengths)
        slots = ((keys * _PRIME) >> self._shift).view(np.int64)
        codes = self._slot_code[slots]
        missed = np.flatnonzero(self._slot_hash[slots] != keys)
        if missed.size:  # new strings, and the few that share a slot with another
            unique, first, inverse = np.unique(keys[missed], return_index=True, return_inverse=True)
            found = np.empty(len(unique), dtype=np.int32)
            for position in np.argsort(first).tolist():
                row = missed[first[position]]
                found[position] = self._take_in(int(unique[position]), bytes_, starts[row], lengths[row])
            codes[missed] = found[inverse]
        if len(self.names) << 4 > 1 << self._bits:
            self._resize(self._bits + 2)
        return codes

    def _take_in(self, key: int, bytes_: Bytes, start: int, length: int) -> int:
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self.names)
            self.names.append(bytes_.text(start, start + length))
            self._place(key, code)
        return code
