"""Get a UD release: download, verify, unpack the treebanks that are wanted.

The archives are those of the LINDAT/CLARIAH-CZ repository (Zeman et al. 2022, Universal Dependencies
2.10, http://hdl.handle.net/11234/1-4758). A release without a SHA-256 here needs one from the user, or
the word that it may be unverified.

What a fetch put into its folder is listed in ``MANIFEST.json``, treebank by treebank: it is listed, as
``unpacking``, before it takes its name, so a killed fetch leaves nothing of which the next one does not know.
A treebank that is not listed there is somebody else's, and is neither replaced nor removed; one that has the
bytes of the archive is listed from then on.
"""

import filecmp
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import atomic
from ..errors import ConceptAlignError, FetchError, UsageError
from ..hashing import sha256_file
from ..lock import LOCK, writing
from ..progress import Progress
from . import registry
from .discover import SUFFIXES
from .download import download, forget_part
from .manifest import MANIFEST, listed_in, read_manifest
from .unpack import TEMPORARY, remove_leftovers, unpack

_UNPACKING = "unpacking"  # listed, and not yet known to be in its place
_REMEDY = "move it away, or fetch into another out folder"
_ADDRESS = "https://lindat.mff.cuni.cz/repository/xmlui/bitstream/handle/11234/{handle}/{archive}"
_HANDLES = {
    "2.5": "1-3105", "2.6": "1-3226", "2.7": "1-3424", "2.8": "1-3687", "2.9": "1-4611", "2.10": "1-4758",
    "2.11": "1-4923", "2.12": "1-5150", "2.13": "1-5287", "2.14": "1-5502", "2.15": "1-5787",
    "2.16": "1-5901",
}  # fmt: skip
# SHA-256 of archives: only what is certain.
_CHECKSUMS = {"2.10": "f6deca6ab803abdfa8dca911600f6bc5f214267e348acbd59fd4c4b88db14ea6"}


@dataclass(frozen=True)
class FetchReport:
    """What is under ``folder`` now; treebanks by name."""

    release: str
    folder: Path
    written: tuple[str, ...]
    present: tuple[str, ...]  # were there before
    missing: tuple[str, ...]  # asked for, but not part of this release
    archive: Path | None  # None where nothing had to be read
    sha256: str | None
    verified: bool
    foreign: tuple[str, ...] = ()  # of those present: not put there by a fetch, and left as they are


@dataclass(frozen=True)
class FetchPlan:
    """What a fetch would do."""

    release: str
    folder: Path
    url: str
    archive: Path
    sha256: str | None  # expected; None: unverified
    wanted: frozenset[str] | None  # None: all treebanks of the release
    force: bool
    complete: bool  # everything wanted is there already


def plan(
    out: str | Path = "ud",
    langs: str | Sequence[str] | None = "all",
    *,
    release: str = "2.10",
    url: str | None = None,
    sha256: str | None = None,
    unverified: bool = False,
    force: bool = False,
) -> FetchPlan:
    """Check what :func:`fetch_treebanks` is asked for, without network or disk writes.

    Raises UsageError, and FetchError for a manifest that cannot be read.
    """
    out = Path(out)
    if not re.fullmatch(r"\d+\.\d+", release) or (release not in _HANDLES and url is None):
        remedy = f"known are: {' '.join(_HANDLES)}; for another give url and sha256"
        raise UsageError(f"unknown release {release!r}", option="release", remedy=remedy)
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise UsageError("not a SHA-256 (64 hexadecimal digits)", option="sha256")
    if sha256 and unverified:
        raise UsageError("sha256 and unverified contradict each other", option="unverified")
    expected = None if unverified else sha256 or _CHECKSUMS.get(release)
    if expected is None and not unverified:
        raise UsageError(
            f"no SHA-256 is known here for UD {release}",
            option="sha256",
            remedy="give it, or take what comes as unverified: its SHA-256 is then printed",
        )
    name, wanted = f"ud-treebanks-v{release}.tgz", None
    url = url or _ADDRESS.format(handle=_HANDLES[release], archive=name)
    if langs is not None:
        names = registry.select(langs)
        wanted = frozenset(registry.language(x).treebank if x in registry.CODES else x for x in names)
    known = listed_in(out)
    unsure = (wanted or frozenset()) - {name for name, one in known.items() if _UNPACKING not in one}
    # A folder that is not listed can be compared with the archive, where that is there.
    compare = bool(unsure) and ((out / name).is_file() or not unsure.isdisjoint(known))
    there = wanted is not None and all((out / treebank).is_dir() for treebank in wanted)
    complete = there and not force and not compare
    return FetchPlan(release, out, url, out / name, expected, wanted, force, complete)


