"""CoNLL-U files as corpora: whole (:func:`read`, :func:`read_conllu`) or chunk by chunk (:func:`stream`)."""

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

from ..errors import UsageError, place
from ..progress import Progress
from ..reading import read_text
from ..types import Split
from . import reader
from .concepts import RELATIONS, UPOS
from .corpus import Corpus, Source

_NAME = re.compile(r"(?P<stem>.*?)\.conllu(\.gz|\.xz)?$", re.IGNORECASE)
_SPLIT = re.compile(r"(?:^|[-_.])(train|dev|test)(?:-[a-z])?$")
_LANGUAGE = re.compile(r"^([a-z]{2,3})_[a-z0-9]+")


def read(
    path: str | Path,
    *,
    language: str | None = None,
    treebank: str | None = None,
    split: Split | None = None,
    lenient: bool = False,
    trees: bool = True,
    strict: Collection[str] = reader.LABELS,
    renamed: reader.Renamed | None = None,
    progress: Progress | None = None,
    content: bytes | None = None,
) -> Corpus:
    """A whole file (``.conllu``, ``.conllu.gz``, ``.conllu.xz``) as one Corpus.

    ``language``, ``treebank`` and ``split`` default to what the file's name says. ``lenient`` leaves
    broken sentences out and counts them in ``skipped``; ``trees=False`` does not ask the heads to form a
    tree. In the columns ``strict`` (UPOS, DEPREL) a label that is not of UD is a fault; in the others its
    word counts as not labelled, and the corpus tells in ``foreign``; ``renamed`` says what labels of another
    scheme are called in UD (:func:`label_names`). ``content``, where it is given, is read in the file's
    place. Raises TreebankError for files that are absent, damaged, empty or broken.
    """
    source = _source(path, language, treebank, split)
    chunk = reader.read(
        Path(path),
        lenient=lenient,
        trees=trees,
        strict=strict,
        renamed=renamed,
        progress=progress,
        content=content,
    )
    return Corpus.of_chunk(chunk, source)


def label_names(path: str | Path) -> reader.Renamed:
    """What a CSV file ``column,from,to`` says labels of another scheme are called in UD, by column.

    ``DEPREL,dobj,obj`` goes for ``dobj`` and for ``dobj:x`` (``obj:x``). Raises UsageError, with its place.
    """
    known: dict[str, tuple[str, ...]] = {"UPOS": UPOS, "DEPREL": RELATIONS}
    found: dict[str, dict[str, str]] = {column: {} for column in known}
    rows = csv.reader(read_text(path, error=UsageError, remedy="give a CSV file").splitlines())
    for number, row in enumerate(rows, 1):
        if number == 1 and row != ["column", "from", "to"]:
            remedy = "begin it so, then DEPREL,dobj,obj and the like"
            raise UsageError("its first line is not column,from,to", where=place(path, 1), remedy=remedy)
        if number == 1 or not row:
            continue
        names = known.get(row[0], ())
        relation = row[-1].partition(":")[0] if row[0] == "DEPREL" else row[-1]
        if len(row) != 3 or relation not in names:
            remedy = f"give UPOS or DEPREL, a label, and one of {', '.join(names or known)}"
            raise UsageError(
                f"{','.join(row)!r} names no label of UD", where=place(path, number), remedy=remedy
            )
        found[row[0]][row[1]] = row[2]
    return found


