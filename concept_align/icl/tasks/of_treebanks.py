"""Questions made from treebanks: translations by equal ids, lemmas of words, forms of lemmas.

*Translation*: sentences of two treebanks with equal ``sent_id`` (PUD, the mini treebanks). Options:
``other``, the second language (en), and ``direction``: ``into`` it, or ``from`` it.
*Lemma*: the lemma of a word in its sentence. *Inflection*: the form of a lemma with given features, as in
the shared tasks of morphology (Cotterell et al. 2016, W16-2002), here from UD's columns. Both take a word of
each sentence at random, of the classes in the option ``classes``.

Demonstrations are of train splits, questions of test splits. In a treebank without a train split a fifth of
its documents is what demonstrations are of, the rest is asked: by id, so that no sentence's translation
demonstrates it.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...config import checked
from ...errors import UsageError
from ...hashing import digest
from ...seeding import stream
from ...treebanks import conllu, registry
from ...treebanks.concepts import UPOS
from ...treebanks.corpus import Corpus
from ...treebanks.discover import TreebankFile, find_treebanks
from ...treebanks.translations import translated
from . import QuestionSplit
from .questions import TaskRow

CLASSES = ("NOUN", "VERB", "ADJ")
LONGEST = 40  # words of a sentence
_FIFTH = 5


def read_translation(
    path: Path, language: str, split: QuestionSplit, options: Mapping[str, Any]
) -> list[TaskRow]:
    """Sentences of ``language`` with their translations."""
    other, direction = str(options.get("other", "en")), str(options.get("direction", "into"))
    if direction not in ("into", "from"):
        raise UsageError(f"direction {direction!r}", option="set", remedy="say direction=into or from")
    if other == language:
        what = f"{language} cannot be translated into itself"
        remedy = "leave it out of langs and demo_langs, or set another language than this with other="
        raise UsageError(what, where=str(path), remedy=remedy)
    mine, theirs = _parallel(path, language, other)
    texts = {
        code: dict(_texts(files, split)) for code, files in ((language, mine), (other, theirs))
    }  # by language and id
    source, target = (language, other) if direction == "into" else (other, language)
    rows = []
    for name in translated(texts[language], texts[other]):
        fields = {
            "source": texts[source][name],
            "source_language": _named(source),
            "target_language": _named(target),
        }
        right = texts[target][name]
        rows.append(
            TaskRow(
                name, language, fields, (right,), copied=fields["source"], answered_in=target,
                where=f"{path}, {name}",
            )
        )  # fmt: skip
    if not rows:
        what = f"no sentences of {language} and {other} that have an id in common are translations"
        raise UsageError(what, where=str(path), remedy="name a folder of parallel treebanks (PUD, mini)")
    return sorted(rows, key=lambda row: row.id)


def _named(code: str) -> str:
    known = registry.known(code)
    return known.name if known else code


def _parallel(path: Path, a: str, b: str) -> tuple[list[TreebankFile], list[TreebankFile]]:
    """The files of two languages' treebanks of one name: PUD first, as it is made to be parallel."""
    by_name: dict[str, dict[str, list[TreebankFile]]] = {}
    for file in find_treebanks(path, every=True):
        by_name.setdefault(file.treebank.rpartition("-")[2], {}).setdefault(file.language, []).append(file)
    both = sorted(name for name, files in by_name.items() if {a, b} <= files.keys())
    if not both:
        what = f"no treebanks of one name in {a} and {b}"
        raise UsageError(what, where=str(path), option="langs", remedy="translations need PUD, or mini")
    files = by_name["PUD" if "PUD" in both else both[0]]
    return files[a], files[b]


def _texts(files: list[TreebankFile], split: QuestionSplit) -> Iterator[tuple[str, str]]:
    for corpus, sentence in _sentences(files, split):
        yield corpus.sent_ids[sentence], corpus.texts[sentence]


