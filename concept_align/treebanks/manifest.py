"""MANIFEST.json: what a fetch put into a folder of treebanks, and whether that is still what lies there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FetchError, TreebankError
from ..hashing import sha256_file
from ..progress import Progress, Silent
from ..reading import read_json
from ..types import SPLITS
from .conllu import stream
from .discover import TreebankFile

MANIFEST = "MANIFEST.json"


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The MANIFEST.json of a folder of treebanks, None where there is none. Raises FetchError."""
    path, remedy = folder / MANIFEST, "remove it or move it away"
    if not path.is_file():
        return None
    manifest = read_json(path, error=FetchError, remedy=remedy)
    treebanks = manifest.get("treebanks") if isinstance(manifest, dict) else None
    if not isinstance(treebanks, dict) or not all(map(_is_listing, treebanks.values())):
        raise FetchError("not a manifest of treebanks", where=str(path), remedy=remedy)
    return dict(manifest)


def _is_listing(entry: Any) -> bool:
    """Whether an entry of a manifest is what a fetch, or an earlier release's, lists of a treebank."""
    kinds = {"sha256": str, "sentences": int, "words": int}
    files = entry.get("files") if isinstance(entry, dict) else None
    others = entry.get("others", []) if isinstance(entry, dict) else None
    return (
        isinstance(files, dict)
        and isinstance(others, list)
        and all(isinstance(name, str) for name in others)
        and all(isinstance(facts, dict) for facts in files.values())
        and all(
            isinstance(one.get(key, kind()), kind) for one in files.values() for key, kind in kinds.items()
        )
    )


def listed_in(folder: Path) -> dict[str, Any]:
    """What the manifest of a folder says of treebanks, by name."""
    return (read_manifest(folder) or {}).get("treebanks", {})


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
        chunks = stream(file.path, language=file.language, treebank=file.treebank, split=file.split)
        counted = [(chunk.sents, chunk.words) for chunk in chunks]
        sentences, words = (sum(numbers) for numbers in zip(*counted, strict=True))
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