def stream(
    path: str | Path,
    *,
    sentences_per_chunk: int | None = None,
    language: str | None = None,
    treebank: str | None = None,
    split: Split | None = None,
    lenient: bool = False,
    trees: bool = True,
    strict: Collection[str] = reader.LABELS,
    renamed: reader.Renamed | None = None,
    progress: Progress | None = None,
) -> Iterator[Corpus]:
    """The file as Corpus chunks of ``sentences_per_chunk`` sentences (default: about a megabyte each).

    Memory is bounded by the chunk. Codes and names agree over the chunks of a file: the names of a chunk
    begin with those of the chunks before it. ``skipped`` counts what was left out since the chunk before,
    ``foreign`` what was met so far. The content's sha256 is in every chunk, so the file is gone through once
    more, first.
    """
    if sentences_per_chunk is not None and sentences_per_chunk < 1:
        raise UsageError(
            f"chunks of {sentences_per_chunk} sentences", remedy="ask for at least one sentence a chunk"
        )
    source = _source(path, language, treebank, split)
    options: dict[str, Any] = {"lenient": lenient, "trees": trees, "strict": strict, "renamed": renamed}
    chunks = reader.stream(Path(path), sentences_per_chunk, progress=progress, **options)
    return (Corpus.of_chunk(chunk, source) for chunk in chunks)


def read_compact(path: str | Path, columns: Sequence[str] = (), **options: Any) -> Corpus:
    """The file as one Corpus without the sentences' lines: what a model and a store need of it.

    Of what has no codes only ``columns`` (``XPOS``, ``MISC:Gloss``) are there. Takes about one byte of memory
    for a byte of the file, where :func:`read` takes three. ``options`` are those of :func:`stream`.
    """
    return Corpus.join([chunk.compact(columns) for chunk in stream(path, **options)])


def read_conllu(
    path: str | Path,
    *,
    language: str | None = None,
    split: Split | None = None,
    lenient: bool = False,
    trees: bool = True,
) -> Corpus:
    """A CoNLL-U file (plain, ``.gz`` or ``.xz``), whatever its name, as a :class:`Corpus`.

    Args:
        path: the file.
        language: its code (``"en"``); by default what the name says (``en_ewt-ud-train.conllu``), else
            ``"und"``, undetermined.
        split: ``"train"``, ``"dev"`` or ``"test"``; by default what the name says, else ``"test"``.
        lenient: leave broken sentences out and count them in ``skipped``, instead of raising.
        trees: ask the heads of every sentence to form a tree.

    Returns:
        All words of the file with their labels as codes; ``corpus.sentence(0)`` is the first sentence.

    Raises:
        TreebankError: with file, line and sentence, for a file that is absent, damaged, empty or broken.

    Example:
        >>> from concept_align.treebanks.conllu import read_conllu
        >>> from concept_align.treebanks.discover import mini_treebanks
        >>> corpus = read_conllu(mini_treebanks() / "UD_English-Mini" / "en_mini-ud-train.conllu")
        >>> corpus.source.language, corpus.sents
        ('en', 24)
    """
    _, named, part = _named(Path(path))
    language, split = language or named or "und", split or part or "test"
    return read(path, language=language, split=split, lenient=lenient, trees=trees)


def _source(path: str | Path, language: str | None, treebank: str | None, split: Split | None) -> Source:
    """What UD's naming says of ``path``: ``UD_English-EWT/en_ewt-ud-train.conllu`` is English, EWT, train.

    ``sha256`` is left empty. Raises UsageError where the language or the split is neither given nor in the
    name.
    """
    path = Path(path)
    stem, named, part = _named(path)
    language, split = language or named, split or part
    if language is None:
        remedy = 'give language="en", or name the file as UD does: en_ewt-ud-train.conllu'
        raise UsageError("the file's name does not tell its language", where=str(path), remedy=remedy)
    if split is None:
        remedy = 'give split="train" (or "dev", "test"), or name the file as UD does'
        raise UsageError("the file's name does not tell its split", where=str(path), remedy=remedy)
    folder = path.absolute().parent.name
    treebank = treebank or (folder if folder.startswith("UD_") else stem.split("-ud-")[0])
    return Source(treebank, language, split, str(path), "")


def _named(path: Path) -> tuple[str, str | None, Split | None]:
    """The file's name without its suffix, and the language and the split that it tells."""
    match = _NAME.match(path.name)
    stem = match["stem"] if match else path.stem
    code, part = _LANGUAGE.match(stem), _SPLIT.search(stem)
    return stem, code and code[1], cast(Split, part[1]) if part else None
