"""Get a UD release: download, verify, unpack the treebanks that are wanted.

The archives are those of the LINDAT/CLARIAH-CZ repository (Zeman et al. 2022, Universal Dependencies
2.10, http://hdl.handle.net/11234/1-4758). A release without a SHA-256 here needs one from the user, or
the word that it may be unverified.
"""

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import atomic
from ..errors import FetchError, UsageError
from ..progress import Progress
from . import registry
from .discover import SUFFIXES
from .download import download, sha256_of
from .unpack import remove_leftovers, unpack

MANIFEST = "MANIFEST.json"
_ADDRESS = "https://lindat.mff.cuni.cz/repository/xmlui/bitstream/handle/11234/{handle}/{archive}"


@dataclass(frozen=True)
class Release:
    handle: str  # of the repository, after 11234/
    sha256: str | None = None  # of the archive; only what is certain


RELEASES: dict[str, Release] = {
    "2.5": Release("1-3105"),
    "2.6": Release("1-3226"),
    "2.7": Release("1-3424"),
    "2.8": Release("1-3687"),
    "2.9": Release("1-4611"),
    "2.10": Release("1-4758", "f6deca6ab803abdfa8dca911600f6bc5f214267e348acbd59fd4c4b88db14ea6"),
    "2.11": Release("1-4923"),
    "2.12": Release("1-5150"),
    "2.13": Release("1-5287"),
    "2.14": Release("1-5502"),
    "2.15": Release("1-5787"),
    "2.16": Release("1-5901"),
}


@dataclass(frozen=True)
class Fetched:
    """What is under ``folder`` now; treebanks by name."""

    release: str
    folder: Path
    written: tuple[str, ...]
    present: tuple[str, ...]  # were there before
    missing: tuple[str, ...]  # asked for, but not part of this release
    archive: Path | None  # None where nothing had to be read
    sha256: str | None
    verified: bool


@dataclass(frozen=True)
class Plan:
    """What a fetch would do."""

    url: str
    archive: Path
    sha256: str | None  # expected; None: unverified
    wanted: frozenset[str] | None  # None: all treebanks of the release
    complete: bool  # everything wanted is there already


def plan(
    release: str = "2.10",
    into: str | Path = ".",
    *,
    url: str | None = None,
    sha256: str | None = None,
    unverified: bool = False,
    langs: str | None = None,
    force: bool = False,
) -> Plan:
    """Check what is asked, without network or disk writes. Raises UsageError."""
    into = Path(into)
    known = RELEASES.get(release)
    if not re.fullmatch(r"\d+\.\d+", release) or (known is None and url is None):
        raise UsageError(
            f"unknown release {release!r}",
            where="--release",
            remedy=f"known are: {' '.join(RELEASES)}; for another give --url and --sha256",
        )
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UsageError("not a SHA-256 (64 hexadecimal digits)", where="--sha256")
    if sha256 and unverified:
        raise UsageError("--sha256 and --unverified contradict each other")
    expected = None if unverified else (sha256 or (known.sha256 if known else None))
    if expected is None and not unverified:
        raise UsageError(
            f"no SHA-256 is known here for UD {release}",
            where="--release",
            remedy="give it with --sha256, or take what comes with --unverified: its SHA-256 is then printed",
        )
    name = f"ud-treebanks-v{release}.tgz"
    if url is None and known:
        url = _ADDRESS.format(handle=known.handle, archive=name)
    wanted = None if langs is None else frozenset(_treebanks(langs))
    complete = not force and wanted is not None and all((into / treebank).is_dir() for treebank in wanted)
    return Plan(str(url), into / name, expected, wanted, complete)


def fetch(
    release: str = "2.10",
    into: str | Path = ".",
    *,
    url: str | None = None,
    sha256: str | None = None,
    unverified: bool = False,
    langs: str | None = None,
    offline: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> Fetched:
    """Put the treebanks of UD ``release`` that ``langs`` asks for (None: all) under ``into``.

    ``url`` is another address of the same archive, ``sha256`` what it must be. The archive is kept as
    ``into/ud-treebanks-vRELEASE.tgz``, so that more languages need no second download; ``offline`` uses
    only that file. Checksums of the files written are added to ``into/MANIFEST.json``. Raises UsageError
    for what is asked wrongly and FetchError for what goes wrong; no treebank is ever there by half.
    """
    into = Path(into)
    todo = plan(release, into, url=url, sha256=sha256, unverified=unverified, langs=langs, force=force)
    if todo.complete and todo.wanted is not None:
        return Fetched(release, into, (), tuple(sorted(todo.wanted)), (), None, None, False)
    with _alone(into):
        remove_leftovers(into)
        found = _archive(todo, offline, progress)
        wanted = todo.wanted
        result = unpack(
            todo.archive,
            into,
            wanted=None if wanted is None else wanted.__contains__,
            force=force,
            progress=progress,
        )
        _record(into, release, found, result.written)
    missing = tuple(sorted((wanted or frozenset()) - set(result.seen)))
    if not result.written and not result.present:
        raise FetchError(
            "none of the treebanks asked for is in the archive",
            where=str(todo.archive),
            remedy=f"it has {len(result.seen)} treebanks: {', '.join(result.seen[:8])} ...",
        )
    return Fetched(
        release, into, result.written, result.present, missing, todo.archive, found, todo.sha256 is not None
    )


def _treebanks(langs: str) -> list[str]:
    return [registry.language(x).treebank if x in registry.CODES else x for x in registry.select(langs)]


def _archive(todo: Plan, offline: bool, progress: Progress | None) -> str:
    """The archive at its place, verified; its SHA-256."""
    if todo.archive.is_file():
        found = sha256_of(todo.archive)
        if todo.sha256 in (None, found):
            return found
        if offline:
            raise FetchError(
                f"the archive is not the one expected: SHA-256 is {found}, not {todo.sha256}",
                where=str(todo.archive),
                remedy="remove it and fetch without --offline, or give the right --sha256",
            )
        todo.archive.unlink()
    if offline:
        raise FetchError(
            "there is no archive here, and --offline forbids to get it",
            where=str(todo.archive),
            remedy=f"fetch without --offline, or put {todo.url} there yourself",
        )
    return download(todo.url, todo.archive, sha256=todo.sha256, progress=progress)


def _record(into: Path, release: str, archive: str, treebanks: tuple[str, ...]) -> None:
    """Add the checksums of ``treebanks`` to the folder's manifest."""
    manifest = read_manifest(into) or {"treebanks": {}}
    manifest.setdefault("release", f"UD v{release}")
    for name in treebanks:
        files = {
            file.name: {"sha256": sha256_of(file)}
            for file in sorted((into / name).iterdir())
            if file.name.endswith(SUFFIXES)
        }
        manifest["treebanks"][name] = {"release": release, "archive_sha256": archive, "files": files}
    if treebanks:
        atomic.write_json(into / MANIFEST, manifest)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The MANIFEST.json of a folder of treebanks, None where there is none. Raises FetchError."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text())
        if not all(isinstance(entry["files"], dict) for entry in manifest["treebanks"].values()):
            raise ValueError("files must be an object")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FetchError(
            f"not a manifest of treebanks ({error!r})", where=str(path), remedy="remove it or move it away"
        ) from error
    return dict(manifest)


@contextlib.contextmanager
def _alone(into: Path) -> Iterator[None]:
    """Two fetches into one folder would write the same files; the second is refused."""
    into.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:  # not on Windows
        yield
        return
    with (into / ".fetch.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise FetchError(
                "another fetch is at work in this folder", where=str(into), remedy="wait for it to end"
            ) from error
        yield
