"""A UD release archive becomes treebank folders: all of a treebank or nothing, and nothing else.

The archive is not trusted. Written are only regular files and folders under a ``UD_*`` folder of the
archive, with mode bits of our own; a name that leaves the folder, is no text or lies too deep, a link, a
device, a name twice, or more content than a release can have, and the archive is refused as a whole. Files
go to a temporary folder; treebanks are renamed into place one by one after the archive has been read to its
end.

``tarfile``'s own filter for data (Python 3.11.4 on) is a second door behind these refusals: by itself it
lets links within the folder and names that come twice pass, and renames what this refuses.
"""

import lzma
import os
import shutil
import tarfile
import tempfile
import unicodedata
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import FetchError
from ..progress import Bar, Progress, Silent

TEMPORARY = ".unpacking-"
_CHUNK = 1 << 20
# What ``tarfile`` and the packers raise over bytes that are none of theirs.
_DAMAGE = (
    tarfile.TarError, OSError, EOFError, ValueError, ArithmeticError, LookupError, TypeError, AttributeError,
    RecursionError, zlib.error, lzma.LZMAError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What no UD release comes near: 2.10 has some 2,000 files and is packed about eight to one."""

    members: int = 100_000
    folders: int = 10_000
    depth: int = 16  # folders, one in the other
    name: int = 255  # bytes of one part of a path: what file systems take
    total: int = 64 << 30  # bytes unpacked
    ratio: int = 100  # bytes unpacked for a byte of the archive
    allowance: int = 64 << 20  # bytes unpacked before the ratio counts
    header: int = 1 << 20  # bytes of an extended header, which is read into memory


@dataclass(frozen=True)
class UnpackReport:
    """Treebank folders, by name."""

    written: tuple[str, ...]
    present: tuple[str, ...]  # were there before and were left as they are
    seen: tuple[str, ...]  # all treebanks of the archive


def unpack(
    archive: str | Path,
    into: str | Path,
    *,
    wanted: Callable[[str], bool] | None = None,
    force: bool = False,
    ready: Callable[[Path, Sequence[str]], Sequence[str]] | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> UnpackReport:
    """Put the treebanks of ``archive`` (tar, packed or not) for which ``wanted`` holds under ``into``.

    A treebank that is there already is left alone, or replaced with ``force``. ``ready`` is called when the
    archive has been read to its end, with the temporary folder and the names of the treebanks in it; it says
    which of them are put into place. Raises FetchError for an archive that is damaged, hostile or no tar
    archive; then no treebank was written or changed.
    """
    if not hasattr(tarfile, "data_filter"):
        raise FetchError(
            "this Python unpacks archives without a filter",
            remedy="use Python 3.11.4 or later, or unpack the archive yourself",
        )
    archive, into = Path(archive), Path(into)
    limits = limits or Limits()
    into.mkdir(parents=True, exist_ok=True)
    bar = (progress or Silent()).bar(f"unpack {archive.name}", archive.stat().st_size, unit="bytes")

    def asked(name: str) -> bool:
        return (wanted is None or wanted(name)) and (force or not os.path.lexists(into / name))

    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=into, ignore_cleanup_errors=True) as folder:
        temporary = Path(folder)
        try:
            seen = _read(archive, temporary, asked, limits, bar)
        except _DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise FetchError(f"cannot unpack: {error.strerror}", where=str(into)) from error
            why = " ".join(str(error).split()) or type(error).__name__
            raise refuse(archive, f"the archive is damaged ({why})") from error
        written = tuple(name for name in seen if (temporary / name).is_dir())
        if ready is not None:
            written = tuple(ready(temporary, written))
        try:
            for name in written:
                _put(temporary / name, into / name, temporary)
        except OSError as error:
            raise FetchError(f"cannot unpack: {error.strerror or error}", where=str(into / name)) from error
    left = [name for name in seen if name not in written and (wanted is None or wanted(name))]
    return UnpackReport(written, tuple(name for name in left if (into / name).exists()), seen)


def remove_leftovers(into: Path) -> None:
    """Remove what killed runs left; only for a caller who knows that no other is at work in ``into``."""
    for folder in into.glob(f"{TEMPORARY}*"):
        with suppress(RecursionError):  # thousands of folders, one in the other
            shutil.rmtree(folder, ignore_errors=True)


def refuse(archive: Path, why: str) -> FetchError:
    """The error that says why ``archive`` is not unpacked."""
    remedy = "nothing was unpacked; remove the archive, check url and sha256, and fetch again"
    return FetchError(why, where=str(archive), remedy=remedy)


def _put(source: Path, target: Path, aside: Path) -> None:
    """Rename ``source`` to ``target``; what was at ``target`` goes to ``aside`` to be removed."""
    if os.path.lexists(target):
        target.rename(aside / f"{target.name}.replaced")
    source.rename(target)


def _read(
    archive: Path, into: Path, asked: Callable[[str], bool], limits: Limits, bar: Bar
) -> tuple[str, ...]:
    seen: dict[str, bool] = {}
    names: dict[str, bool] = {}  # folded path → is a folder
    most = min(limits.total, limits.allowance + limits.ratio * archive.stat().st_size)
    last, headers, folders, shown = b"", 0, 0, 0

    def count(size: int) -> None:
        """Refuse more than ``size`` unpacked bytes may be; say how far the packed ones are read."""
        nonlocal shown
        if size > most:
            raise refuse(archive, f"the archive holds more than {most >> 20:,} MiB: it is no UD release")
        bar.advance(raw.tell() - shown)
        shown = raw.tell()

    class Header(tarfile.TarInfo):
        """Extended headers are read into memory whole: they are not allowed to be large."""

        @classmethod
        def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "Header":
            nonlocal last, headers
            last = bytes(buf)
            header = super().frombuf(buf, encoding, errors)
            if header.type in b"xgLKX":
                headers += header.size
                count(headers)
                if not 0 <= header.size <= limits.header:
                    raise refuse(archive, "an extended header is too large")
            return header

    with archive.open("rb") as raw:
        begin = raw.read(6)
        if begin.lstrip()[:1] == b"<":
            raise refuse(archive, "this is a web page, not an archive")
        if begin.startswith(b"PK"):
            raise refuse(archive, "this is a zip archive; a UD release is a tar archive (.tgz)")
        raw.seek(0)
        with tarfile.open(fileobj=raw, mode="r:*", tarinfo=Header) as tar:
            for number, member in enumerate(tar, 1):
                count(tar.offset)  # behind the member, of which nothing has been read
                if number > limits.members:
                    raise refuse(archive, f"more than {limits.members:,} members")
                parts = _parts(archive, member, limits)
                place = next((i for i, part in enumerate(parts[:2]) if part.startswith("UD_")), None)
                if place is None or (place == len(parts) - 1 and not member.isdir()):
                    continue
                inner = parts[place:]
                if inner[0] not in seen:
                    seen[inner[0]] = asked(inner[0])
                known = len(names)
                _once(archive, names, inner, member)
                folders += len(names) - known - (not member.isdir())
                if folders > limits.folders:
                    raise refuse(archive, f"more than {limits.folders:,} folders")
                if seen[inner[0]]:
                    _write(tar, member.replace(name="/".join(inner), deep=False), into)
            # ``tarfile`` takes a broken header, or none, for the end of an archive: the end is a block of
            # zeros, and to the end of the stream, where its checksum is, nothing else follows.
            content = tar.fileobj
            assert content is not None
            whole = tar.offset > 0 and last == bytes(tarfile.BLOCKSIZE)
            while whole and (data := content.read(_CHUNK)):
                count(content.tell())
                whole = not data.strip(b"\0")
            if not whole:
                raise tarfile.ReadError(f"unreadable at byte {tar.offset:,}")
    return tuple(seen)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, into: Path) -> None:
    tar.extract(member, into, set_attrs=False, filter="data")
    if member.isreg():
        with (into / member.name).open("rb") as file:
            os.fsync(file.fileno())  # a treebank takes its name when its files are on the disk


def _parts(archive: Path, member: tarfile.TarInfo, limits: Limits) -> tuple[str, ...]:
    """The parts of a member's path, or a refusal of the archive because of it."""
    name, shown = member.name, ascii(member.name[:200])
    if member.size < 0:
        raise refuse(archive, f"{shown} has a negative size")
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise refuse(archive, f"{shown} is neither a file nor a folder")
    path = PurePosixPath(name)
    if path.is_absolute() or PureWindowsPath(name).drive or "\\" in name or "\0" in name:
        raise refuse(archive, f"{shown} is not a relative path")
    if ".." in path.parts:
        raise refuse(archive, f"{shown} leaves the folder")
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name):
        raise refuse(archive, f"{shown} is not a name in UTF-8, or has control characters")
    if len(path.parts) > limits.depth or any(len(part.encode()) > limits.name for part in path.parts):
        raise refuse(archive, f"{shown} lies too deep, or its name is too long")
    return path.parts


def _once(archive: Path, names: dict[str, bool], parts: tuple[str, ...], member: tarfile.TarInfo) -> None:
    """Refuse a name that is taken, also on file systems that do not tell cases apart."""
    path = "/".join(parts)
    key = path.casefold()
    for depth in range(1, len(parts)):
        if not names.setdefault("/".join(parts[:depth]).casefold(), True):
            raise refuse(archive, f"{path!a} lies under a file")
    if key in names and not (names[key] and member.isdir()):
        raise refuse(archive, f"{path!a} is there twice")
    names[key] = member.isdir()
