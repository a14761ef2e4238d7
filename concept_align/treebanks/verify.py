"""Are the treebank files what they should be: readable to the end, and the bytes that were fetched?"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TreebankError
from ..progress import Progress, Silent
from ..types import SPLITS
from .conllu import read
from .discover import TreebankFile
from .download import sha256_of
from .fetch import MANIFEST, read_manifest


@dataclass(frozen=True)
class Check:
    """What was found out about one file."""

    treebank: str
    language: str
    split: str
    path: Path
    sentences: int | None  # None: not readable
    words: int | None
    listed: bool  # in the manifest, so that its bytes were compared
    problems: tuple[str, ...]


def verify(
    files: Sequence[TreebankFile], *, splits: Sequence[str] = SPLITS, progress: Progress | None = None
) -> list[Check]:
    """Read every file, and compare it with the MANIFEST.json beside its treebank's folder, if there is one.

    A file that the manifest names for one of these treebanks and ``splits`` and that is not there is a
    problem too. Raises FetchError for a manifest that cannot be read; all else is in the results.
    """
    bar = (progress or Silent()).bar("verify", len(files), unit="files")
    manifests: dict[Path, dict[str, Any]] = {}
    checks = []
    for file in files:
        folder = file.path.absolute().parent
        if folder.parent not in manifests:
            manifests[folder.parent] = (read_manifest(folder.parent) or {"treebanks": {}})["treebanks"]
        listed = manifests[folder.parent].get(folder.name, {}).get("files", {})
        checks.append(_check(file, listed.get(file.path.name)))
        bar.advance()
    return checks + _missing(files, splits, manifests)


def _check(file: TreebankFile, listed: dict[str, Any] | None) -> Check:
    problems = []
    sentences = words = None
    try:
        corpus = read(file.path, language=file.language, treebank=file.treebank, split=file.split)
        sentences, words = corpus.sents, corpus.words
    except TreebankError as error:
        problems.append(f"{error.where}: {error.message}" if error.where else error.message)
    if listed is not None:
        if "sha256" in listed and sha256_of(file.path) != listed["sha256"]:
            problems.append(f"not the file in {MANIFEST}: another SHA-256")
        for name, found in (("sentences", sentences), ("words", words)):
            if found is not None and listed.get(name, found) != found:
                problems.append(f"{found:,} {name}, {listed[name]:,} in {MANIFEST}")
    return Check(
        file.treebank,
        file.language,
        file.split,
        file.path,
        sentences,
        words,
        listed is not None,
        tuple(problems),
    )


def _missing(
    files: Sequence[TreebankFile], splits: Sequence[str], manifests: dict[Path, dict[str, Any]]
) -> list[Check]:
    """What the manifests list for the same treebanks and splits, and is not on disk."""
    found = []
    for folder in dict.fromkeys(file.path.absolute().parent for file in files):
        of = next(file for file in files if file.path.absolute().parent == folder)
        for name in manifests[folder.parent].get(folder.name, {}).get("files", {}):
            split = next((split for split in splits if f"-ud-{split}" in name), None)
            if split and not (folder / name).exists():
                problem = (f"missing: {MANIFEST} lists it",)
                found.append(Check(of.treebank, of.language, split, folder / name, None, None, True, problem))
    return found
