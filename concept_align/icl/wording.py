"""What a prompt's text is made of: names of the concepts, and templates of a sentence with questions.

What a model gains from the meaning of labels shows against ``symbols`` (no meaning) and ``shuffled`` (the
wrong meaning; Blevins et al. 2023, arXiv 2211.07830, section 5, ask the same of their label forms).

The default template is theirs::

    Context: The cat sleeps
    Tagged: The_DET cat_NOUN sleeps_VERB

Other templates come from TOML files with the fields of :class:`Template`.
"""

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from .. import config
from ..errors import UsageError
from ..reading import read_toml
from ..registration import suggest
from ..seeding import stream

LabelKind = Literal["tags", "english", "language", "symbols", "shuffled"]
LABEL_KINDS: tuple[LabelKind, ...] = get_args(LabelKind)

_DATA = read_toml(Path(__file__).with_name("labels.toml"))
ENGLISH: dict[str, str] = _DATA["english"]
_WORDS: dict[str, list[str]] = {"en": list(ENGLISH.values())[:17], **_DATA["word_classes"]}

LANGUAGES: tuple[str, ...] = tuple(_WORDS)


@dataclass(frozen=True)
class LabelSet:
    """How a prompt calls the concepts: one string each, all different; ``kind``: as ``labels`` names it."""

    kind: str
    concepts: tuple[str, ...]
    names: tuple[str, ...]


def label_set(kind: str, concepts: Sequence[str], *, language: str | None = None, seed: int = 0) -> LabelSet:
    """Names for ``concepts``, in their order.

    ``tags`` are the concepts' own names, ``english`` words for word classes and relations, ``language`` words
    for word classes in ``language`` (ISO code), ``symbols`` arbitrary letters and ``shuffled`` the tags such
    that none stands for its own concept, both drawn from ``seed``. UsageError where there are no such names.
    """
    concepts = tuple(concepts)
    if len(set(concepts)) != len(concepts) or not concepts:
        raise UsageError("the concepts of a label set must be different, and at least one")
    if kind == "tags":
        names = concepts
    elif kind == "english":
        names = _words(ENGLISH, concepts, "English")
    elif kind == "language":
        names = _words(word_classes(language), concepts, str(language))
    elif kind == "symbols":
        names = _symbols(len(concepts), seed)
    elif kind == "shuffled":
        names = _shuffled(concepts, seed)
    else:
        raise UsageError(f"no labels are called {kind!r}", option="labels", remedy=suggest(kind, LABEL_KINDS))
    return LabelSet(kind, concepts, names)


def word_classes(language: str | None) -> dict[str, str]:
    """The 17 word classes in the words of ``language`` (ISO code). UsageError where there are none."""
    if language is None:
        raise UsageError(
            "labels in the words of a language need one", option="labels", remedy="name the language"
        )
    if language not in _WORDS:
        what = f"there are no words for word classes in {language!r}"
        remedy = f"use english or tags; languages with words: {', '.join(LANGUAGES)}"
        raise UsageError(what, option="labels", remedy=remedy)
    return dict(zip(ENGLISH, _WORDS[language], strict=False))  # which begins with the word classes


def _words(words: Mapping[str, str], concepts: tuple[str, ...], language: str) -> tuple[str, ...]:
    if missing := [concept for concept in concepts if concept not in words]:
        remedy = "use tags or symbols (words in other languages are of word classes only)"
        raise UsageError(f"there is no word for {missing[0]!r} in {language}", option="labels", remedy=remedy)
    return tuple(words[concept] for concept in concepts)


def _symbols(count: int, seed: int) -> tuple[str, ...]:
    """Letters while they last, else pairs of a letter and a digit: short, so that most are one token."""
    pool = list(string.ascii_letters)
    if count > len(pool):
        pool = [letter + digit for letter in string.ascii_letters for digit in string.digits]
    if count > len(pool):
        raise UsageError(f"there are {len(pool)} symbols for {count} concepts", option="labels")
    chosen = stream(seed, "icl-symbols", count).permutation(len(pool))[:count]
    return tuple(pool[place] for place in chosen.tolist())


def _shuffled(concepts: tuple[str, ...], seed: int) -> tuple[str, ...]:
    """A derangement, all equally likely: permutations are drawn until one leaves nothing in its place."""
    if len(concepts) < 2:
        raise UsageError("a single label cannot be shuffled", option="labels")
    rng = stream(seed, "icl-shuffled", len(concepts))
    while True:
        order = rng.permutation(len(concepts)).tolist()
        if all(place != other for place, other in enumerate(order)):
            return tuple(concepts[place] for place in order)


@dataclass(frozen=True)
class Template:
    """The text around words and labels. A label always stands right after ``word`` or ``relation``.

    ``{words}`` are all words of the sentence with spaces between them, ``{word}`` is the word that is
    asked about, ``{head}`` its head, ``root`` what stands for the head of a root.
    """

    name: str
    before: str = "Context: {words}\nTagged:"  # before a sentence's words
    word: str = " {word}_"  # a word whose class is asked
    relation: str = " {word}<{head}_"  # a word whose relation to its head is asked
    root: str = "ROOT"
    unasked: str = " {word}"  # a word of which nothing is asked
    behind: str = ""  # right after a label
    between: str = "\n\n"  # between sentences

    def __post_init__(self) -> None:
        for field, allowed in _PLACEHOLDERS.items():
            text = getattr(self, field)
            where = f"template {self.name}, {field} = {text!r}"
            try:
                found = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
            except ValueError as error:
                what = f"not a template: {error}"
                raise UsageError(what, where=where, remedy="write {{ for a brace") from error
            if strange := sorted(found - allowed):
                remedy = "use " + ", ".join(f"{{{name}}}" for name in sorted(allowed))
                raise UsageError(f"unknown placeholder {{{strange[0]}}}", where=where, remedy=remedy)
            if field != "before" and (missing := sorted(allowed - found)):
                what = f"{{{missing[0]}}} is missing"
                raise UsageError(what, where=where, remedy="put it where it is to stand")
        if not self.root:
            where = f"template {self.name}, root"
            raise UsageError("roots have no name", where=where, remedy="root = 'ROOT'")


_PLACEHOLDERS = {  # all are needed, but that of ``before``
    "before": {"words"},
    "word": {"word"},
    "relation": {"word", "head"},
    "unasked": {"word"},
}
TEMPLATES: dict[str, Template] = {
    template.name: template
    for template in (
        Template("tagged"),
        Template("slash", word=" {word}/", relation=" {word}<{head}/"),
        # A line a word: nothing a tokenizer could join with the label, at the price of more tokens.
        Template(
            "lines",
            before="Sentence: {words}",
            word="\n{word}:",
            relation="\n{word} < {head}:",
            unasked="\n{word}",
        ),
    )
}
DEFAULT = "tagged"


def template(name: str | Path) -> Template:
    """The template called ``name``, or the one in the TOML file of that path."""
    if str(name) in TEMPLATES:
        return TEMPLATES[str(name)]
    if Path(name).suffix == ".toml":
        return config.read_toml(name, Template)
    remedy = f"{suggest(str(name), TEMPLATES)} (or give the path of a .toml file)"
    raise UsageError(f"no template is called {str(name)!r}", option="templates", remedy=remedy)
