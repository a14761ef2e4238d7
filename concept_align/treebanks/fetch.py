"""Get a UD release: download, verify, unpack the treebanks that are wanted; verify what lies there.

The archives are those of the LINDAT/CLARIAH-CZ repository (Zeman et al. 2022, Universal Dependencies
2.10, http://hdl.handle.net/11234/1-4758). A release without a SHA-256 here needs one from the user, or
the word that it may be unverified.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import atomic
from ..errors import FetchError, TreebankError, UsageError
from ..hashing import sha256_file
from ..lock import writing
from ..progress import Progress, Silent
from ..reading import read_json
from ..types import SPLITS
from . import registry
from .conllu import read
from .discover import SUFFIXES, TreebankFile
from .download import download
from .unpack import remove_leftovers, unpack

MANIFEST = "MANIFEST.json"
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
    """Check what :func:`fetch_treebanks` is asked for, without network or disk writes. Raises UsageError."""
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
    complete = not force and wanted is not None and all((out / treebank).is_dir() for treebank in wanted)
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
        force: replace treebanks that are there already.
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
    if asked.complete and wanted is not None:
        return FetchReport(release, folder, (), tuple(sorted(wanted)), (), None, None, False)
    with writing(folder, error=FetchError):  # two fetches would write the same files
        remove_leftovers(folder)
        found = _archive(asked, offline, progress)
        among = None if wanted is None else wanted.__contains__
        result = unpack(asked.archive, folder, wanted=among, force=force, progress=progress)
        _record(folder, release, found, result.written)
    if not result.written and not result.present:
        what = "none of the treebanks asked for is in the archive"
        remedy = f"it has {len(result.seen)} treebanks: {', '.join(result.seen[:8])} ..."
        raise FetchError(what, where=str(asked.archive), remedy=remedy)
    missing = tuple(sorted((wanted or frozenset()) - set(result.seen)))
    counts = (result.written, result.present, missing)
    return FetchReport(release, folder, *counts, asked.archive, found, asked.sha256 is not None)


def _archive(asked: FetchPlan, offline: bool, progress: Progress | None) -> str:
    """The archive at its place, verified; its SHA-256."""
    what, remedy = "there is no archive here, and offline it cannot be got", f"put {asked.url} there yourself"
    if asked.archive.is_file():
        found = sha256_file(asked.archive)
        if asked.sha256 in (None, found):
            return found
        what = f"the archive is not the one expected: SHA-256 is {found}, not {asked.sha256}"
        remedy = "give the correct sha256"
    if offline:
        raise FetchError(what, where=str(asked.archive), remedy=f"fetch again, not offline, or {remedy}")
    asked.archive.unlink(missing_ok=True)
    return download(asked.url, asked.archive, sha256=asked.sha256, progress=progress)


# --- the manifest, and what lies there against it ---


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The MANIFEST.json of a folder of treebanks, None where there is none. Raises FetchError."""
    path, remedy = folder / MANIFEST, "remove it or move it away"
    if not path.is_file():
        return None
    manifest = read_json(path, error=FetchError, remedy=remedy)
    treebanks = manifest.get("treebanks") if isinstance(manifest, dict) else None
    entries = treebanks.values() if isinstance(treebanks, dict) else [None]
    if not all(isinstance(one, dict) and isinstance(one.get("files"), dict) for one in entries):
        raise FetchError("not a manifest of treebanks", where=str(path), remedy=remedy)
    return dict(manifest)


def _record(folder: Path, release: str, archive: str, treebanks: tuple[str, ...]) -> None:
    """Add the checksums of ``treebanks`` to the folder's manifest."""
    manifest = read_manifest(folder) or {"treebanks": {}}
    manifest.setdefault("release", f"UD v{release}")
    for name in treebanks:
        files = [file for file in sorted((folder / name).iterdir()) if file.name.endswith(SUFFIXES)]
        sums = {file.name: {"sha256": sha256_file(file)} for file in files}
        manifest["treebanks"][name] = {"release": release, "archive_sha256": archive, "files": sums}
    if treebanks:
        atomic.write_json(folder / MANIFEST, manifest)


@dataclass(frozen=True)
class FileCheck(TreebankFile):
    """What was found out about one file."""

    sentences: int | None  # None: not readable
    words: int | None
    listed: bool  # in the manifest, so that its bytes were compared
    problems: tuple[str, ...]


def verify(
    files: Sequence[TreebankFile], *, splits: Sequence[str] = SPLITS, progress: Progress | None = None
) -> list[FileCheck]:
    """Read every file, and compare it with the MANIFEST.json beside its treebank's folder, if there is one.

    A file that the manifest names for one of these treebanks and ``splits`` and that is not there is a
    problem too. Raises FetchError for a manifest that cannot be read; all else is in the results.
    """
    bar = (progress or Silent()).bar("verify", len(files), unit="files")
    folders = {file.path.absolute().parent: file for file in files}
    known = {
        above: (read_manifest(above) or {}).get("treebanks", {}) for above in {f.parent for f in folders}
    }
    listed = {folder: known[folder.parent].get(folder.name, {}).get("files", {}) for folder in folders}
    checks = []
    for file in files:
        checks.append(_check(file, listed[file.path.absolute().parent].get(file.path.name)))
        bar.advance()
    problem = (f"missing: {MANIFEST} lists it",)
    for folder, file in folders.items():
        for path in (folder / name for name in listed[folder]):
            split = next((split for split in SPLITS if split in splits and f"-ud-{split}" in path.name), None)
            if split and not path.exists():
                checks.append(FileCheck(file.treebank, file.language, split, path, None, None, True, problem))
    return checks


def _check(file: TreebankFile, listed: dict[str, Any] | None) -> FileCheck:
    problems = []
    sentences = words = None
    try:
        corpus = read(file.path, language=file.language, treebank=file.treebank, split=file.split)
        sentences, words = corpus.sents, corpus.words
    except TreebankError as error:
        problems.append(f"{error.where}: {error.message}" if error.where else error.message)
    if listed is not None:
        if "sha256" in listed and sha256_file(file.path) != listed["sha256"]:
            problems.append(f"not the file in {MANIFEST}: another SHA-256")
        for name, found in (("sentences", sentences), ("words", words)):
            if found is not None and listed.get(name, found) != found:
                problems.append(f"{found:,} {name}, {listed[name]:,} in {MANIFEST}")
    return FileCheck(
        **vars(file), sentences=sentences, words=words, listed=listed is not None, problems=tuple(problems)
    )