def _sentences(files: list[TreebankFile], split: QuestionSplit) -> Iterator[tuple[Corpus, int]]:
    """The sentences of demonstrations (``dev``) or questions, of at most LONGEST words."""
    known = {file.split: file for file in files}
    divided = "train" not in known or "test" not in known
    taken = list(known.values()) if divided else [known["train" if split == "dev" else "test"]]
    for file in taken:
        corpus = conllu.read(
            file.path, language=file.language, treebank=file.treebank, split=file.split,
            lenient=True, trees=False, strict=(),
        )  # fmt: skip
        for sentence, name in enumerate(corpus.sent_ids):
            document = registry.pud_document(name) or name
            shown = int(digest(["document", document])[:8], 16) % _FIFTH == 0
            words = corpus.words_of(sentence)
            if (not divided or shown == (split == "dev")) and words.stop - words.start <= LONGEST:
                yield corpus, sentence


def read_lemma(path: Path, language: str, split: QuestionSplit, options: Mapping[str, Any]) -> list[TaskRow]:
    """A word of each sentence, its lemma asked for."""
    rows = []
    for corpus, sentence, word in _drawn(path, language, split, options, first=0):
        lemma, form = _value(corpus, "LEMMA", word), corpus.forms[word]
        fields = {"sentence": corpus.texts[sentence], "form": form, "class": UPOS[corpus.upos[word]]}
        name = corpus.sent_ids[sentence]
        rows.append(TaskRow(name, language, fields, (lemma,), copied=form, where=corpus.where(sentence)))
    return _some(rows, path, language, "lemma")


def read_inflection(
    path: Path, language: str, split: QuestionSplit, options: Mapping[str, Any]
) -> list[TaskRow]:
    """The lemma and features of a word of each sentence, its form asked for.

    First words, which may be written large for that, are not taken.
    """
    rows = []
    for corpus, sentence, word in _drawn(path, language, split, options, first=1, features=True):
        lemma, features = _value(corpus, "LEMMA", word), _value(corpus, "FEATS", word)
        fields = {"lemma": lemma, "class": UPOS[corpus.upos[word]], "features": features.replace("|", ", ")}
        name, form = corpus.sent_ids[sentence], corpus.forms[word]
        rows.append(TaskRow(name, language, fields, (form,), copied=lemma, where=corpus.where(sentence)))
    return _some(rows, path, language, "lemma and features")


def _some(rows: list[TaskRow], path: Path, language: str, what: str) -> list[TaskRow]:
    if not rows:
        told = f"no word with {what} in {language}"
        raise UsageError(told, where=str(path), option="langs", remedy="leave the language out")
    return rows


def _value(corpus: Corpus, column: str, word: int) -> str:
    of = corpus.columns[column]
    return of.names[of.codes[word]]


def _drawn(
    path: Path,
    language: str,
    split: QuestionSplit,
    options: Mapping[str, Any],
    *,
    first: int,
    features: bool = False,
) -> Iterator[tuple[Corpus, int, int]]:
    """A word at random of each sentence, from its ``first`` place on: (corpus, sentence, word)."""
    classes = checked(tuple[str, ...], options.get("classes", CLASSES), "set")
    if unknown := [one for one in classes if one not in UPOS]:
        what = f"{unknown[0]!r} is no word class"
        raise UsageError(what, option="set", remedy=f"classes are {', '.join(UPOS)}")
    codes = {UPOS.index(one) for one in classes}
    held: Corpus | None = None
    whole = None
    for corpus, sentence in _sentences(find_treebanks(path, [language]), split):
        if corpus is not whole:
            whole, held = corpus, corpus.with_columns(["LEMMA", "FEATS"])
        assert held is not None
        own = held.words_of(sentence)
        there = [
            word
            for word in range(own.start + first, own.stop)
            if int(held.upos[word]) in codes
            and any(map(str.isalpha, held.forms[word]))
            and _value(held, "LEMMA", word)
            and (not features or _value(held, "FEATS", word))
        ]
        if there:
            random = stream(0, "asked word", language, held.sent_ids[sentence])
            yield held, sentence, there[int(random.integers(len(there)))]