def fetch_treebanks(
    out: str | Path = "ud",
    langs: str | Sequence[str] | None = "all",
    *,
    release: str = "2.10",
    url: str | None = None,
    sha256: str | None = None,
    unverified: bool = False,
    offline: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> FetchReport:
    """Download a release of Universal Dependencies, verify it, and unpack the treebanks that are wanted.

    Args:
        out: folder for the ``UD_*`` folders. The archive (about half a GiB) is kept there, so that more
            languages need no second download, and a download that broke off resumes.
        langs: languages or treebanks as in :func:`~concept_align.treebanks.registry.select`; ``"all"``:
            the 43 of the registry; None: every treebank of the release.
        release: ``"2.5"`` to ``"2.16"``; another needs ``url`` and ``sha256``.
        url: another address of the same archive (http or https; tar.gz, tar.xz).
        sha256: what the archive must be, where it is not known here.
        unverified: take the archive as it comes.
        offline: use only the archive that lies in ``out``.
        force: replace treebanks that a fetch has put there. Others, and those with files of others in
            them, are refused by name.
        progress: what shows how far it is.

    Returns:
        What was written, what was there before, and what the release does not have. Checksums of the
        files written are added to ``out/MANIFEST.json``.

    Raises:
        UsageError: for what is asked wrongly.
        FetchError: for what goes wrong; no treebank is ever there by half.

    Example:
        >>> import concept_align as ca
        >>> report = ca.fetch_treebanks("ud", ["en", "de"])  # doctest: +SKIP
    """
    asked = plan(out, langs, release=release, url=url, sha256=sha256, unverified=unverified, force=force)
    folder, wanted = asked.folder, asked.wanted
    try:
        if asked.complete and wanted is not None:
            _tidy(folder)
            foreign = tuple(sorted(wanted - listed_in(folder).keys()))
            return FetchReport(release, folder, (), tuple(sorted(wanted)), (), None, None, False, foreign)
        with writing(folder, error=FetchError):  # two fetches would write the same files
            _sweep(folder)
            into = _Folder(folder, release, force)
            into.check(wanted or (), hopeless=not asked.archive.is_file())
            found = into.archive = _archive(asked, offline, progress)
            result = unpack(
                asked.archive,
                folder,
                wanted=lambda name: (wanted is None or name in wanted) and into.wants(name),
                force=True,
                ready=into.ready,
                progress=progress,
            )
            into.done()
    except OSError as error:
        raise FetchError(f"cannot write: {error.strerror or error}", where=str(folder)) from error
    names = [name for name in result.seen if wanted is None or name in wanted]
    present = tuple(name for name in names if name not in result.written and (folder / name).is_dir())
    if not result.written and not present:
        what = "none of the treebanks asked for is in the archive"
        remedy = f"it has {len(result.seen)} treebanks: {', '.join(result.seen[:8])} ..."
        raise FetchError(what, where=str(asked.archive), remedy=remedy)
    missing = tuple(sorted((wanted or frozenset()) - set(result.seen)))
    foreign = tuple(name for name in present if name not in into.listed)
    counts = (result.written, present, missing)
    return FetchReport(release, folder, *counts, asked.archive, found, asked.sha256 is not None, foreign)


@dataclass
class _Folder:
    """The folder of a fetch and the treebanks that its manifest lists."""

    path: Path
    release: str
    force: bool
    archive: str = ""  # its SHA-256

    def __post_init__(self) -> None:
        self.manifest = read_manifest(self.path) or {"treebanks": {}}
        self.before = deepcopy(self.manifest)
        self.listed: dict[str, Any] = self.manifest["treebanks"]
        self.put: list[str] = []

    def wants(self, name: str) -> bool:
        """Whether a treebank of the archive is to be looked at: not there, ours to replace, or unknown."""
        known = self.listed.get(name)
        return self.force or known is None or _UNPACKING in known or not (self.path / name).is_dir()

    def check(self, names: Iterable[str], *, hopeless: bool = False) -> None:
        """FetchError where a treebank may not be put.

        ``hopeless``: there is no archive yet with whose bytes a folder could be compared.
        """
        for name in sorted(names):
            place = self.path / name
            if not os.path.lexists(place):
                continue
            if not place.is_dir() or (self.force and place.is_symlink()):
                raise FetchError(
                    "a fetch has not put this file or link there", where=str(place), remedy=_REMEDY
                )
            if self.force and hopeless and name not in self.listed:
                raise self._foreign(place)

    def ready(self, temporary: Path, names: Sequence[str]) -> list[str]:
        """Which treebanks are put into place: they are listed first. FetchError where one is not ours."""
        self.check(names)
        for name in names:
            new, there = temporary / name, self.path / name
            known = self.listed.get(name)
            replaced = there.is_dir() and ((self.force and known) or not _same(new, there))
            if replaced and known is None:
                if self.force:
                    raise self._foreign(there)
                continue
            if replaced and known:
                ours = {*known["files"], *known.get("others", ()), *_files(new)}
                if odd := sorted(_files(there) - ours):
                    raise self._foreign(there / odd[0])
            if replaced or not there.is_dir():
                self.put.append(name)
            self._list(name, new)
        for name in self.put:
            self.listed[name][_UNPACKING] = True
        if self.put:
            atomic.write_json(self.path / MANIFEST, self.manifest)
        return self.put

    def done(self) -> None:
        """Everything that was to be put is in its place."""
        for name in self.put:
            del self.listed[name][_UNPACKING]
        if self.put or self.manifest != self.before:
            atomic.write_json(self.path / MANIFEST, self.manifest)

    def _foreign(self, place: Path) -> FetchError:
        what = f"not put there by a fetch ({MANIFEST} does not list it)"
        return FetchError(what, where=str(place), remedy=_REMEDY)

    def _list(self, name: str, folder: Path) -> None:
        self.manifest.setdefault("release", f"UD v{self.release}")
        every = sorted(_files(folder))
        files = [file for file in every if "/" not in file and file.endswith(SUFFIXES)]
        sums = {file: {"sha256": sha256_file(folder / file)} for file in files}
        about = {"release": self.release, "archive_sha256": self.archive, "files": sums}
        self.listed[name] = about | {"others": [file for file in every if file not in sums]}


def _files(folder: Path) -> set[str]:
    """The files in a folder and below it; links are files."""
    found = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {path.relative_to(folder).as_posix() for path in found}


def _same(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files with the same bytes."""
    names = _files(one)
    return names == _files(other) and all(
        filecmp.cmp(one / name, other / name, shallow=False) for name in names
    )


def _sweep(folder: Path) -> None:
    """Remove what killed fetches left; only for a caller who holds the folder."""
    remove_leftovers(folder)
    atomic.remove_partial(folder / MANIFEST)


def _tidy(folder: Path) -> None:
    """The same where nothing else is to be done, if there is something to remove and nobody is at work."""
    if any(path.name.startswith(TEMPORARY) or path.name == LOCK for path in folder.iterdir()):
        with suppress(ConceptAlignError), writing(folder, error=FetchError, wait=0):
            _sweep(folder)


def _archive(asked: FetchPlan, offline: bool, progress: Progress | None) -> str:
    """The archive at its place, verified; its SHA-256. Another file there is somebody's own, and stays."""
    if asked.archive.is_file():
        found = sha256_file(asked.archive)
        if asked.sha256 not in (None, found):
            what = f"the archive is not the one expected: SHA-256 is {found}, not {asked.sha256}"
            remedy = "move it away, and it is fetched again; or give the correct sha256"
            raise FetchError(what, where=str(asked.archive), remedy=remedy)
        forget_part(asked.archive)
        return found
    if offline:
        what, remedy = (
            "there is no archive here, and offline it cannot be got",
            f"put {asked.url} there yourself",
        )
        raise FetchError(what, where=str(asked.archive), remedy=f"fetch again, not offline, or {remedy}")
    return download(asked.url, asked.archive, sha256=asked.sha256, progress=progress)
