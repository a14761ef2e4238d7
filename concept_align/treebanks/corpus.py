"""One split of a treebank as columns; a sentence is a slice.

Words are UD syntactic words. Multiword tokens (range lines) and empty nodes (decimal ids) are not words:
a range leaves its mark in ``ranges`` and lends its surface span to its words, empty nodes are counted.
What has no column here (lemma, XPOS, DEPS, MISC, comments) stays in the sentence's lines and is read from
there when it is asked for.
"""

import gzip
import itertools
import lzma
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Int8, Int16, Int32, Int64
from numpy.typing import NDArray

from .. import atomic
from ..errors import TreebankError, UsageError, encoded, place
from ..types import UNLABELLED, Split
from . import exchange, reader
from .annotations import Annotations, TextColumn
from .concepts import (
    FIELDS,
    RELATIONS,
    UPOS,
    Task,
    check_task,
    is_open_ended,
    parse_task,
    relabel,
    value_of,
    with_label,
)

if TYPE_CHECKING:
    import conllu
    import datasets
    import pandas as pd


__all__ = ["Annotations", "Corpus", "Sentence", "Source"]

_LINE_END = re.compile(r"[\r\n]+")
_PLACEHOLDER = re.compile(r"_+|\*+|#+|\?+|[xX]{3,}")


@dataclass(frozen=True)
class Source:
    """Where a corpus comes from, as far as it decides an answer."""

    treebank: str  # "UD_English-EWT"
    language: str  # "en"
    split: Split
    path: str
    sha256: str


@dataclass(frozen=True)
class Sentence:
    """One sentence of a Corpus for people and prompts; columns are views."""

    id: str
    text: str
    line: int
    forms: tuple[str, ...]
    spans: Int32[np.ndarray, "words 2"]
    upos: Int8[np.ndarray, " words"]
    relations: Int8[np.ndarray, " words"]
    heads: Int32[np.ndarray, " words"]
    ranges: Int16[np.ndarray, " words"]


def write_packed(path: str | Path, data: bytes) -> None:
    """Write a file, packed where its name ends in ``.gz`` or ``.xz``."""
    pack = {".gz": lambda data: gzip.compress(data, mtime=0), ".xz": lzma.compress}
    atomic.write_bytes(path, pack.get(Path(path).suffix.lower(), bytes)(data))


