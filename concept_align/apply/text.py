"""What users have at hand, as a :class:`Corpus`: CoNLL-U, plain text, or lists of words (with labels).

Text comes in as bytes, and what they are is told by them, whatever a file is called: CoNLL-U where the first
line that is no comment has a word's columns. Of a corpus that is to be classified only words, spans and heads
are read; its labels, if any, are gold.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard, cast

import numpy as np

from ..errors import TreebankError, UsageError, encoded
from ..registration import nearest
from ..treebanks import conllu
from ..treebanks.concepts import Task, closed_columns, labels, relabel
from ..treebanks.corpus import Annotations, Corpus, Source
from ..treebanks.reader import unpacked
from ..types import UNLABELLED
from .words import Spans, join, split, unspaced


@dataclass(frozen=True, eq=False)
class Document:
    """A text as it was given: its corpus, and the bytes of what was CoNLL-U already."""

    corpus: Corpus
    conllu: bytes | None = None


Sentence = str | Sequence[str]  # plain, or in words
Text = str | Path | Corpus | Document | Sequence[Sentence]
Labelled = str | Path | Corpus | Sequence[tuple[Sequence[str], Sequence[str]]]

# So many letters in a row of a script without spaces are hardly one word.
UNDIVIDED = 6

BOM = b"\xef\xbb\xbf"
# A word's line: an id, and columns behind it; all ten of them.
_WORD = re.compile(rb"\d+(?:[-.]\d+)?\t[^\n]*\t")
_TEN = re.compile(rb"^\d+(?:[-.]\d+)?(?:\t[^\t\n]*){9}\r?$", re.MULTILINE)
_SEPARATOR = re.compile(r"[\t\n\r]")
_NAMED = re.compile(r"\.conll\w*(?:\.gz|\.xz)?\Z", re.IGNORECASE)  # .conllu, .conll, .conllx
_COMMENT = re.compile(rb"#\s*(?:sent_id|text|newdoc|newpar|global\.columns)\b")


def read(text: Text, *, pretokenised: bool = False, trees: bool = False) -> Corpus:
    """The corpus of :func:`document`."""
    return document(text, pretokenised=pretokenised, trees=trees).corpus


def document(text: Text, *, pretokenised: bool = False, trees: bool = False) -> Document:
    """``text``: a file of CoNLL-U or of plain text (a sentence a line), packed or not, or sentences.

    ``pretokenised`` plain text has its words between spaces; otherwise words are told by
    :mod:`concept_align.apply.words`. Raises UsageError and TreebankError, with file and line.
    """
    if isinstance(text, Document):
        return text
    if isinstance(text, Corpus):
        text.refuse_withheld()
        return Document(text)
    if isinstance(text, str | Path):
        data, named = _bytes(text), _named_conllu(text)
        return of_bytes(data, str(text), pretokenised=pretokenised, trees=trees, named=named)
    found = [_cut(sentence, number) for number, sentence in enumerate(text, 1)]
    return Document(_corpus(found, list(range(1, len(found) + 1)), "the sentences given"))


def of_bytes(
    data: bytes, name: str, *, pretokenised: bool = False, trees: bool = False, named: bool = False
) -> Document:
    """The bytes of a file, or of stdin, called ``name``; ``named``: its name says that it is CoNLL-U."""
    data = unpacked(data, name)
    if named or is_conllu(data):
        return Document(_conllu(data, name, trees), data)
    lines = decoded(data, name).split("\n")
    if found := _TEN.search(data):
        number = data.count(b"\n", 0, found.start()) + 1
        what = "a line of CoNLL-U in what begins as plain text"
        remedy = "give the one or the other; CoNLL-U begins with comments (#) or with a word's line"
        raise UsageError(what, where=f"{name}:{number}", remedy=remedy)
    if "\0" in lines[0]:
        what, remedy = "its first line holds NUL bytes: it is no UTF-8 text", "convert it to UTF-8"
        raise UsageError(what, where=f"{name}:1", remedy=remedy)
    if b"\n" not in data and b"\r" in data.rstrip():
        what = "its lines end in a carriage return alone (CR), as old Macs wrote them"
        raise UsageError(what, where=name, remedy="end them in a line feed: tr '\\r' '\\n' < FILE > NEW")
    return Document(plain(lines, name, pretokenised=pretokenised))


def is_conllu(data: bytes) -> bool:
    """Whether the first line that is neither empty nor a comment is a word's, or a comment is CoNLL-U's."""
    start = len(BOM) if data.startswith(BOM) else 0
    while start < len(data):
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)]
        if _COMMENT.match(line) or _WORD.match(line):
            return True
        if line.strip() and not line.startswith(b"#"):
            return False
        start += len(line) + 1
    return False


def plain(lines: Sequence[str], name: str, *, pretokenised: bool = False) -> Corpus:
    """Plain text, a sentence a line; empty lines are passed over, a sentence is called by its line."""
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]
    found = [join(line.split()) if pretokenised else (line, split(line)) for _, line in numbered]
    full = [place for place, (_, spans) in enumerate(found) if spans]
    return _corpus([found[place] for place in full], [numbered[place][0] for place in full], name)


def read_labelled(text: Labelled, task: Task) -> Corpus:
    """Labelled sentences as a corpus; UsageError, TreebankError for a label that ``task`` does not have."""
    if isinstance(text, str | Path):
        named = _named_conllu(text)
        data = unpacked(_bytes(text), str(text)) if named or Path(text).is_file() else b""
        if not named and not is_conllu(data):
            raise UsageError(
                "labelled sentences must be CoNLL-U",
                where=str(text),
                remedy="give a .conllu file, or in Python [(words, labels), ...]",
            )
        corpus = _conllu(data, str(text), task.relational, strict=closed_columns([task.name]))
    elif isinstance(text, Corpus):
        corpus = text
    else:
        corpus = _pairs(text, task)
    if not (labels(corpus, task) != UNLABELLED).any():
        raise TreebankError(
            f"no word has a label of {task.name}",
            where=corpus.source.path,
            remedy="give sentences that are annotated for it, or none for zero-shot",
        )
    if task.relational:
        require_heads(corpus)
    return corpus


def require_heads(corpus: Corpus) -> None:
    """TreebankError, naming the sentence, where a word has no head."""
    lacking = np.flatnonzero(corpus.heads < 0)
    if len(lacking):
        sentence = int(np.searchsorted(corpus.offsets, lacking[0], side="right")) - 1
        word = int(lacking[0] - corpus.offsets[sentence])
        raise TreebankError(
            f"word {word + 1} {corpus.forms[int(lacking[0])]!r} has no head, and a relation is one to a head",
            where=corpus.where(sentence),
            remedy="parse the text first (HEAD in CoNLL-U), or use an aligner of word classes",
        )


def asked(annotations: Annotations, task: Task) -> Annotations:
    """The same words, each with some label of ``task``: so all are represented, whatever their gold is."""
    some = np.zeros(annotations.words, np.int64)
    if task.relational:
        some[annotations.heads < 0] = UNLABELLED
    return relabel(annotations, task, some)


def undivided(corpus: Corpus) -> int:
    """How many words look like several of a script without spaces."""
    return sum(len(form) >= UNDIVIDED and all(unspaced(sign) for sign in form) for form in corpus.forms)


def _conllu(data: bytes, name: str, trees: bool, strict: Collection[str] = ()) -> Corpus:
    # Neither the language nor the split decides anything here, and names of other people's files tell none.
    about: dict[str, Any] = {"language": "und", "treebank": Path(name).name, "split": "test"}
    corpus = conllu.read(name, trees=trees, strict=strict, content=data, **about)
    corpus.refuse_withheld()
    return corpus


def _named_conllu(path: str | Path) -> bool:
    return _NAMED.search(str(path)) is not None


def _bytes(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:  # a name that no file can have is a ValueError
        kind = TreebankError if _named_conllu(path) else UsageError
        what = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        remedy = "check the path; sentences themselves go in a list"
        raise kind(what, where=str(path), remedy=remedy) from error


def decoded(data: bytes, where: str) -> str:
    """UTF-8 bytes as text; UsageError, naming line and byte, for anything else."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte {error.start + 1} of the file, 0x{data[error.start]:02x}, is not UTF-8"
        remedy = "convert it to UTF-8, for example with iconv"
        raise UsageError(what, where=f"{where}:{line}", remedy=remedy) from error


