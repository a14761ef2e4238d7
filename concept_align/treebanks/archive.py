"""The members of an archive that is not trusted, read in one pass and counted against limits."""

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from ..errors import FetchError
from ..progress import Bar

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What no UD release comes near: 2.10 has some 2,000 files and is packed about eight to one."""

    members: int = 100_000
    total: int = 64 << 30  # bytes unpacked
    ratio: int = 100  # bytes unpacked for a byte of the archive
    allowance: int = 64 << 20  # bytes unpacked before the ratio counts
    header: int = 1 << 20  # bytes of an extended header, which is read into memory


def refuse(archive: Path, why: str) -> FetchError:
    return FetchError(
        why,
        where=str(archive),
        remedy="nothing was unpacked; remove the archive, check --url and --sha256, and fetch again",
    )


@contextlib.contextmanager
def tar_of(reader: "Reader", limits: Limits) -> Iterator[tarfile.TarFile]:
    class Header(tarfile.TarInfo):
        """Extended headers are read into memory whole: they are not allowed to be large."""

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Header":
            header = super().frombuf(buf, encoding, errors)
            if header.type in b"xgLKX" and header.size > limits.header:
                raise refuse(reader.path, "an extended header is too large")
            return header

    with tarfile.open(fileobj=cast(IO[bytes], reader), mode="r|", tarinfo=Header) as tar:
        yield tar


class Reader(io.RawIOBase):
    """The unpacked bytes of an archive, counted against the limits."""

    def __init__(self, path: Path, limits: Limits, bar: Bar) -> None:
        self.path, self.bar = path, bar
        self.most = min(limits.total, limits.allowance + limits.ratio * path.stat().st_size)
        self.count = 0
        self.content = 0  # bytes up to the last that is not zero
        self.shown = 0
        self.raw = self.unpacked = cast(IO[bytes], path.open("rb"))
        self.unpacked = self._opened()

    def _opened(self) -> IO[bytes]:
        magic = self.raw.read(6)
        self.raw.seek(0)
        if magic.startswith(b"\x1f\x8b"):
            return cast(IO[bytes], gzip.GzipFile(fileobj=self.raw))
        if magic.startswith(b"\xfd7zXZ\0"):
            return cast(IO[bytes], lzma.LZMAFile(self.raw))
        if magic.startswith(b"BZh"):
            return cast(IO[bytes], bz2.BZ2File(self.raw))
        if magic.lstrip()[:1] == b"<":
            self.raw.close()
            raise refuse(self.path, "this is a web page, not an archive")
        return self.raw

    def read(self, size: int = -1) -> bytes:
        data = self.unpacked.read(_CHUNK if size < 0 else size)
        self.count += len(data)
        if self.count > self.most:
            raise refuse(
                self.path, f"the archive holds more than {self.most >> 20:,} MiB: it is no UD release"
            )
        rest = data.rstrip(b"\0")
        if rest:
            self.content = self.count - len(data) + len(rest)
        place = self.raw.tell()
        self.bar.advance(place - self.shown)
        self.shown = place
        return data

    def finish(self, end: int) -> None:
        """Read on to the end of the stream (its checksum); at ``end`` zeros and nothing else must follow.

        ``tarfile`` takes a broken header, or none, for the end of an archive: what follows tells.
        """
        while self.read():
            pass
        if self.content > end or end == 0 or self.count < end + tarfile.BLOCKSIZE:
            raise tarfile.ReadError(f"unreadable at byte {end:,}")

    def close(self) -> None:
        if not self.closed:
            self.unpacked.close()
            self.raw.close()
        super().close()