@dataclass(frozen=True, eq=False, repr=False)
class Corpus(Annotations):
    """Annotations with their text: what the reader returns and a model reads.

    Made by :func:`~concept_align.treebanks.conllu.read_conllu`, or by ``from_dataset``, ``from_pandas`` and
    ``from_token_lists``; given away by ``to_conllu``, ``to_dataset``, ``to_pandas`` and ``token_lists``.

    Example:
        >>> corpus = Corpus.from_token_lists([["Dogs", "bark"]], upos=[["NOUN", "VERB"]], language="en")
        >>> corpus.words, list(corpus.forms)
        (2, ['Dogs', 'bark'])
    """

    source: Source
    sent_ids: Sequence[str]  # [sents]
    texts: Sequence[str]  # [sents], "# text", or rebuilt from the forms and SpaceAfter
    lines: Int64[np.ndarray, " sents"]  # 1-based line of the sentence's first line
    forms: Sequence[str]  # [words]
    # Characters of the sentence text that the word (or its multiword token) covers.
    spans: Int32[np.ndarray, "words 2"]
    empty_nodes: int  # how many empty nodes were passed over
    skipped: int  # sentences left out as broken (lenient reading only)
    rebuilt: int = 0  # sentences without a "# text" that holds their forms: it was rebuilt
    raw: Sequence[str] = ()  # [sents] the sentence's lines as they were read; () where it was never written
    # Labels that are none of UD, by column (UPOS, DEPREL), with their words, which count as not labelled.
    foreign: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def of_chunk(cls, chunk: reader.Chunk, source: Source) -> Self:
        """What the reader found, as a corpus from ``source``."""
        found = vars(chunk.columns) | {
            "empty_nodes": int(chunk.columns.empty_nodes.sum()),
            "rebuilt": int(chunk.columns.rebuilt.sum()),
        }
        del found["line_count"]
        return cls(
            source=replace(source, sha256=chunk.sha256),
            subtype_names=chunk.subtype_names,
            feats_names=chunk.feats_names,
            skipped=chunk.skipped,
            foreign=chunk.foreign,
            **found,
        )

    @classmethod
    def from_conllu(
        cls,
        text: str,
        *,
        language: str = "und",
        treebank: str = "text",
        split: Split = "test",
        lenient: bool = False,
        trees: bool = True,
    ) -> Self:
        """CoNLL-U that is in memory; options as in :func:`~concept_align.treebanks.conllu.read`.

        Raises TreebankError, with the line, for what is broken.
        """
        source = Source(treebank, language, split, treebank, "")
        content = encoded(text, treebank)
        chunk = reader.read(Path(treebank), lenient=lenient, trees=trees, content=content)
        return cls.of_chunk(chunk, source)

    @classmethod
    def from_dataset(
        cls,
        dataset: Iterable[Any],
        *,
        language: str = "und",
        treebank: str = "dataset",
        split: Split = "test",
    ) -> Self:
        """Sentences in the Hugging Face hub's layout of Universal Dependencies, as a corpus.

        ``dataset`` is a ``datasets.Dataset`` or rows: mappings with ``tokens`` [words] and, as far as they
        are known, ``idx`` (or ``sent_id``), ``text``, ``lemmas``, ``upos`` (names, or class labels),
        ``xpos``, ``feats``, ``head``, ``deprel``, ``deps``, ``misc`` [words each] and ``mwt`` (multiword
        tokens). Raises UsageError for columns that do not fit each other, TreebankError for labels that
        are not those of Universal Dependencies.

        Example:
            >>> rows = [{"tokens": ["Dogs", "bark"], "upos": ["NOUN", "VERB"], "head": ["2", "0"]}]
            >>> Corpus.from_dataset(rows, language="en").heads.tolist()
            [2, 0]
        """
        text = exchange.dataset_text(dataset)
        return cls.from_conllu(text, language=language, treebank=treebank, split=split)

    @classmethod
    def from_pandas(
        cls, frame: "pd.DataFrame", *, language: str = "und", treebank: str = "frame", split: Split = "test"
    ) -> Self:
        """A table with one row per word, as :meth:`to_pandas` makes it.

        Needed are ``form`` and what tells sentences apart (``sentence`` or ``sent_id``); other columns
        are those of CoNLL-U in small letters. Errors as in :meth:`from_dataset`.
        """
        text = exchange.frame_text(frame)
        return cls.from_conllu(text, language=language, treebank=treebank, split=split)

    @classmethod
    def from_token_lists(
        cls,
        sentences: Iterable[Sequence[Any]],
        *,
        language: str = "und",
        treebank: str = "token lists",
        split: Split = "test",
        **labels: Sequence[Sequence[Any]],
    ) -> Self:
        """``conllu.TokenList`` objects, or lists of words with ``labels`` of the same shape.

        Labels are columns of CoNLL-U in small letters, ``upos=[["NOUN", "VERB"]]``, ``head``, ``deprel``,
        ``xpos``, ..., with None for a word that has none. Errors as in :meth:`from_dataset`.

        Example:
            >>> corpus = Corpus.from_token_lists([["Dogs", "bark"]], xpos=[["NNS", "VBP"]], language="en")
            >>> corpus.column("XPOS").names
            ('', 'NNS', 'VBP')
        """
        text = exchange.lists_text(sentences, labels)
        return cls.from_conllu(text, language=language, treebank=treebank, split=split)

    def compact(self, columns: Iterable[str] = ()) -> "Corpus":
        """The corpus without its lines, over bytes of its own; of further columns, ``columns`` stay."""
        texts: dict[str, Any] = {name: getattr(self, name).own() for name in ("sent_ids", "texts", "forms")}
        return replace(self.with_columns(columns), raw=(), **texts)

    @classmethod
    def join(cls, parts: list["Corpus"]) -> "Corpus":
        """Compact ``parts`` of one file end to end; the list is emptied, so nothing is held twice."""
        last = parts[-1]
        fields = [vars(part).copy() for part in parts]
        parts.clear()

        def take(name: str) -> list[Any]:
            return [one.pop(name) for one in fields]

        offsets = take("offsets")
        before = np.cumsum([0, *(int(one[-1]) for one in offsets)])
        joined: dict[str, Any] = {name: sum(take(name)) for name in ("empty_nodes", "skipped", "rebuilt")}
        joined["offsets"] = np.concatenate(
            [[0], *(one[1:] + base for one, base in zip(offsets, before[:-1], strict=True))]
        )
        for name in ("sent_ids", "texts", "forms"):
            joined[name] = reader.concatenate(take(name))
        for name in (*(name for name in reader.OF_WORDS if name != "forms"), "lines"):
            joined[name] = np.concatenate(take(name))
        columns = take("columns")
        joined["columns"] = {name: TextColumn.join([one[name] for one in columns]) for name in last.columns}
        return replace(last, **joined)

    def __repr__(self) -> str:
        source = f"{self.source.treebank}, {self.source.language} {self.source.split}"
        return f"<Corpus {source}: {self.sents:,} sentences, {self.words:,} words>"

    def sentence(self, index: int) -> Sentence:
        """Sentence ``index`` (from 0)."""
        words = self.words_of(index)
        return Sentence(
            id=self.sent_ids[index],
            text=self.texts[index],
            line=int(self.lines[index]),
            forms=tuple(self.forms[words]),
            spans=self.spans[words],
            upos=self.upos[words],
            relations=self.relations[words],
            heads=self.heads[words],
            ranges=self.ranges[words],
        )

    def where(self, sentence: int) -> str:
        """``file:line, sentence ID``, as errors name a sentence."""
        return place(self.source.path, int(self.lines[sentence]), self.sent_ids[sentence])

    def of_words(self, kept: NDArray[np.bool_]) -> "Corpus":
        """The words where ``kept`` [words] is true, with the whole texts; none has been written.

        A head that is not kept is not annotated.
        """
        after = np.concatenate([[0], np.cumsum(kept)])  # [words + 1] words kept before each
        first = np.repeat(self.offsets[:-1], np.diff(self.offsets))  # [words] of the word's sentence
        at = first + np.maximum(self.heads, 1) - 1
        moved = np.where(kept[at], after[at] - after[first] + 1, UNLABELLED)
        heads = np.where(self.heads > 0, moved, self.heads).astype(self.heads.dtype)
        codes = {name: getattr(self, name)[kept] for name in (*reader.OF_WORDS[:-2], "spans")}
        columns = {name: TextColumn(of.codes[kept], of.names) for name, of in self.columns.items()}
        forms = [self.forms[word] for word in np.flatnonzero(kept).tolist()]
        codes |= {"offsets": after[self.offsets], "heads": heads[kept]}
        return replace(self, **codes, columns=columns, forms=forms, raw=())

    def strange(self) -> list[str]:
        """What is to be said of labels that are none of UD, column by column."""
        return [
            f"{column}: {sum(found.values()):,} words have labels that are not of Universal Dependencies and "
            f"count as not labelled: {', '.join(itertools.islice(found, 4))}{', ...' * (len(found) > 4)}"
            for column, found in self.foreign.items()
        ]

    @property
    def withheld(self) -> int:
        """How many forms are only signs that stand for a form (``_``, ``____``)."""
        return _placeholders(self.forms)

    def refuse_withheld(self) -> None:
        """TreebankError where most forms are only signs that stand for them (``_``): there is no text."""
        withheld = self.withheld
        if 2 * withheld > self.words:
            raise TreebankError(
                f"its text is withheld: {withheld:,} of {self.words:,} forms are only placeholders",
                where=self.source.path,
                remedy="get the text as the treebank's README says, and merge it into the file",
            )

    def rows(self, sentence: int) -> list[list[str]]:
        """The lines of ``sentence`` (from 0) in CoNLL-U, a comment as one string, a token as ten.

        Everything is as it was read (multiword tokens and empty nodes too), but for the labels of words
        (UPOS, FEATS, HEAD, DEPREL and those in ``columns``), which are those of this corpus.
        """
        rows = exchange.split(self.raw[sentence]) if self.raw else self._unwritten(sentence)
        word = int(self.offsets[sentence])
        for row in rows:
            if row[0].isdecimal() and len(row) > 1:
                relation, subtype = self.relations[word], self.subtype_names[self.subtypes[word]]
                row[3] = UPOS[self.upos[word]] if self.upos[word] >= 0 else "_"
                row[5] = self.feats_names[self.feats[word]] or "_"
                row[6] = str(self.heads[word]) if self.heads[word] >= 0 else "_"
                row[7] = RELATIONS[relation] + (f":{subtype}" if subtype else "") if relation >= 0 else "_"
                for name, column in self.columns.items():
                    with_label(row, f"column:{name}", column.names[column.codes[word]])
                word += 1
        return rows

    def _unwritten(self, sentence: int) -> list[list[str]]:
        words, text = self.words_of(sentence), self.texts[sentence]
        spans, ranges = self.spans[words].tolist(), self.ranges[words].tolist()
        rows = exchange.lay(list(self.forms[words]), spans, ranges, text)
        text = _LINE_END.sub(" ", text)
        return [[f"# sent_id = {self.sent_ids[sentence]}"], [f"# text = {text}"], *rows]

    def to_conllu(self) -> str:
        """The corpus as CoNLL-U text; see :meth:`rows` for what is kept.

        Example:
            >>> Corpus.from_token_lists([["Dogs", "bark"]]).to_conllu().splitlines()[0]
            '# sent_id = 1'
        """
        return "".join(exchange.block(self.rows(sentence)) for sentence in range(self.sents))

    def write_conllu(self, path: str | Path) -> None:
        """Write :meth:`to_conllu` to ``path``, packed where its name ends in ``.gz`` or ``.xz``."""
        write_packed(path, self.to_conllu().encode())

    def token_lists(self) -> "list[conllu.TokenList]":
        """The sentences as the ``conllu`` package has them, for the tools that speak it."""
        import conllu

        return list(conllu.parse(self.to_conllu()))

    def to_pandas(self) -> "pd.DataFrame":
        """A table with one row per word.

        Columns are ``sentence`` (from 0), ``sent_id``, those of CoNLL-U in small letters (``id``, ``form``,
        ..., ``misc``; None where there is none, -1 for no head), ``token`` (the multiword token's
        form, or the word's) and ``range`` (the word's place in its multiword token, 0 in none).
        """
        return exchange.frame(self._words())

    def to_dataset(self) -> "datasets.Dataset":
        """The corpus in the hub's layout (see :meth:`from_dataset`), one row per sentence.

        Raises UsageError where the package ``datasets`` is not installed.
        """
        return exchange.dataset(self._words())

    def _words(self) -> Iterator[exchange.SentenceRows]:
        for sentence in range(self.sents):
            yield exchange.SentenceRows(self.sent_ids[sentence], self.texts[sentence], self.rows(sentence))

    def column(self, name: str) -> TextColumn:
        """Any column of CoNLL-U by its name (``XPOS``), or a key of FEATS or MISC (``MISC:Gloss``)."""
        if name in self.columns:
            return self.columns[name]
        column, _, key = name.partition(":")
        index = FIELDS.index(column)
        values = [row[index] for s in range(self.sents) for row in self.rows(s) if row[0].isdecimal()]
        return TextColumn.of([value_of(value, key) for value in values] if key else values)

    def with_labels(self, task: str, labels: Sequence[str | None]) -> "Corpus":
        """The corpus with other ``labels`` [words] for ``task``, None for a word that has none.

        Raises UsageError for another number of labels, and for one that the task does not have.

        Example:
            >>> corpus = Corpus.from_token_lists([["Ankara", "sleeps"]])
            >>> named = corpus.with_labels("column:MISC:NER", ["PLACE", None])
            >>> named.to_conllu().splitlines()[1].split("\\t")[-1]
            'NER=PLACE'
        """
        if len(labels) != self.words:
            raise UsageError(f"{len(labels)} labels for {self.words} words", option="labels")
        check_task(task)
        given = {label for label in labels if label}
        for label in given:
            encoded(label, f"label {label!r}")
            if "\t" in label or "\n" in label:
                raise UsageError(f"{label!r} has a tab or a line end", option="labels")
        whole = Task(task, tuple(sorted(given))) if is_open_ended(task) else parse_task(task)
        if odd := sorted(given - {*whole.concepts}):
            raise UsageError(
                f"{task} has no {odd[0]!r}", option="labels", remedy=f"use {', '.join(whole.concepts)}"
            )
        index = {concept: code for code, concept in enumerate(whole.concepts)}
        codes = [index[label] if label else UNLABELLED for label in labels]
        return relabel(self, whole, np.array(codes, np.int64))

    def with_columns(self, names: Iterable[str]) -> "Corpus":
        """The corpus with the columns ``names`` among its ``columns``, so that ``select`` keeps them."""
        names = tuple(names)
        return replace(self, columns={name: self.column(name) for name in names}) if names else self


def _placeholders(forms: Sequence[str]) -> int:
    """How many of ``forms`` are only signs that stand for a form."""
    if isinstance(forms, reader.Strings) and len(forms):
        opening = np.frombuffer(forms.data, np.uint8)[forms.starts]
        forms = forms.take(np.flatnonzero(np.isin(opening, np.frombuffer(b"_*#?xX", np.uint8))))
    return sum(_PLACEHOLDER.fullmatch(form) is not None for form in forms)