def _cut(sentence: Sentence, number: int) -> tuple[str, Spans]:
    if isinstance(sentence, str):
        text, spans = sentence, split(sentence)
    elif _is_words(sentence):
        text, spans = join(sentence)
        if odd := [word for word in sentence if _SEPARATOR.search(word)]:
            raise UsageError(
                f"sentence {number}: {odd[0]!r} is no word: it has a tab or a line end",
                remedy="divide it into words",
            )
    else:
        raise UsageError(
            f"sentence {number} is neither text nor a list of words",
            remedy='give ["A dog sleeps."] or [["A", "dog", "sleeps", "."]], no empty words',
        )
    if not spans:
        raise UsageError(f"sentence {number} has no words", remedy="leave it out")
    encoded(text, f"sentence {number}")
    return text, spans


def _is_words(sentence: Any) -> TypeGuard[Sequence[str]]:
    return isinstance(sentence, Sequence) and all(isinstance(w, str) and w.strip() for w in sentence)


def _corpus(sentences: Sequence[tuple[str, Spans]], numbers: Sequence[int], name: str) -> Corpus:
    """A corpus without annotation; ``numbers`` are the sentences' lines, and their ids."""
    if not sentences:
        raise UsageError("there is no sentence in it", where=name, remedy="give one or more")
    lengths = [len(spans) for _, spans in sentences]
    words = sum(lengths)
    return Corpus(
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        upos=np.full(words, UNLABELLED, np.int8),
        relations=np.full(words, UNLABELLED, np.int8),
        subtypes=np.zeros(words, np.int16),
        heads=np.full(words, -1, np.int32),
        feats=np.zeros(words, np.int32),
        ranges=np.zeros(words, np.int16),
        subtype_names=("",),
        feats_names=("",),
        source=Source(name, "und", "test", name, ""),
        sent_ids=[str(number) for number in numbers],
        texts=[text for text, _ in sentences],
        lines=np.array(numbers, np.int64),
        forms=[text[begin:end] for text, spans in sentences for begin, end in spans],
        spans=np.array([span for _, spans in sentences for span in spans], np.int32).reshape(-1, 2),
        empty_nodes=0,
        skipped=0,
    )


