"""What UD's file names tell: ``UD_English-EWT/en_ewt-ud-train.conllu`` is English, EWT, train."""

import re
from pathlib import Path
from typing import cast

from ..errors import UsageError
from ..types import Split
from .corpus import Source

_NAME = re.compile(r"(?P<stem>.*?)\.conllu(\.gz|\.xz)?$", re.IGNORECASE)
_SPLIT = re.compile(r"(?:^|[-_.])(train|dev|test)(?:-[a-z])?$")
_LANGUAGE = re.compile(r"^([a-z]{2,3})_[a-z0-9]+")


def describe(
    path: str | Path, *, language: str | None = None, treebank: str | None = None, split: Split | None = None
) -> Source:
    """What UD's naming says of ``path`` (``UD_English-EWT/en_ewt-ud-train.conllu``); sha256 is left empty.

    Raises UsageError where the language or the split is neither given nor in the name.
    """
    path = Path(path)
    match = _NAME.match(path.name)
    stem = match["stem"] if match else path.stem
    if language is None:
        code = _LANGUAGE.match(stem)
        if code is None:
            raise UsageError(
                "the file's name does not tell its language",
                where=str(path),
                remedy='give language="en", or name the file as UD does: en_ewt-ud-train.conllu',
            )
        language = code[1]
    if split is None:
        part = _SPLIT.search(stem)
        if part is None:
            raise UsageError(
                "the file's name does not tell its split",
                where=str(path),
                remedy='give split="train" (or "dev", "test"), or name the file as UD does',
            )
        split = cast(Split, part[1])
    if treebank is None:
        folder = path.absolute().parent.name
        treebank = folder if folder.startswith("UD_") else stem.split("-ud-")[0]
    return Source(treebank, language, split, str(path), "")
