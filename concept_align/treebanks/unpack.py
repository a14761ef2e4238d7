"""A UD release archive becomes treebank folders: all of a treebank or nothing, and nothing else.

The archive is not trusted. Written are only regular files and folders under a ``UD_*`` folder of the
archive, with mode bits of our own; a name that leaves the folder, a link, a device, a name twice, or more
content than a release can have, and the archive is refused as a whole. Files go to a temporary folder;
treebanks are renamed into place one by one after the archive has been read to its end.

The filter is written here rather than left to ``tarfile``'s ``filter=`` because Python 3.11 does not
always have it and because it renames what this refuses.
"""

import lzma
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from ..errors import FetchError
from ..progress import Bar, Progress, Silent
from .archive import Limits, Reader, refuse, tar_of

TEMPORARY = ".unpacking-"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Unpacked:
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
    limits: Limits | None = None,
    progress: Progress | None = None,
) -> Unpacked:
    """Put the treebanks of ``archive`` (tar, packed or not) for which ``wanted`` holds under ``into``.

    A treebank that is there already is left alone, or replaced with ``force``. Raises FetchError for an
    archive that is damaged, hostile or no tar archive; then no treebank was written or changed.
    """
    archive, into = Path(archive), Path(into)
    limits = limits or Limits()
    into.mkdir(parents=True, exist_ok=True)
    bar = (progress or Silent()).bar(f"unpack {archive.name}", archive.stat().st_size, unit="bytes")

    def asked(name: str) -> bool:
        return (wanted is None or wanted(name)) and (force or not (into / name).exists())

    temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=into))
    try:
        try:
            seen = _read(archive, temporary, asked, limits, bar)
        except (tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise FetchError(f"cannot unpack: {error.strerror}", where=str(into)) from error
            raise refuse(archive, f"the archive is damaged ({error})") from error
        written = tuple(name for name in seen if (temporary / name).is_dir())
        for name in written:
            _put(temporary / name, into / name, temporary)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    present = tuple(
        name
        for name in seen
        if name not in written and (wanted is None or wanted(name)) and (into / name).exists()
    )
    return Unpacked(written, present, seen)


def remove_leftovers(into: Path) -> None:
    """Remove what killed runs left; only for a caller who knows that no other is at work in ``into``."""
    for folder in into.glob(f"{TEMPORARY}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _put(source: Path, target: Path, aside: Path) -> None:
    """Rename ``source`` to ``target``; what was at ``target`` goes to ``aside`` to be removed."""
    if target.exists():
        target.rename(aside / f"{target.name}.replaced")
    source.rename(target)


def _read(
    archive: Path, into: Path, asked: Callable[[str], bool], limits: Limits, bar: Bar
) -> tuple[str, ...]:
    seen: dict[str, bool] = {}
    names: dict[str, bool] = {}  # folded path → is a folder
    members = 0
    with Reader(archive, limits, bar) as reader, tar_of(reader, limits) as tar:
        for member in tar:
            members += 1
            if members > limits.members:
                raise refuse(archive, f"more than {limits.members:,} members")
            parts = _parts(archive, member)
            place = next((i for i, part in enumerate(parts[:2]) if part.startswith("UD_")), None)
            if place is None or (place == len(parts) - 1 and not member.isdir()):
                continue
            inner = parts[place:]
            treebank = inner[0]
            if treebank not in seen:
                seen[treebank] = asked(treebank)
            _once(archive, names, inner, member)
            if seen[treebank]:
                _write(tar, member, into.joinpath(*inner))
        reader.finish(tar.offset)
    return tuple(seen)


def _parts(archive: Path, member: tarfile.TarInfo) -> tuple[str, ...]:
    """The parts of a member's path, or a refusal of the archive because of it."""
    name = member.name
    shown = ascii(name[:200])
    if not (member.isreg() or member.isdir()) or member.issparse():
        raise refuse(archive, f"{shown} is neither a file nor a folder")
    path = PurePosixPath(name)
    if path.is_absolute() or PureWindowsPath(name).drive or "\\" in name or "\0" in name:
        raise refuse(archive, f"{shown} is not a relative path")
    if ".." in path.parts:
        raise refuse(archive, f"{shown} leaves the folder")
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


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True, mode=0o755)
        return
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError(f"{member.name} has no content")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(target, flags, 0o644), "wb") as file:
        left = member.size
        while left:
            chunk = source.read(min(left, _CHUNK))
            if not chunk:
                raise tarfile.ReadError(f"{member.name} ends early")
            left -= len(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
