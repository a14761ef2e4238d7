"""Parallel treebanks: sentences with equal ``sent_id`` are translations of one another (PUD, mini).

Two treebanks are taken to be parallel where their texts look like translations
(:mod:`concept_align.treebanks.translations`). Of several treebanks of a language the one is taken that shares
most with other languages, unless ``langs`` names another. Of a treebank with a train split nothing else is
read.

Documents are those of ``# newdoc`` in any of the languages; in PUD, where some do not have them, the first
six signs of ``sent_id``.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ...errors import TreebankError, UsageError
from ...treebanks import conllu, registry
from ...treebanks.discover import MINI, TreebankFile, find_treebanks
from ...treebanks.translations import translated
from ..parallel import Parallel, cleaned

_NEWDOC = re.compile(r"^#\s*newdoc\b(?:\s+id\s*=\s*([^\n]*))?", re.MULTILINE)


@dataclass(eq=False)
class _Candidate:
    """What one treebank has to offer."""

    treebank: str
    language: str
    texts: dict[str, str] = field(default_factory=dict)
    documents: dict[str, str] = field(default_factory=dict)
    twice: str | None = None  # the place of an id that was there before
    skipped: int = 0


def read(path: str, langs: Sequence[str]) -> Parallel:
    """The parallel treebanks in ``path`` (a release, or ``mini``) in ``langs``."""
    chosen, notes = _chosen(path, langs)
    for one in chosen:
        if one.twice:
            remedy = "give each sentence an id of its own"
            raise TreebankError("an id that was there before", where=one.twice, remedy=remedy)
        if one.skipped:
            notes.append(f"{one.treebank}: {one.skipped} broken sentences left out")
    texts = {one.language: one.texts for one in chosen}
    partial = {i for own in texts.values() for i in own} - set[str].intersection(
        *(set(own) for own in texts.values())
    )
    if partial:
        notes.append(f"{len(partial):,} ids are not in every language: {', '.join(sorted(partial)[:6])}")
    source = path if path == MINI else f"treebanks:{path}"
    return Parallel.of(texts, documents=_documents(chosen), source=source, notes=notes)


def _files(path: str) -> dict[str, list[TreebankFile]]:
    """By treebank: the files of its train split, or all where it has none."""
    found: dict[str, list[TreebankFile]] = {}
    for file in find_treebanks(path, every=True):
        found.setdefault(file.treebank, []).append(file)
    return {name: [file for file in files if file.split == "train"] or files for name, files in found.items()}


def _chosen(path: str, langs: Sequence[str]) -> tuple[list[_Candidate], list[str]]:
    """One treebank a language, and what is to be said of those that are left out."""
    files = _files(path)
    codes = {name: own[0].language for name, own in files.items()}
    aliases = {registry.prefix(name): name for name in files}
    try:
        wanted = registry.select(langs, [*codes.values(), *files], aliases)
    except UsageError as error:
        raise UsageError(error.message, option="langs", where=path, remedy=error.remedy) from error
    named = {codes[name]: name for name in wanted if name in files}
    if len(named) < sum(name in files for name in wanted):
        what = "two treebanks of one language are named"
        raise UsageError(what, option="langs", where=path, remedy="name one treebank a language")
    asked = dict.fromkeys(codes.get(name, name) for name in wanted)
    candidates = {
        code: [
            _read(name, files[name])
            for name, own in codes.items()
            if own == code and named.get(code, name) == name
        ]
        for code in asked
    }
    chosen, lonely = [], []
    for code, own in candidates.items():
        others = [rivals for other, rivals in candidates.items() if other != code]
        best = max(own, key=lambda one: (_shared_with(one, others), one.treebank))
        if _shared_with(best, others) or code in named:
            chosen.append(best)
        else:
            lonely.append(code)
    if len(chosen) < 2:
        remedy = "name treebanks that share their sent_ids (langs: pud), or a release that has them"
        raise UsageError("no parallel treebanks here", option="pairs", where=path, remedy=remedy)
    notes = [f"no parallel treebank: {', '.join(lonely)}"] if lonely else []
    return chosen, notes


def _read(treebank: str, files: Iterable[TreebankFile]) -> _Candidate:
    found: _Candidate | None = None
    for file in files:
        corpus = conllu.read(
            file.path,
            language=file.language,
            treebank=treebank,
            split=file.split,
            lenient=True,
            trees=False,
            strict=(),
        )
        found = found or _Candidate(treebank, file.language)
        found.skipped += corpus.skipped
        document, count = None, 0
        for sentence, one in enumerate(corpus.sent_ids):
            if one in found.texts and found.twice is None:
                found.twice = corpus.where(sentence)
            if (match := _NEWDOC.search(corpus.raw[sentence])) is not None:
                count += 1
                document = (match[1] or "").strip() or f"{file.path.name} {count}"
            found.texts[one] = cleaned(corpus.texts[sentence])
            if document is not None:
                found.documents[one] = document
    assert found is not None  # find_treebanks gives each treebank a file
    return found


def _shared_with(one: _Candidate, others: Iterable[Sequence[_Candidate]]) -> int:
    """How many translations ``one`` has in the other languages."""
    return sum(max(len(translated(one.texts, rival.texts)) for rival in rivals) for rivals in others)


def _documents(chosen: Sequence[_Candidate]) -> dict[str, str]:
    """The document of each id: what is one document in any language is one."""
    tellers = [one.documents for one in chosen if len(set(one.documents.values())) > 1]
    ids = dict.fromkeys(one for own in chosen for one in own.texts)
    tellers.append({one: known for one in ids if (known := registry.pud_document(one))})
    parent = {one: one for one in ids}

    def root(one: str) -> str:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    names: dict[str, str] = {}
    for teller in tellers:
        first: dict[str, str] = {}
        for one, document in teller.items():
            parent[root(one)] = root(first.setdefault(document, one))
            names.setdefault(one, document)
    told: dict[str, str] = {}
    for one in ids:
        if one in names:
            told.setdefault(root(one), names[one])
    return {one: told.get(root(one), one) for one in ids}