def _pairs(pairs: Sequence[tuple[Sequence[str], Sequence[str]]], task: Task) -> Corpus:
    """``[(words, labels), ...]`` as a corpus."""
    if task.relational:
        raise UsageError(
            "words with labels have no heads, and relations are asked of a word and its head",
            remedy="give labelled sentences as CoNLL-U",
        )
    index = {concept: code for code, concept in enumerate(task.concepts)}
    codes: list[int] = []
    for number, pair in enumerate(pairs, 1):
        if len(pair) != 2 or isinstance(pair[0], str) or len(pair[0]) != len(pair[1]):
            raise UsageError(
                f"sentence {number} is not a pair of as many words as labels",
                remedy='give [(["A", "dog"], ["DET", "NOUN"]), ...]',
            )
        for word, label in zip(*pair, strict=True):
            if label not in index and label not in (None, "_"):
                near = nearest(str(label), task.concepts, most=3, cutoff=0.5)
                known = " or ".join(near) or ", ".join(task.concepts)
                raise UsageError(
                    f"unknown label {label!r} of {word!r}",
                    where=f"sentence {number} of the support",
                    remedy=f"use {known}; None for a word without one",
                )
            codes.append(index.get(label, UNLABELLED))
    corpus = read(cast(Sequence[Sentence], [list(words) for words, _ in pairs]))
    return relabel(corpus, task, np.array(codes, np.int64))
