"""Vector operations over spans of a byte buffer: sixteen bytes at a time, integers, dictionary codes.

A span is ``(starts, lengths)`` into a :class:`Bytes`. Loops run over the sixteens of the longest span,
never over spans. Codes come from a 64-bit multiplicative hash of the span; two of 10,000 different strings
share one with a probability of 3e-12.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]
Mask = NDArray[np.bool_]

PAD = b" " * 16  # behind every buffer, so that eight bytes can be loaded anywhere
ONES = np.uint64(0x0101010101010101)
_MASKS = np.array(
    [[(1 << 8 * min(n, 8)) - 1, (1 << 8 * max(n - 8, 0)) - 1] for n in range(17)], dtype=np.uint64
).view(np.complex128)[:, 0]  # [17] two words each
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_SEED = np.uint64(0xC2B2AE3D27D4EB4F)
_HIGH_BITS = ONES << np.uint64(7)
_ZEROS, _OVER_NINE = ONES * np.uint64(0x30), ONES * np.uint64(0x76)
_MISSING = np.array([8 * (8 - n) for n in range(9)], dtype=np.uint64)
_8, _16, _32, _TEN, _HUNDRED, _TEN_THOUSAND = (np.uint64(n) for n in (8, 16, 32, 10, 100, 10_000))
_PAIRS, _FOURS, _EIGHT = (np.uint64(n) for n in (0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0xFFFFFFFF))
_SAMPLE = 1024


def where(mask: Mask) -> Ints:
    """The rows where ``mask`` is true (``np.flatnonzero`` without its detours: blocks are small)."""
    return mask.nonzero()[0]


class Bytes:
    """``data`` (which ends with PAD), seen as bytes and as unaligned 64-bit words."""

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        self.size = len(data) - len(PAD)
        self.at = np.frombuffer(data, np.uint8)
        self.word = np.ndarray((len(data) - 7,), dtype="<u8", buffer=data, strides=(1,))
        # One load of sixteen bytes costs what a load of eight does; complex numbers are that wide.
        self._pair = np.ndarray((len(data) - 15,), dtype="<c16", buffer=data, strides=(1,))

    def pairs(self, starts: Ints) -> Words:
        """[spans, 2] the sixteen bytes from each start on, as two words."""
        return self._pair[starts].view("<u8").reshape(-1, 2)

    def text(self, start: int, end: int) -> str:
        return self.data[start:end].decode()


def sixteens(starts: Ints, lengths: Ints) -> Iterator[tuple[slice | Ints, Ints, Words]]:
    """(rows, starts, masks [rows, 2]): where the k-th sixteen bytes of each span longer than 16 k are, and
    the masks that blank what lies behind its end."""
    rows: slice | Ints = slice(None)
    while len(starts):
        yield rows, starts, _MASKS.take(lengths, mode="clip").view(np.uint64).reshape(-1, 2)
        longer = where(lengths > 16)
        rows = longer if isinstance(rows, slice) else rows[longer]
        starts, lengths = starts[longer] + 16, lengths[longer] - 16


def continuations(words: Words) -> Ints:
    """[spans] bytes 0b10xxxxxx, which begin no character, in ``words`` [spans, 2]."""
    bits = (words >> np.uint64(7)) & ~(words >> np.uint64(6)) & ONES
    return ((bits.sum(axis=1) * ONES) >> np.uint64(56)).view(np.int64)


def integers(bytes_: Bytes, starts: Ints, ends: Ints) -> tuple[Ints, Mask]:
    """(values, valid): spans of one to eight decimal digits as integers, the digits of a span at once."""
    lengths = ends - starts
    # The last digit moves into the highest byte, zeros fill up below the first.
    digits = (bytes_.word[starts] ^ _ZEROS) << _MISSING.take(lengths, mode="clip")
    valid = ((digits | (digits + _OVER_NINE)) & _HIGH_BITS) == 0
    valid &= (lengths > 0) & (lengths <= 8)
    pairs = (digits * _TEN + (digits >> _8)) & _PAIRS
    fours = (pairs * _HUNDRED + (pairs >> _16)) & _FOURS
    values = (fours * _TEN_THOUSAND + (fours >> _32)) & _EIGHT
    return values.view(np.int64), valid


def hashes(bytes_: Bytes, starts: Ints, lengths: Ints) -> Words:
    """A 64-bit hash of each span."""
    result = (lengths + 1).astype(np.uint64) * _SEED
    for rows, at, masks in sixteens(starts, lengths):
        words = bytes_.pairs(at) & masks
        mixed = (result[rows] ^ words[:, 0]) * _PRIME
        mixed = ((mixed ^ (mixed >> _32)) ^ words[:, 1]) * _PRIME
        result[rows] = mixed ^ (mixed >> _32)
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

    def copy(self) -> "Dictionary":
        """A dictionary that starts with what this one holds."""
        other = Dictionary.__new__(Dictionary)
        other.names, other._codes = self.names.copy(), self._codes.copy()
        other._bits, other._shift = self._bits, self._shift
        other._slot_hash, other._slot_code = self._slot_hash.copy(), self._slot_code.copy()
        return other

    def _resize(self, bits: int) -> None:
        self._bits, self._shift = bits, np.uint64(64 - bits)
        self._slot_hash = np.zeros(1 << bits, dtype=np.uint64)
        self._slot_code = np.zeros(1 << bits, dtype=np.int32)
        keys = np.fromiter(self._codes.keys(), dtype=np.uint64, count=len(self._codes))
        slots = ((keys * _PRIME) >> self._shift).view(np.int64)
        self._slot_hash[slots] = keys
        self._slot_code[slots] = np.fromiter(self._codes.values(), dtype=np.int32, count=len(self._codes))

    def encode(self, bytes_: Bytes, starts: Ints, lengths: Ints) -> NDArray[np.int32]:
        """[spans] the code of each span; new strings are taken in."""
        keys = hashes(bytes_, starts, lengths)
        slots = ((keys * _PRIME) >> self._shift).view(np.int64)
        codes = self._slot_code[slots]
        missed = where(self._slot_hash[slots] != keys)
        if missed.size > _SAMPLE:  # a few rows hold most of what is new: sort those alone
            codes[missed[:_SAMPLE]] = self._take_in(bytes_, starts, lengths, keys, missed[:_SAMPLE])
            missed = missed[_SAMPLE:]
            codes[missed] = self._slot_code[slots[missed]]
            missed = missed[self._slot_hash[slots[missed]] != keys[missed]]
        if missed.size:  # new strings, and the few that share a slot with another
            codes[missed] = self._take_in(bytes_, starts, lengths, keys, missed)
        if len(self.names) << 4 > 1 << self._bits:
            self._resize(self._bits + 2)
        return codes

    def _take_in(
        self, bytes_: Bytes, starts: Ints, lengths: Ints, keys: Words, rows: Ints
    ) -> NDArray[np.int32]:
        unique, first, inverse = np.unique(keys[rows], return_index=True, return_inverse=True)
        order = np.argsort(first)
        seen = rows[first[order]]
        begin, end = starts[seen].tolist(), (starts[seen] + lengths[seen]).tolist()
        codes, names, data = self._codes, self.names, bytes_.data
        found = np.empty(len(unique), dtype=np.int32)
        for position, key, start, stop in zip(order.tolist(), keys[seen].tolist(), begin, end, strict=True):
            code = codes.setdefault(key, len(names))
            if code == len(names):
                names.append(data[start:stop].decode())
            found[position] = code
        slots = ((unique * _PRIME) >> self._shift).view(np.int64)
        self._slot_hash[slots], self._slot_code[slots] = unique, found
        return found[inverse]
